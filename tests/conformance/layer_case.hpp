#pragma once
/// Layers made from the configurations of the recorded cases.
#include <memory>
#include <string>

#include <nyala/layers/layers.hpp>

#include "conformance/golden.hpp"

namespace nyala::conformance {

/// For comparisons that do not depend on the order of keys.
inline Json to_json(const Config& config) { return Json::parse(config.str()); }

/// Sizes that are null are unknown.
inline Shape to_shape(const Json& json) { return ConfigCodec<Shape>::from(to_config(json)); }

/// A layer of this class, or null where Nyala has none.
inline std::shared_ptr<BaseLayer> make_layer_of(const std::string& class_name, const Json& config) {
  const LayerFactory* factory = find_layer_class(class_name);
  return factory == nullptr ? nullptr : (*factory)(to_config(config));
}

}  // namespace nyala::conformance
