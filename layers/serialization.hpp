#pragma once
/// Layers as configurations, the way Keras serialises them; models/saving turns these into text.
#include <memory>
#include <string>

#include <nyala/core/config.hpp>
#include <nyala/layers/layer.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace saving {

/// A layer or model as Keras serialises it: module, class_name, config, registered_name,
/// build_config.
Config serialize_layer(const BaseLayer& layer);
/// The way back, from what Keras 3 or tf.keras 2.x wrote. Throws FormatError for what is no layer,
/// ValueError for a class that is unknown and for options that are wrong.
Layer deserialize_layer(const Config& record);

/// The class name of a layer's record; throws FormatError.
const std::string& class_name_of(const Config& record);
/// The entry as a dict or a list; throws FormatError when there is none.
const Config& dict_entry(const Config& record, const char* key);
const Config& list_entry(const Config& record, const char* key);

}  // namespace saving

namespace detail {

/// Reads a record of a model; null for a record of anything else. `path` names the layer in
/// messages. models/saving defines it, since models may be inside layers (TimeDistributed): the
/// linker connects the two, so a program that reads no record links no reader.
std::shared_ptr<BaseLayer> read_model(const Config& record, const std::string& path);
/// Reads a record of a layer or a model.
std::shared_ptr<BaseLayer> read_layer(const Config& record, const std::string& path);

}  // namespace detail

/// A layer as an option of another one.
template <>
struct ConfigCodec<Layer> {
  static Config to(const Layer& layer) {
    return layer.defined() ? saving::serialize_layer(*layer) : Config();
  }
  static Layer from(const Config& config) {
    return config.is_null() ? Layer() : saving::deserialize_layer(config);
  }
};

}  // namespace nyala

#pragma GCC visibility pop
