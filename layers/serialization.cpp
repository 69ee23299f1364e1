#include <nyala/layers/serialization.hpp>

#include <nyala/core/error.hpp>

namespace nyala {
namespace {

Config entry(const char* key, Config value) {
  Config config = Config::dict();
  config[key] = std::move(value);
  return config;
}

// The shapes that a layer was built with: one, a list, or by the names of its inputs.
Config build_config(const BaseLayer& layer) {
  const std::vector<Shape>& shapes = layer.build_shapes();
  const CallSignature signature = layer.call_signature();
  if (signature.inputs.size() > 1 && shapes.size() > 1) {
    Config named = Config::dict();
    for (std::size_t i = 0; i < shapes.size() && i < signature.inputs.size(); ++i)
      named[std::string(signature.inputs[i]) + "_shape"] = ConfigCodec<Shape>::to(shapes[i]);
    return entry("shapes_dict", std::move(named));
  }
  if (shapes.size() == 1 && !layer.traits().takes_list)
    return entry("input_shape", ConfigCodec<Shape>::to(shapes[0]));
  return entry("input_shape", ConfigCodec<std::vector<Shape>>::to(shapes));
}

const LayerFactory& factory_of(const Config& record) {
  const std::string& name = saving::class_name_of(record);
  const Config* registered = record.find("registered_name");
  const LayerFactory* factory = registered != nullptr && registered->is_string()
                                    ? find_layer_class(registered->as_string())
                                    : nullptr;
  if (factory == nullptr) factory = find_layer_class(name);
  if (factory == nullptr) throw ValueError("unknown layer class: " + name.substr(0, 200));
  return *factory;
}

}  // namespace

namespace saving {

Config serialize_layer(const BaseLayer& layer) {
  const std::string& name = layer.class_name();
  const std::string registered = layer.is_operation() ? name : registered_layer_name(name);
  const bool own = !registered.empty() && !layer.is_operation();
  Config record = Config::dict();
  record["module"] = own ? Config() : Config(layer.keras_module());
  record["class_name"] = name;
  record["config"] = layer.get_config();
  record["registered_name"] = registered.empty() ? Config() : Config(registered);
  if (layer.built() && !layer.build_shapes().empty() && !layer.is_operation() &&
      !layer.traits().built_early)
    record["build_config"] = build_config(layer);
  layer.finish_record(record);
  return record;
}

Layer deserialize_layer(const Config& record) {
  if (!record.is_dict())
    throw FormatError("received " + record.str().substr(0, 80) + ", expected a layer's dict");
  return detail::read_layer(record, class_name_of(record));
}

const std::string& class_name_of(const Config& record) {
  const Config* name = record.find("class_name");
  if (name == nullptr || !name->is_string())
    throw FormatError("a layer has no class_name: " + record.str().substr(0, 80));
  return name->as_string();
}

const Config& dict_entry(const Config& record, const char* key) {
  const Config* value = record.find(key);
  if (value == nullptr || !value->is_dict())
    throw FormatError(std::string("no dict \"") + key + "\" in " + record.str().substr(0, 80));
  return *value;
}

const Config& list_entry(const Config& record, const char* key) {
  const Config* value = record.find(key);
  if (value == nullptr || !value->is_list())
    throw FormatError(std::string("no list \"") + key + "\" in " + record.str().substr(0, 80));
  return *value;
}

}  // namespace saving

namespace detail {

std::shared_ptr<BaseLayer> read_layer(const Config& record, const std::string& path) {
  if (auto model = read_model(record, path)) return model;
  return factory_of(record)(saving::dict_entry(record, "config"));
}

}  // namespace detail
}  // namespace nyala
