// The layers that come back from their class name: Keras's own, and those that a program registers.
#include <map>

#include <nyala/layers/layers.hpp>
#include <nyala/layers/registered.hpp>

namespace nyala {
namespace {

using Factories = std::map<std::string, LayerFactory>;

const Factories& keras_layers() {
  static const Factories factories = {
#define LAYER(Name) {#Name, layer_from_config<layers::Name##Args>},
#include <nyala/layers/layers.def>
  };
  return factories;
}

}  // namespace

const LayerFactory* find_layer_class(const std::string& name) {
  const auto found = keras_layers().find(name);
  return found == keras_layers().end() ? detail::find_registered_layer(name) : &found->second;
}

std::vector<std::string> layer_class_names() {
  std::vector<std::string> names;
  for (const auto& [name, factory] : keras_layers()) names.push_back(name);
  for (const std::string& name : detail::registered_layer_classes()) {
    if (!keras_layers().contains(name)) names.push_back(name);
  }
  return names;
}

}  // namespace nyala
