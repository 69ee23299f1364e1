// Which of Keras's operations work step by step.
#include <algorithm>
#include <iterator>
#include <string_view>

#include <nyala/models/streaming/plan.hpp>

namespace nyala::streaming {
namespace {

constexpr std::string_view kElementwise[] = {
#define ELEMENTWISE(Class) #Class,
#include <nyala/layers/keras_ops.def>
};
constexpr std::string_view kAlongAxes[] = {
#define ALONG_AXES(Class) #Class,
#include <nyala/layers/keras_ops.def>
};

template <class Names>
bool contains(const Names& names, const std::string& name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// Whether a constant is the same at each step, beside symbols of that rank.
bool is_steady(const Argument& argument, int rank) {
  if (argument.is_symbol()) return true;
  if (argument.is_list()) {
    const auto items = argument.items();
    return std::all_of(
        items.begin(), items.end(), [&](const Argument& item) { return !item.is_list(); });
  }
  if (!argument.is_tensor()) return true;
  const Shape& shape = argument.tensor().shape();
  const int steps = shape.rank() - rank + 1;  // where axis 1 of the symbols is
  return shape.rank() <= rank && (steps < 0 || shape[steps] == 1);
}

}  // namespace

void expect_pointwise_operation(const GraphNode& node) {
  const BaseLayer& layer = *node.layer;
  const int rank = node.inputs[0].rank();
  if (contains(kAlongAxes, layer.class_name())) {
    const Config config = layer.get_config();
    const Config& axis = config.at("axis");
    if (axis.is_null() || names_first_axes(axis, rank)) refuse(layer, "it works along the steps");
    return;
  }
  if (!contains(kElementwise, layer.class_name()))
    refuse(layer, "its output depends on more than the steps so far");
  for (const Symbol& input : node.inputs) {
    if (input.rank() != rank) refuse(layer, "its inputs have different numbers of axes");
  }
  const auto check = [&](const Argument& argument) {
    if (!is_steady(argument, rank)) refuse(layer, "a constant of its is another one at each step");
  };
  for (const Argument& argument : node.arguments.positional) check(argument);
  for (const auto& [name, argument] : node.arguments.named) check(argument);
}

}  // namespace nyala::streaming
