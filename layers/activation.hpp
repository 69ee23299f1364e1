#pragma once
/// Activations as layers.
#include <optional>
#include <string>
#include <utility>

#include <nyala/layers/activations.hpp>
#include <nyala/layers/layer.hpp>
#include <nyala/layers/options.hpp>

#pragma GCC visibility push(default)

namespace nyala::layers {

/// An activation by name. Any shape; masks pass through.
/// https://keras.io/api/layers/core_layers/activation/
struct ActivationArgs {
  Required<activations::Activation> activation;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.built_early = true, .steps = Steps::alone};

  template <class A = ActivationArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"activation", &A::activation, "What is applied."});
  }
};
NYALA_DECLARE_LAYER(Activation);

/// x up to `max_value` where it is at or above the threshold, negative_slope * (x - threshold)
/// below it.
/// https://keras.io/api/layers/activation_layers/relu/
struct ReLUArgs {
  std::optional<double> max_value = {};
  double negative_slope = 0;
  double threshold = 0;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.built_early = true, .steps = Steps::alone};

  template <class A = ReLUArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"max_value", &A::max_value, "Upper limit, if any.", Range::at_least(0)},
        Field{
            "negative_slope", &A::negative_slope, "Slope below the threshold.", Range::at_least(0)},
        Field{"threshold", &A::threshold, "Where the slope changes.", Range::at_least(0)});
  }
};
NYALA_DECLARE_LAYER(ReLU);

/// x where it is positive, else negative_slope * x.
/// https://keras.io/api/layers/activation_layers/leaky_relu/
struct LeakyReLUArgs {
  double negative_slope = 0.3;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.built_early = true, .steps = Steps::alone};

  template <class A = LeakyReLUArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"negative_slope", &A::negative_slope, "Slope below 0.", Range::at_least(0)});
  }
  /// tf.keras 2.x calls the slope alpha.
  static Config upgrade(Config config);
};
NYALA_DECLARE_LAYER(LeakyReLU);

/// x where it is positive, else alpha * x, with a learned alpha for each place of a sample.
/// https://keras.io/api/layers/activation_layers/prelu/
struct PReLUArgs {
  initializers::Initializer alpha_initializer = "zeros";
  regularizers::Regularizer alpha_regularizer = {};
  constraints::Constraint alpha_constraint = {};
  std::optional<std::vector<int>> shared_axes = {};
  NYALA_LAYER_ARGS;

  template <class A = PReLUArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"alpha_initializer", &A::alpha_initializer, "Fills alpha."},
        Field{"alpha_regularizer", &A::alpha_regularizer, "Penalty on alpha."},
        Field{"alpha_constraint", &A::alpha_constraint, "Applied to alpha after each step."},
        Field{"shared_axes",
              &A::shared_axes,
              "Axes, from 1 on, along which alpha is the same.",
              Range::at_least(1)});
  }
  /// Also takes a plain integer for shared_axes.
  static Config upgrade(Config config);
};
NYALA_DECLARE_LAYER(PReLU);

/// x where it is positive, else alpha * (exp(x) - 1).
/// https://keras.io/api/layers/activation_layers/elu/
struct ELUArgs {
  double alpha = 1;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.built_early = true, .steps = Steps::alone};

  template <class A = ELUArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"alpha", &A::alpha, "Factor below 0."});
  }
};
NYALA_DECLARE_LAYER(ELU);

/// exp(x) over its sum along the axes. Where a mask (of a shape that broadcasts to x) is false the
/// result is 0 and the sum leaves it out.
/// https://keras.io/api/layers/activation_layers/softmax/
struct SoftmaxArgs {
  AxisList axis = -1;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {
      .takes_mask = true, .built_early = true, .steps = Steps::along_axis};

  template <class A = SoftmaxArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"axis", &A::axis, "The axis, or axes taken as one."});
  }
};
NYALA_DECLARE_LAYER(Softmax);

}  // namespace nyala::layers

#pragma GCC visibility pop
