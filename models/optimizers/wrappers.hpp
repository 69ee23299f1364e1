#pragma once
/// Optimizers that have others make their steps.
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

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

/// Which optimizer a variable has, by its path.
struct OptimizerMap {
  /// For paths that no key below fits.
  Optimizer default_optimizer = {};
  /// By path, or by a regular expression that fits all of one: "encoder/.*".
  std::vector<std::pair<std::string, Optimizer>> optimizer_map = {};

  /// Throws ValueError where several expressions fit.
  const Optimizer& operator[](const std::string& path) const;
};

/// Gives each variable to the optimizer that a map has for it. It has no learning rate: those are
/// the other optimizers'. Throws ValueError for an optimizer that is missing or wraps others, for a
/// key that comes twice or is no regular expression.
struct MultiOptimizerArgs {
  OptimizerMap optimizer_map = {};
  std::optional<double> loss_scale_factor = {};
  std::string name = {};
  template <class A = MultiOptimizerArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"optimizer_map", &A::optimizer_map, "Which variable has which."},
                      Field{"loss_scale_factor",
                            &A::loss_scale_factor,
                            "What the loss is multiplied by, in place of that of the others.",
                            Range::positive()},
                      Field{"name", &A::name, "Its name."}};
  }
};

}  // namespace nyala::optimizers

namespace nyala {

/// As Keras writes an OptimizerMap.
template <>
struct ConfigCodec<optimizers::OptimizerMap> {
  static Config to(const optimizers::OptimizerMap& map);
  static optimizers::OptimizerMap from(const Config& config);
};

}  // namespace nyala

#pragma GCC visibility pop
