#include <nyala/models/optimizers/classes.hpp>

namespace nyala::optimizers {
namespace {

template <class Args>
ObjectRegistry<OptimizerBase>::Entry entry(const char* class_name, const char* name) {
  return {{class_name, name}, [class_name](const Config& given) {
            const Config config = detail::without_old_keys(given);
            check_keys(class_name, config, field_names<Args>());
            Args args = unset_args<Args>();
            fields_from_config(class_name, config, args);
            return make_object(std::move(args));
          }};
}

}  // namespace

ObjectRegistry<OptimizerBase>& OptimizerBase::registry() {
  static ObjectRegistry<OptimizerBase> all("optimizer",
                                           {entry<SGDArgs>("SGD", "sgd"),
                                            entry<RMSpropArgs>("RMSprop", "rmsprop"),
                                            entry<AdamArgs>("Adam", "adam"),
                                            entry<AdamWArgs>("AdamW", "adamw"),
                                            entry<AdadeltaArgs>("Adadelta", "adadelta"),
                                            entry<AdagradArgs>("Adagrad", "adagrad"),
                                            entry<AdamaxArgs>("Adamax", "adamax"),
                                            entry<NadamArgs>("Nadam", "nadam"),
                                            entry<FtrlArgs>("Ftrl", "ftrl"),
                                            entry<LionArgs>("Lion", "lion"),
                                            entry<LambArgs>("Lamb", "lamb")});
  return all;
}

}  // namespace nyala::optimizers
