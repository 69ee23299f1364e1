#include <algorithm>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/hdf5/writer.hpp>
#include <nyala/models/saving/json.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/keras_archive.hpp>
#include <nyala/models/saving/legacy_h5.hpp>
#include <nyala/models/saving/state_tree.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala::saving {
namespace {

// Layers of a model stand without what tells modules apart; objects inside them keep that.
Config legacy_model(const Config& record) {
  Config config = record.at("config");
  Config layers = Config::list();
  for (const Config& item : config.at("layers").as_list()) {
    const bool is_model = item.at("config").is_dict() && item.at("config").contains("layers");
    Config layer = item;
    if (is_model) layer["config"] = legacy_model(item).at("config");
    layer["class_name"] = python_class(item.at("class_name").as_string());
    for (const char* key : {"module", "registered_name", "build_config", "compile_config"})
      layer.erase(key);
    layers.push_back(std::move(layer));
  }
  config["layers"] = std::move(layers);
  Config model = Config::dict();
  model["class_name"] = record.at("class_name");
  model["config"] = std::move(config);
  return model;
}

// Keras 3 does not read the short names in its own legacy files.
Config long_names(const Config& value) {
  static constexpr std::pair<const char*, const char*> kNames[] = {
      {"mse", "mean_squared_error"},
      {"MSE", "mean_squared_error"},
      {"mae", "mean_absolute_error"},
      {"MAE", "mean_absolute_error"},
      {"mape", "mean_absolute_percentage_error"},
      {"MAPE", "mean_absolute_percentage_error"},
      {"msle", "mean_squared_logarithmic_error"},
      {"MSLE", "mean_squared_logarithmic_error"},
      {"bce", "binary_crossentropy"},
      {"BCE", "binary_crossentropy"},
      {"kld", "kl_divergence"},
      {"KLD", "kl_divergence"}};
  if (value.is_string()) {
    for (const auto& [name, full] : kNames) {
      if (value == Config(name)) return full;
    }
    return value;
  }
  if (value.is_list()) {
    Config list = Config::list();
    for (const Config& item : value.as_list()) list.push_back(long_names(item));
    return list;
  }
  if (!value.is_dict() || value.contains("class_name")) return value;
  Config dict = Config::dict();
  for (const auto& [key, item] : value.as_dict()) dict[key] = long_names(item);
  return dict;
}

Config training_config(const ModelBase& model) {
  Config config = model.trainer().get_compile_config();
  const Config optimizer = config.at("optimizer");
  config.erase("optimizer");
  config["loss"] = long_names(config.at("loss"));
  Config plain = Config::dict();
  plain["class_name"] = optimizer.at("class_name");
  plain["config"] = optimizer.at("config");
  config["optimizer_config"] = std::move(plain);
  return config;
}

void add_variables(hdf5::Writer& file,
                   const std::string& group,
                   const std::vector<Variable>& variables) {
  std::vector<std::string> names;
  file.add_group(group);
  for (const Variable& variable : variables) {
    names.push_back(variable.path());
    file.add(group + "/" + variable.path(), variable);
  }
  file.set_attribute(group, "weight_names", names);
}

}  // namespace

void save_legacy(const ModelBase& model, const std::string& path, bool include_optimizer) {
  hdf5::Writer file;
  file.set_attribute("", "keras_version", kKerasVersion);
  file.set_attribute("", "backend", "tensorflow");
  file.set_attribute("", "model_config", to_json_text(legacy_model(serialize_layer(model))));
  const bool with_optimizer = include_optimizer && model.trainer().compiled();
  if (with_optimizer)
    file.set_attribute("", "training_config", to_json_text(training_config(model)));
  const std::string weights = "model_weights";
  file.add_group(weights);
  file.set_attribute(weights, "backend", "tensorflow");
  file.set_attribute(weights, "keras_version", kKerasVersion);
  std::vector<std::string> names;
  for (const auto& layer : model.layers()) {
    names.push_back(layer->name());
    add_variables(file, weights + "/" + layer->name(), legacy_variables(*layer));
  }
  file.set_attribute(weights, "layer_names", names);
  add_variables(file, weights + "/top_level_model_weights", {});
  if (with_optimizer)
    add_variables(file, "optimizer_weights", model.trainer().optimizer().variables());
  write_pieces(path, file.pieces());
}

}  // namespace nyala::saving
