#include <nyala/models/saving/legacy_config.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include <nyala/core/error.hpp>
#include <nyala/layers/initializers.hpp>
#include <nyala/models/metrics/metric.hpp>
#include <nyala/models/optimizers/schedules.hpp>
#include <nyala/models/saving/bytes.hpp>

namespace nyala::saving {
namespace {

struct Renamed {
  std::string_view from;
  std::string_view to;
};

template <std::size_t n>
std::optional<std::string> find_name(const std::array<Renamed, n>& all, std::string_view name) {
  for (const Renamed& entry : all) {
    if (entry.from == name) return std::string(entry.to);
  }
  return std::nullopt;
}

constexpr std::array<Renamed, 16> kClasses = {{{"Convolution1D", "Conv1D"},
                                               {"Convolution2D", "Conv2D"},
                                               {"Convolution3D", "Conv3D"},
                                               {"AtrousConvolution1D", "Conv1D"},
                                               {"AtrousConvolution2D", "Conv2D"},
                                               {"Deconvolution2D", "Conv2DTranspose"},
                                               {"SeparableConvolution1D", "SeparableConv1D"},
                                               {"SeparableConvolution2D", "SeparableConv2D"},
                                               {"TimeDistributedDense", "Dense"},
                                               {"CuDNNLSTM", "LSTM"},
                                               {"CuDNNGRU", "GRU"},
                                               {"GroupedQueryAttention", "GroupQueryAttention"},
                                               {"ThresholdedReLU", "ReLU"},
                                               {"BatchNormalizationV1", "BatchNormalization"},
                                               {"BatchNormalizationV2", "BatchNormalization"},
                                               {"AlphaDropoutV1", "AlphaDropout"}}};

// Options of Keras 1, in any layer that has them.
constexpr std::array<Renamed, 26> kOptions = {{{"init", "kernel_initializer"},
                                               {"inner_init", "recurrent_initializer"},
                                               {"inner_activation", "recurrent_activation"},
                                               {"W_regularizer", "kernel_regularizer"},
                                               {"U_regularizer", "recurrent_regularizer"},
                                               {"b_regularizer", "bias_regularizer"},
                                               {"W_constraint", "kernel_constraint"},
                                               {"U_constraint", "recurrent_constraint"},
                                               {"b_constraint", "bias_constraint"},
                                               {"bias", "use_bias"},
                                               {"p", "rate"},
                                               {"nb_filter", "filters"},
                                               {"filter_length", "kernel_size"},
                                               {"subsample", "strides"},
                                               {"subsample_length", "strides"},
                                               {"border_mode", "padding"},
                                               {"atrous_rate", "dilation_rate"},
                                               {"dropout_W", "dropout"},
                                               {"dropout_U", "recurrent_dropout"},
                                               {"pool_length", "pool_size"},
                                               {"stride", "strides"},
                                               {"length", "size"},
                                               {"beta_init", "beta_initializer"},
                                               {"gamma_init", "gamma_initializer"},
                                               {"concat_axis", "axis"},
                                               {"sigma", "stddev"}}};

// What says how to compute, not what.
constexpr std::array<std::string_view, 4> kDropped = {
    "consume_less", "input_dtype", "implementation", "mode"};

// Options of tf.keras that are not read unless they are false.
void drop_unsupported(Config& config) {
  for (const char* key : {"time_major", "softmax_robust_masking"}) {
    const Config* value = config.find(key);
    if (value == nullptr) continue;
    if (*value == Config(true))
      throw UnsupportedError("a layer with " + std::string(key) + " is not supported");
    config.erase(key);
  }
}

void rename(Config& config, const std::string& from, const std::string& to) {
  const Config* value = config.find(from);
  if (value == nullptr) return;
  const Config copy = *value;
  config.erase(from);
  if (!config.contains(to)) config[to] = copy;
}

bool is_recurrent(const std::string& name) {
  for (const char* known :
       {"LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}) {
    if (name == known) return true;
  }
  return false;
}

// Only these keys tell a configuration of Keras 1 from a later one.
bool is_keras1(const Config& config) {
  for (const char* key : {"init",
                          "nb_filter",
                          "border_mode",
                          "dim_ordering",
                          "inner_init",
                          "W_regularizer",
                          "p",
                          "beta_init",
                          "gamma_init",
                          "pool_length",
                          "consume_less",
                          "sigma"}) {
    if (config.contains(key)) return true;
  }
  return false;
}

// Sizes of inputs stood beside the options.
void move_input_shape(Config& config) {
  if (!config.contains("batch_input_shape") && config.contains("input_dim")) {
    const Config* length = config.find("input_length");
    Config shape = Config::list();
    shape.push_back({});
    if (length != nullptr) shape.push_back(*length);
    shape.push_back(config.at("input_dim"));
    config["batch_input_shape"] = shape;
  }
  config.erase("input_dim");
  config.erase("input_length");
}

void upgrade_keras1(const std::string& class_name, Config& config) {
  if (class_name == "Embedding") {
    rename(config, "init", "embeddings_initializer");
    rename(config, "W_regularizer", "embeddings_regularizer");
    rename(config, "W_constraint", "embeddings_constraint");
    config.erase("dropout");
  } else {
    if (class_name == "Dense" || is_recurrent(class_name)) rename(config, "output_dim", "units");
    move_input_shape(config);
  }
  if (config.contains("nb_row") && config.contains("nb_col")) {
    Config size = Config::list();
    size.push_back(config.at("nb_row"));
    size.push_back(config.at("nb_col"));
    config["kernel_size"] = size;
    config.erase("nb_row");
    config.erase("nb_col");
  }
  if (const Config* order = config.find("dim_ordering"); order != nullptr) {
    if (order->is_string() && order->as_string() != "default")
      config["data_format"] = order->as_string() == "th" ? "channels_first" : "channels_last";
    config.erase("dim_ordering");
  }
  if (const Config* start = config.find("forget_bias_init"); start != nullptr) {
    config["unit_forget_bias"] = start->is_string() && start->as_string() == "one";
    config.erase("forget_bias_init");
  }
  if (class_name == "GRU") config["reset_after"] = false;
  for (const Renamed& option : kOptions)
    rename(config, std::string(option.from), std::string(option.to));
}

// Layers that are another one today.
void upgrade_class(const std::string& old, Config& config) {
  if (old == "CuDNNLSTM" || old == "CuDNNGRU") {
    config["recurrent_activation"] = "sigmoid";
    if (old == "CuDNNGRU") config["reset_after"] = true;
  }
  // theta stands where ReLU has its threshold.
  if (old == "ThresholdedReLU") rename(config, "theta", "threshold");
}

// Merge({mode}) became a layer for each mode.
std::string merge_class(Config& config) {
  const Config* mode = config.find("mode");
  const std::string name = mode != nullptr && mode->is_string() ? mode->as_string() : "";
  static constexpr std::array<Renamed, 7> kModes = {{{"sum", "Add"},
                                                     {"mul", "Multiply"},
                                                     {"concat", "Concatenate"},
                                                     {"ave", "Average"},
                                                     {"max", "Maximum"},
                                                     {"dot", "Dot"},
                                                     {"cos", "Dot"}}};
  const auto found = find_name(kModes, name);
  if (!found) throw UnsupportedError("a Merge layer of mode " + quote_text(name));
  Config fresh = Config::dict();
  for (const char* key : {"name", "trainable"}) {
    if (const Config* value = config.find(key); value != nullptr) fresh[key] = *value;
  }
  if (name == "concat" && config.contains("concat_axis")) fresh["axis"] = config.at("concat_axis");
  if (*found == "Dot") {
    fresh["axes"] = config.contains("dot_axes") ? config.at("dot_axes") : Config(-1);
    fresh["normalize"] = name == "cos";
  }
  config = fresh;
  return *found;
}

bool is_object(const Config& value) {
  const Config* name = value.find("class_name");
  return name != nullptr && name->is_string() && value.contains("config");
}

// Keras's own, rather than one that a program registered.
bool is_builtin(const Config& record) {
  const Config* registered = record.find("registered_name");
  return registered == nullptr || registered->is_null();
}

// Those of tf.keras 2.x said of which dtype they are. "Identity" is a layer as well.
bool is_initializer(const std::string& class_name, const Config& config) {
  return initializers::InitializerBase::registry().find(class_name) != nullptr &&
         !config.contains("name") && !config.contains("trainable");
}

// With a name of null, which tf.keras writes, a schedule does not run in Keras 3.
void name_schedule(const std::string& class_name, Config& config) {
  if (optimizers::schedules::ScheduleBase::registry().find(class_name) == nullptr) return;
  const Config* name = config.find("name");
  if (name != nullptr && name->is_null()) config.erase("name");
}

Config modern_object(const Config& record) {
  Config modern = record;
  std::string name = record.at("class_name").as_string();
  Config config = record.at("config");
  // A function of Keras's by its name, as tf.keras 2.x serialises it.
  if (name == "function" && config.is_string()) return config;
  if (name == "Sequential" && config.is_list()) {
    Config dict = Config::dict();
    dict["layers"] = config;
    config = dict;
  }
  if (config.is_dict() && is_builtin(record)) {
    const std::string old = name;
    if (const auto found = find_name(kClasses, name)) name = *found;
    if (old == "Merge") {
      name = merge_class(config);
    } else if (is_keras1(config)) {
      upgrade_keras1(name, config);
    }
    upgrade_class(old, config);
    drop_unsupported(config);
    if (is_recurrent(name) || is_keras1(record.at("config")) || old == "BatchNormalization") {
      for (const std::string_view key : kDropped) config.erase(std::string(key));
    }
    if (is_initializer(name, config)) config.erase("dtype");
    name_schedule(name, config);
    modern["class_name"] = name;
    if (old != name) modern.erase("module");
  }
  modern["config"] = modern_value(config);
  return modern;
}

}  // namespace

Config modern_value(const Config& value) {
  if (value.is_list()) {
    Config list = Config::list();
    for (const Config& item : value.as_list()) list.push_back(modern_value(item));
    return list;
  }
  if (!value.is_dict()) return value;
  if (is_object(value)) return modern_object(value);
  Config dict = Config::dict();
  for (const auto& [key, item] : value.as_dict()) dict[key] = modern_value(item);
  return dict;
}

namespace {

// ---- what compile was given ----

Config modern_optimizer(const Config& record) {
  if (!record.is_dict() || !record.contains("config")) return record;
  Config modern = record;
  Config config = record.at("config");
  if (!config.is_dict()) return record;
  rename(config, "lr", "learning_rate");
  if (const Config* rate = config.find("learning_rate"))
    config["learning_rate"] = modern_value(*rate);
  config.erase("schedule_decay");
  if (const Config* epsilon = config.find("epsilon"); epsilon != nullptr && epsilon->is_null())
    config.erase("epsilon");
  modern["config"] = config;
  return modern;
}

Config modern_loss(const Config& value) {
  if (value.is_string() && value.as_string() == "logcosh") return "log_cosh";
  if (value.is_list() || (value.is_dict() && !is_object(value))) {
    Config modern = value.is_list() ? Config::list() : Config::dict();
    if (value.is_list())
      for (const Config& item : value.as_list()) modern.push_back(modern_loss(item));
    else
      for (const auto& [key, item] : value.as_dict()) modern[key] = modern_loss(item);
    return modern;
  }
  if (!is_object(value) || !value.at("config").is_dict()) return value;
  Config modern = value;
  Config config = value.at("config");
  config.erase("fn");
  if (const Config* reduction = config.find("reduction");
      reduction != nullptr && *reduction == Config("auto"))
    config["reduction"] = "sum_over_batch_size";
  modern["config"] = config;
  return modern;
}

// A function with its name as tf.keras wraps it: by the name where that stands for the same.
Config modern_metric(const Config& value) {
  if (value.is_list() || (value.is_dict() && !is_object(value))) {
    Config modern = value.is_list() ? Config::list() : Config::dict();
    if (value.is_list())
      for (const Config& item : value.as_list()) modern.push_back(modern_metric(item));
    else
      for (const auto& [key, item] : value.as_dict()) modern[key] = modern_metric(item);
    return modern;
  }
  if (!is_object(value) || !value.at("config").is_dict()) return value;
  const Config& config = value.at("config");
  const Config* function = config.find("fn");
  if (function == nullptr || !function->is_string()) return value;
  std::vector<std::string> names;
  if (const Config* name = config.find("name"); name != nullptr && name->is_string()) {
    names.push_back(name->as_string());
    // With several outputs the output's name stands before it.
    for (std::size_t at = names[0].find('_'); at != std::string::npos;
         at = names[0].find('_', at + 1))
      names.push_back(names[0].substr(at + 1));
  }
  names.push_back(function->as_string());
  for (const std::string& name : names) {
    if (metrics::MetricBase::registry().find(name) != nullptr) return name;
  }
  return *function;
}

// One list for each output; for one output that of its metrics.
Config modern_metrics(const Config& value) {
  Config modern = modern_metric(value);
  if (modern.is_list() && modern.size() == 1 && modern.as_list()[0].is_list())
    return modern.as_list()[0];
  return modern;
}

}  // namespace

Config modern_record(const Config& record) {
  if (!record.is_dict() || !is_object(record)) return record;
  return modern_object(record);
}

Config modern_compile_config(const Config& training_config) {
  if (!training_config.is_dict()) throw FormatError("the training_config is no dict");
  Config config = Config::dict();
  const auto with = [&](const char* key, const char* as, auto&& modern) {
    const Config* value = training_config.find(key);
    if (value != nullptr && !value->is_null()) config[as] = modern(*value);
  };
  const auto same = [](const Config& value) { return value; };
  with("optimizer_config", "optimizer", modern_optimizer);
  with("loss", "loss", modern_loss);
  with("loss_weights", "loss_weights", same);
  with("metrics", "metrics", modern_metrics);
  with("weighted_metrics", "weighted_metrics", modern_metrics);
  for (const char* key : {"run_eagerly", "steps_per_execution", "jit_compile"})
    with(key, key, same);
  return config;
}

}  // namespace nyala::saving
