#pragma once
/// Layers that regularise: noise while training, penalties on activity.
#include <array>
#include <optional>

#include <nyala/autograd/random.hpp>
#include <nyala/layers/layer.hpp>
#include <nyala/layers/options.hpp>

#pragma GCC visibility push(default)

namespace nyala::layers {

/// While training, a share `rate` of the elements is set to 0 and the others are divided by
/// 1 - rate; else the input as it is.
/// https://keras.io/api/layers/regularization_layers/dropout/
struct DropoutArgs {
  Required<double> rate;
  OptionalShape noise_shape = {};
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {
      .training = DefaultTraining::off, .built_early = true, .steps = Steps::alone};

  template <class A = DropoutArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"rate", &A::rate, "Share set to 0.", Range::from_0_to_1()},
                        Field{"noise_shape",
                              &A::noise_shape,
                              "Axes of size 1 drop together; None stands for the input's size."},
                        Field{"seed", &A::seed, "Where the random numbers start."});
  }
};
NYALA_DECLARE_LAYER(Dropout);

/// Dropout of whole features: (batch, steps, features), all steps of a feature together.
/// https://keras.io/api/layers/regularization_layers/spatial_dropout1d/
struct SpatialDropout1DArgs {
  Required<double> rate;
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {
      .training = DefaultTraining::off, .built_early = true, .steps = Steps::alone};

  template <class A = SpatialDropout1DArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"rate", &A::rate, "Share set to 0.", Range::from_0_to_1()},
                        Field{"seed", &A::seed, "Where the random numbers start."});
  }
  /// tf.keras 2.x also writes `noise_shape`, which this layer makes itself.
  static constexpr std::array<const char*, 1> ignored_keys() { return {"noise_shape"}; }
};
NYALA_DECLARE_LAYER(SpatialDropout1D);

/// The same for images and volumes: all elements of a channel together.
template <int kRank>
struct SpatialDropoutLayerArgs {
  static constexpr int rank = kRank;

  Required<double> rate;
  DataFormat data_format = {};
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.training = DefaultTraining::off, .built_early = true};

  template <class A = SpatialDropoutLayerArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"rate", &A::rate, "Share set to 0.", Range::from_0_to_1()},
                        Field{"data_format", &A::data_format, "Where the channels stand."},
                        Field{"seed", &A::seed, "Where the random numbers start."});
  }
  static constexpr std::array<const char*, 1> ignored_keys() { return {"noise_shape"}; }
};
/// https://keras.io/api/layers/regularization_layers/spatial_dropout2d/
using SpatialDropout2DArgs = SpatialDropoutLayerArgs<2>;
using SpatialDropout3DArgs = SpatialDropoutLayerArgs<3>;
NYALA_DECLARE_LAYER(SpatialDropout2D);
NYALA_DECLARE_LAYER(SpatialDropout3D);

/// Dropout that keeps mean and variance of inputs that selu makes: a share `rate` of the elements
/// takes the value that selu has far below 0, then all are scaled and shifted.
/// https://keras.io/api/layers/regularization_layers/alpha_dropout/
struct AlphaDropoutArgs {
  Required<double> rate;
  OptionalShape noise_shape = {};
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {
      .training = DefaultTraining::off, .built_early = true, .steps = Steps::alone};

  template <class A = AlphaDropoutArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"rate", &A::rate, "Share that is dropped.", Range::from_0_to_1()},
                        Field{"noise_shape",
                              &A::noise_shape,
                              "Axes of size 1 drop together; None stands for the input's size."},
                        Field{"seed", &A::seed, "Where the random numbers start."});
  }
};
NYALA_DECLARE_LAYER(AlphaDropout);

/// Adds normal noise of mean 0 while training.
/// https://keras.io/api/layers/regularization_layers/gaussian_noise/
struct GaussianNoiseArgs {
  Required<double> stddev;
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {
      .training = DefaultTraining::off, .built_early = true, .steps = Steps::alone};

  template <class A = GaussianNoiseArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"stddev", &A::stddev, "Standard deviation of the noise.", Range::from_0_to_1()},
        Field{"seed", &A::seed, "Where the random numbers start."});
  }
};
NYALA_DECLARE_LAYER(GaussianNoise);

/// Multiplies by normal noise of mean 1 and variance rate / (1 - rate) while training.
/// https://keras.io/api/layers/regularization_layers/gaussian_dropout/
struct GaussianDropoutArgs {
  Required<double> rate;
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {
      .training = DefaultTraining::off, .built_early = true, .steps = Steps::alone};

  template <class A = GaussianDropoutArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"rate",
                              &A::rate,
                              "As that of Dropout with the same variance.",
                              Range{.min = 0, .max = 1, .open_max = true}},
                        Field{"seed", &A::seed, "Where the random numbers start."});
  }
};
NYALA_DECLARE_LAYER(GaussianDropout);

/// Its input, whose size is penalised: l1 * sum|x| + l2 * sum(x^2), for each sample.
/// https://keras.io/api/layers/regularization_layers/activity_regularization/
struct ActivityRegularizationArgs {
  double l1 = 0;
  double l2 = 0;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.built_early = true, .steps = Steps::alone};

  template <class A = ActivityRegularizationArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"l1", &A::l1, "Of absolute values.", Range::at_least(0)},
                        Field{"l2", &A::l2, "Of squares.", Range::at_least(0)});
  }
};
NYALA_DECLARE_LAYER(ActivityRegularization);

}  // namespace nyala::layers

#pragma GCC visibility pop
