// Which of Keras's layers work step by step.
#include <algorithm>
#include <array>
#include <string_view>

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

// Element by element, or over the last axis.
constexpr std::array<std::string_view, 23> kPointwise = {"Activation",
                                                         "ActivityRegularization",
                                                         "Add",
                                                         "AlphaDropout",
                                                         "Average",
                                                         "Dense",
                                                         "Dropout",
                                                         "ELU",
                                                         "Embedding",
                                                         "GaussianDropout",
                                                         "GaussianNoise",
                                                         "Identity",
                                                         "LeakyReLU",
                                                         "Masking",
                                                         "Maximum",
                                                         "Minimum",
                                                         "Multiply",
                                                         "ReLU",
                                                         "Rescaling",
                                                         "ReversibleEmbedding",
                                                         "SpatialDropout1D",
                                                         "Subtract",
                                                         "TimeDistributed"};
// Over the axes of their option.
constexpr std::array<std::string_view, 7> kAlongAxis = {"BatchNormalization",
                                                        "Concatenate",
                                                        "LayerNormalization",
                                                        "Normalization",
                                                        "RMSNormalization",
                                                        "Softmax",
                                                        "UnitNormalization"};

template <class Names>
bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool names_steps(const Config& axis, int rank) {
  return names_axis(axis, rank, [](std::int64_t number) { return number == 1; });
}

bool couples_samples(const BaseLayer& layer) {
  const auto inside = layer.submodules();
  return std::any_of(inside.begin(), inside.end(), [](const auto& module) {
    const auto* one = dynamic_cast<const BaseLayer*>(module.get());
    return one != nullptr && one->traits().couples_samples;
  });
}

}  // namespace

bool names_first_axes(const Config& axis, int rank) {
  return names_axis(axis, rank, [](std::int64_t number) { return number <= 1; });
}

void expect_pointwise(const GraphNode& node, const BaseLayer& layer) {
  const int rank = node.inputs[0].rank();
  if (layer.is_operation()) return expect_pointwise_operation(node);
  const auto refuse = [&](const std::string& why) {
    throw UnsupportedError(layer.label() + " cannot be run step by step: " + why);
  };
  if (const auto* pointwise = dynamic_cast<const PointwiseLayer*>(&layer)) {
    if (!pointwise->is_pointwise(rank)) refuse("it works along the steps");
    return;
  }
  const std::string& name = layer.class_name();
  if (contains(kPointwise, name)) {
    if (rank < 3 && (name == "Dense" || name == "Masking"))
      refuse("its input has no axis beside the steps");
    if (couples_samples(layer)) refuse("the layer that it runs keeps states");
    return;
  }
  const Config config = layer.get_config();
  if (name == "PReLU") {
    if (names_steps(config.at("shared_axes"), rank)) return;
    refuse("its slopes are others at each step");
  }
  if (!contains(kAlongAxis, name)) refuse("its output depends on more than the steps so far");
  if (names_steps(config.at("axis"), rank)) refuse("it works along the steps");
}

}  // namespace nyala::streaming
