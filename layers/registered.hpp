#pragma once
/// The layers that a program registers, apart from the list of Keras's own: writing a model asks
/// for these alone, and a program that reads none links none but the layers that it names.
#include <string>
#include <vector>

#include <nyala/layers/layer.hpp>

namespace nyala::detail {

/// By "package>Name", or by the class name that was registered first; null when unknown.
const LayerFactory* find_registered_layer(const std::string& name);
/// Both names of each.
std::vector<std::string> registered_layer_classes();

}  // namespace nyala::detail
