// Which layers work step by step.
#include <algorithm>

#include <nyala/models/streaming/plan.hpp>

namespace nyala::streaming {
namespace {

template <class Is>
bool names_axis(const Config& axis, int rank, const Is& is) {
  if (axis.is_list()) {
    const auto& items = axis.as_list();
    return std::any_of(
        items.begin(), items.end(), [&](const Config& one) { return names_axis(one, rank, is); });
  }
  if (axis.is_null()) return false;  // Normalization: one number for all elements
  const std::int64_t number = axis.as_int();
  return is(number < 0 ? number + rank : number);
}

bool names_steps(const Config& axis, int rank) {
  return names_axis(axis, rank, [](std::int64_t number) { return number == 1; });
}

}  // namespace

bool names_first_axes(const Config& axis, int rank) {
  return names_axis(axis, rank, [](std::int64_t number) { return number <= 1; });
}

void refuse(const BaseLayer& layer, const std::string& why) {
  throw UnsupportedError(layer.label() + " cannot be run step by step: " + why);
}

void expect_pointwise(const GraphNode& node, const BaseLayer& layer) {
  const int rank = node.inputs[0].rank();
  if (layer.is_operation()) return expect_pointwise_operation(node);
  if (const auto* pointwise = dynamic_cast<const PointwiseLayer*>(&layer)) {
    if (!pointwise->is_pointwise(rank)) refuse(layer, "it works along the steps");
    return;
  }
  if (layer.holds_coupled_samples()) refuse(layer, "the layer that it runs keeps states");
  switch (layer.traits().steps) {
    case Steps::alone: return;
    case Steps::last_axis:
      if (rank < 3) refuse(layer, "its input has no axis beside the steps");
      return;
    case Steps::along_axis:
      if (names_steps(layer.get_config().at("axis"), rank))
        refuse(layer, "it works along the steps");
      return;
    case Steps::together: refuse(layer, "its output depends on more than the steps so far");
  }
}

}  // namespace nyala::streaming
