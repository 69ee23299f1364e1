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
            auto optimizer = make_object(std::move(args));
            if (config != given) optimizer->add_rows_first();
            return optimizer;
          }};
}

// Older files hold the options of all optimizers, which this one has not: at their defaults they
// mean nothing.
ObjectRegistry<OptimizerBase>::Entry loss_scale_entry() {
  const auto plain = entry<LossScaleOptimizerArgs>("LossScaleOptimizer", "lossscaleoptimizer");
  return {plain.names, [make = plain.make](const Config& given) {
            Config config = given;
            const SGDArgs defaults;
            Config usual = Config::dict();
            fields_to_config(defaults, usual);
            for (const char* key : {"weight_decay",
                                    "clipnorm",
                                    "global_clipnorm",
                                    "clipvalue",
                                    "use_ema",
                                    "ema_momentum",
                                    "ema_overwrite_frequency",
                                    "loss_scale_factor",
                                    "gradient_accumulation_steps"}) {
              const Config* value = config.find(key);
              if (value == nullptr) continue;
              if (*value != usual.at(key))
                throw ValueError("LossScaleOptimizer: does not take " + std::string(key) +
                                 ", which belongs to its inner_optimizer");
              config.erase(key);
            }
            return make(config);
          }};
}

}  // namespace

ObjectRegistry<OptimizerBase>& OptimizerBase::registry() {
  static ObjectRegistry<OptimizerBase> all(
      "optimizer",
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
       entry<LambArgs>("Lamb", "lamb"),
       entry<AdafactorArgs>("Adafactor", "adafactor"),
       entry<MuonArgs>("Muon", "muon"),
       entry<ScheduleFreeAdamWArgs>("ScheduleFreeAdamW", "schedulefreeadamw"),
       loss_scale_entry()});
  return all;
}

}  // namespace nyala::optimizers
