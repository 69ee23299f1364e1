#pragma once
/// Optimizers that have others make their steps.
#include <string>
#include <tuple>

#include <nyala/models/optimizers/optimizer.hpp>

#pragma GCC visibility push(default)

namespace nyala::optimizers {

/// The step of another optimizer, for gradients in float16: the loss is multiplied by a scale, so
/// that small gradients do not become 0, and gradients are divided by it. A step with a gradient
/// that is not finite is left out and halves the scale; `dynamic_growth_steps` finite ones in a row
/// double it. Throws ValueError without an inner optimizer. `compile` puts it around the optimizer
/// of a model of the policy "mixed_float16".
struct LossScaleOptimizerArgs {
  Optimizer inner_optimizer = {};
  double initial_scale = 32768;
  std::int64_t dynamic_growth_steps = 2000;
  std::string name = {};

  /// Older files hold the options of all optimizers, which this one has not: those at their
  /// defaults mean nothing, and others are a ValueError.
  static Config upgrade(Config config);

  template <class A = LossScaleOptimizerArgs>
  static constexpr auto fields() {
    return std::tuple{
        Field{"name", &A::name, "Its name."},
        Field{"inner_optimizer", &A::inner_optimizer, "The optimizer that makes the steps."},
        Field{"initial_scale", &A::initial_scale, "The first scale.", Range::positive()},
        Field{"dynamic_growth_steps",
              &A::dynamic_growth_steps,
              "How many finite steps double the scale.",
              Range::at_least(1)}};
  }
};

}  // namespace nyala::optimizers

#pragma GCC visibility pop
