#include <nyala/core/args_from_config.hpp>
#include <nyala/models/optimizers/classes.hpp>

namespace nyala::optimizers {
namespace {

template <class Args>
std::shared_ptr<OptimizerBase> from_config(const char* class_name, const Config& given) {
  Config config = detail::without_old_keys(given);
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
