#pragma once
/// Layers that normalise.
#include <optional>

#include <nyala/layers/layer.hpp>
#include <nyala/layers/options.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace layers {

/// Limits of the corrections that batch renormalisation makes: `.renorm_clipping = {.rmax = 3.0}`.
struct RenormClipping {
  std::optional<double> rmax = {};
  std::optional<double> rmin = {};
  std::optional<double> dmax = {};
};

}  // namespace layers

/// A dict of those that are set.
template <>
struct ConfigCodec<layers::RenormClipping> {
  static Config to(const layers::RenormClipping& clipping);
  static layers::RenormClipping from(const Config& config);
};

namespace layers {

/// The fields of scaling by gamma and moving by beta: before the weights' own, and for them.
template <class A>
constexpr auto scaling_fields() {
  return std::tuple{Field{"epsilon", &A::epsilon, "Added to the variance.", Range::at_least(0)},
                    Field{"center", &A::center, "Whether beta is added."},
                    Field{"scale", &A::scale, "Whether gamma multiplies."}};
}
template <class A, class... Between>
constexpr auto gamma_and_beta_fields(Between... between) {
  return std::tuple{
      Field{"beta_initializer", &A::beta_initializer, "Fills beta."},
      Field{"gamma_initializer", &A::gamma_initializer, "Fills gamma."},
      between...,
      Field{"beta_regularizer", &A::beta_regularizer, "Penalty on beta."},
      Field{"gamma_regularizer", &A::gamma_regularizer, "Penalty on gamma."},
      Field{"beta_constraint", &A::beta_constraint, "Applied to beta after each step."},
      Field{"gamma_constraint", &A::gamma_constraint, "Applied to gamma after each step."}};
}

/// Mean 0 and variance 1 of each feature, then scaled by gamma and moved by beta. While training
/// (and trainable) with the batch's own mean and variance, which the moving ones follow:
/// moving * momentum + batch * (1 - momentum); else with the moving ones. A mask, of one axis less
/// than the input, leaves positions out of mean and variance. With `renorm` (batch renormalisation)
/// a batch is corrected towards statistics that follow with `renorm_momentum`.
/// https://keras.io/api/layers/normalization_layers/batch_normalization/
struct BatchNormalizationArgs {
  int axis = -1;
  double momentum = 0.99;
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  initializers::Initializer beta_initializer = "zeros";
  initializers::Initializer gamma_initializer = "ones";
  initializers::Initializer moving_mean_initializer = "zeros";
  initializers::Initializer moving_variance_initializer = "ones";
  regularizers::Regularizer beta_regularizer = {};
  regularizers::Regularizer gamma_regularizer = {};
  constraints::Constraint beta_constraint = {};
  constraints::Constraint gamma_constraint = {};
  bool renorm = false;
  std::optional<RenormClipping> renorm_clipping = {};
  double renorm_momentum = 0.99;
  bool synchronized = false;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {
      .takes_mask = true, .couples_samples = true, .steps = Steps::along_axis};

  template <class A = BatchNormalizationArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        layer_fields(Field{"axis", &A::axis, "The features' axis."},
                     Field{"momentum", &A::momentum, "How slowly the moving statistics follow."}),
        scaling_fields<A>(),
        gamma_and_beta_fields<A>(
            Field{"moving_mean_initializer", &A::moving_mean_initializer, "Fills the moving mean."},
            Field{"moving_variance_initializer",
                  &A::moving_variance_initializer,
                  "Fills the moving variance."}),
        layer_fields(Field{"synchronized", &A::synchronized, "Over several devices; there is one."},
                     Field{"renorm", &A::renorm, "Whether batches are renormalised."},
                     Field{"renorm_clipping", &A::renorm_clipping, "Limits of the corrections."},
                     Field{"renorm_momentum", &A::renorm_momentum, "How slowly they follow."}));
  }
  /// tf.keras 2.x writes the axis as a list.
  static Config upgrade(Config config);
};
NYALA_DECLARE_LAYER(BatchNormalization);

/// Mean 0 and variance 1 of each sample over the axes, then scaled by gamma and moved by beta,
/// which have the sizes of those axes.
/// https://keras.io/api/layers/normalization_layers/layer_normalization/
struct LayerNormalizationArgs {
  AxisList axis = -1;
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  initializers::Initializer beta_initializer = "zeros";
  initializers::Initializer gamma_initializer = "ones";
  regularizers::Regularizer beta_regularizer = {};
  regularizers::Regularizer gamma_regularizer = {};
  constraints::Constraint beta_constraint = {};
  constraints::Constraint gamma_constraint = {};
  /// Keras's deprecated variant: divided by the standard deviation without taking the mean off.
  bool rms_scaling = false;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.steps = Steps::along_axis};

  template <class A = LayerNormalizationArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        layer_fields(Field{"axis", &A::axis, "The axis, or axes taken as one."}),
        scaling_fields<A>(),
        layer_fields(
            Field{"rms_scaling", &A::rms_scaling, "Whether the mean is left in, and beta out."}),
        gamma_and_beta_fields<A>());
  }
};
NYALA_DECLARE_LAYER(LayerNormalization);

/// Mean 0 and variance 1 of each sample's groups of channels, then scaled by gamma and moved by
/// beta. Throws ShapeError where the groups do not divide the channels.
/// https://keras.io/api/layers/normalization_layers/group_normalization/
struct GroupNormalizationArgs {
  int groups = 32;
  int axis = -1;
  double epsilon = 1e-3;
  bool center = true;
  bool scale = true;
  initializers::Initializer beta_initializer = "zeros";
  initializers::Initializer gamma_initializer = "ones";
  regularizers::Regularizer beta_regularizer = {};
  regularizers::Regularizer gamma_regularizer = {};
  constraints::Constraint beta_constraint = {};
  constraints::Constraint gamma_constraint = {};
  NYALA_LAYER_ARGS;

  template <class A = GroupNormalizationArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        layer_fields(Field{"groups", &A::groups, "How many; -1 for one for each channel."},
                     Field{"axis", &A::axis, "The channels' axis."}),
        scaling_fields<A>(),
        gamma_and_beta_fields<A>());
  }
};
NYALA_DECLARE_LAYER(GroupNormalization);

/// x over the root of its mean square along the axes, times a learned scale. The axes must be the
/// last ones, as in Keras.
/// https://keras.io/api/layers/normalization_layers/rms_normalization/
struct RMSNormalizationArgs {
  AxisList axis = -1;
  double epsilon = 1e-6;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.steps = Steps::along_axis};

  template <class A = RMSNormalizationArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"axis", &A::axis, "The axis, or axes taken as one."},
        Field{"epsilon", &A::epsilon, "Added to the mean square.", Range::at_least(0)});
  }
};
NYALA_DECLARE_LAYER(RMSNormalization);

/// x over its length along the axes. A row of zeros stays.
/// https://keras.io/api/layers/normalization_layers/unit_normalization/
struct UnitNormalizationArgs {
  AxisList axis = -1;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.built_early = true, .steps = Steps::along_axis};

  template <class A = UnitNormalizationArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"axis", &A::axis, "The axis, or axes taken as one."});
  }
};
NYALA_DECLARE_LAYER(UnitNormalization);

}  // namespace layers
}  // namespace nyala

#pragma GCC visibility pop
