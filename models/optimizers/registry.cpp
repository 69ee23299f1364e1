#include <nyala/core/args_from_config.hpp>
#include <nyala/core/log.hpp>
#include <nyala/models/optimizers/classes.hpp>

namespace nyala::optimizers {
namespace {

// What tf.keras 2.x writes and Keras 3 ignores is left out.
Config without_old_keys(Config config) {
  if (!config.is_dict()) return config;
  if (const Config* decay = config.find("decay");
      decay != nullptr && decay->is_number() && decay->as_double() != 0)
    log_warning("an optimizer's option \"decay\" is no longer supported and is ignored");
  for (const char* key : {"decay", "jit_compile", "is_legacy_optimizer"}) config.erase(key);
  return config;
}

template <class Args>
std::shared_ptr<OptimizerBase> from_config(const char* class_name, const Config& given) {
  Config config = without_old_keys(given);
  const bool is_old = config != given;
  if constexpr (requires { Args::upgrade(config); }) config = Args::upgrade(std::move(config));
  auto optimizer = make_object(args_from_config<Args>(class_name, config));
  if (is_old) optimizer->add_rows_first();
  return optimizer;
}

}  // namespace

ObjectRegistry<OptimizerBase>& OptimizerBase::registry() {
  static ObjectRegistry<OptimizerBase> all("optimizer",
                                           {
#define OPTIMIZER(Class, name) \
  {{#Class, name}, [](const Config& config) { return from_config<Class##Args>(#Class, config); }},
#include <nyala/models/optimizers/optimizers.def>
#undef OPTIMIZER
                                           });
  return all;
}

}  // namespace nyala::optimizers
