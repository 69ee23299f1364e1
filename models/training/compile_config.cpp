// What `compile` was given, as Keras saves it, and the way back.
#include <nyala/models/training/trainer_state.hpp>

namespace nyala {
namespace {

template <class T>
Config to_config(const PerOutput<T>& option) {
  using Kind = typename PerOutput<T>::Kind;
  switch (option.kind()) {
    case Kind::none: return {};
    case Kind::text: return option.text();
    case Kind::value: return ConfigCodec<T>::to(option.value());
    case Kind::list: {
      Config list = Config::list();
      for (const PerOutput<T>& item : option.items()) list.push_back(to_config(item));
      return list;
    }
    default: {
      Config dict = Config::dict();
      for (std::size_t i = 0; i < option.items().size(); ++i)
        dict[option.names()[i]] = to_config(option.items()[i]);
      return dict;
    }
  }
}

template <class T>
PerOutput<T> from_config(const Config& config) {
  if (config.is_null()) return {};
  if (config.is_string()) return config.as_string();
  if (config.is_list()) {
    std::vector<PerOutput<T>> items;
    for (const Config& item : config.as_list()) items.push_back(from_config<T>(item));
    return items;
  }
  if (config.is_dict() && !config.contains("class_name")) {
    std::vector<typename PerOutput<T>::Entry> entries;
    for (const auto& [name, item] : config.as_dict())
      entries.emplace_back(name, from_config<T>(item));
    return PerOutput<T>::dict(entries);
  }
  return PerOutput<T>(ConfigCodec<T>::from(config));
}

constexpr const char* kKeys[] = {"optimizer",
                                 "loss",
                                 "loss_weights",
                                 "metrics",
                                 "weighted_metrics",
                                 "run_eagerly",
                                 "steps_per_execution",
                                 "jit_compile",
                                 "auto_scale_loss"};

}  // namespace

Config Trainer::get_compile_config() const {
  Config config = Config::dict();
  if (compiled_ == nullptr) return config;
  const CompileArgs& args = compiled_->args;
  config["optimizer"] = serialize_object(compiled_->optimizer_given.get());
  config["loss"] = to_config(args.loss.as_dict());
  config["loss_weights"] = to_config(args.loss_weights.as_dict());
  config["metrics"] = to_config(compiled_->metrics.plain());
  config["weighted_metrics"] = to_config(compiled_->metrics.weighted());
  config["run_eagerly"] = args.run_eagerly;
  config["steps_per_execution"] = args.steps_per_execution;
  config["jit_compile"] = args.jit_compile.on();
  return config;
}

void Trainer::compile_from_config(const Config& config) {
  const std::string who = layer_.label() + ": compile_config";
  if (!config.is_dict())
    throw ValueError(who + " is " + config.str().substr(0, 200) + ", expected a dict");
  check_keys(who, config, {std::begin(kKeys), std::end(kKeys)});
  CompileArgs args;
  const auto with = [&](const char* key, const auto& read) {
    const Config* value = config.find(key);
    if (value == nullptr || value->is_null()) return;
    try {
      read(*value);
    } catch (const Error& error) {
      throw ValueError(who + ": \"" + key + "\" " + error.what());
    }
  };
  with("optimizer", [&](const Config& value) {
    args.optimizer =
        optimizers::Optimizer(optimizers::OptimizerBase::registry().from_config(value));
  });
  with("loss", [&](const Config& value) { args.loss = from_config<losses::Loss>(value); });
  with("loss_weights",
       [&](const Config& value) { args.loss_weights = from_config<double>(value); });
  with("metrics", [&](const Config& value) { args.metrics = from_config<metrics::Metric>(value); });
  with("weighted_metrics",
       [&](const Config& value) { args.weighted_metrics = from_config<metrics::Metric>(value); });
  with("run_eagerly", [&](const Config& value) { args.run_eagerly = value.as_bool(); });
  with("steps_per_execution",
       [&](const Config& value) { args.steps_per_execution = static_cast<int>(value.as_int()); });
  with("jit_compile", [&](const Config& value) {
    if (value.is_bool()) args.jit_compile = value.as_bool();
  });
  compile(args);
  if (layer_.built()) optimizer()->build(layer_.trainable_variables());
}

}  // namespace nyala
