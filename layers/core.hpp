#pragma once
/// Keras's core layers.
#include <optional>
#include <string>

#include <nyala/layers/activations.hpp>
#include <nyala/layers/layer.hpp>
#include <nyala/layers/options.hpp>

namespace nyala {

/// What `Input` takes: the shape of one sample, or with the batch as `batch_shape`.
struct InputArgs {
  OptionalShape shape = {};
  std::optional<std::int64_t> batch_size = {};
  std::optional<DTypeLike> dtype = {};
  bool sparse = false;
  OptionalShape batch_shape = {};
  std::string name = {};
  bool optional = false;
};

/// A symbol for data that a model is given (`keras.Input`).
Symbol Input(const InputArgs& args);

namespace layers {

/// The layer behind `Input`.
struct InputLayerArgs {
  OptionalShape batch_shape = {};
  bool sparse = false;
  bool ragged = false;
  bool optional = false;
  NYALA_LAYER_ARGS;

  static constexpr auto fields() {
    return layer_fields(
        Field{
            "batch_shape", &InputLayerArgs::batch_shape, "Shape with the batch; null is unknown."},
        Field{"sparse", &InputLayerArgs::sparse, "Kept for Keras; true is not supported."},
        Field{"ragged", &InputLayerArgs::ragged, "Kept for Keras; true is not supported."},
        Field{"optional", &InputLayerArgs::optional, "Whether the input may be left out."});
  }
};
NYALA_DECLARE_LAYER(InputLayer);

/// activation(x * kernel + bias), over the last axis of x. Integers are cast to the compute dtype.
/// https://keras.io/api/layers/core_layers/dense/
struct DenseArgs {
  Required<int> units;
  activations::Activation activation = {};
  bool use_bias = true;
  initializers::Initializer kernel_initializer = "glorot_uniform";
  initializers::Initializer bias_initializer = "zeros";
  regularizers::Regularizer kernel_regularizer = {};
  regularizers::Regularizer bias_regularizer = {};
  IfSet<regularizers::Regularizer> activity_regularizer = {};
  constraints::Constraint kernel_constraint = {};
  constraints::Constraint bias_constraint = {};
  AlwaysNull quantization_config = {};
  NYALA_LAYER_ARGS;

  static constexpr auto fields() {
    return layer_fields(
        Field{"units", &DenseArgs::units, "Size of the output.", Range::at_least(1)},
        Field{"activation", &DenseArgs::activation, "Applied to the result; linear without one."},
        Field{"use_bias", &DenseArgs::use_bias, "Whether a bias is added."},
        Field{"kernel_initializer", &DenseArgs::kernel_initializer, "Fills the kernel."},
        Field{"bias_initializer", &DenseArgs::bias_initializer, "Fills the bias."},
        Field{"kernel_regularizer", &DenseArgs::kernel_regularizer, "Penalty on the kernel."},
        Field{"bias_regularizer", &DenseArgs::bias_regularizer, "Penalty on the bias."},
        Field{"activity_regularizer", &DenseArgs::activity_regularizer, "Penalty on the output."},
        Field{"kernel_constraint",
              &DenseArgs::kernel_constraint,
              "Applied to the kernel after each step."},
        Field{
            "bias_constraint", &DenseArgs::bias_constraint, "Applied to the bias after each step."},
        Field{"quantization_config", &DenseArgs::quantization_config, "Not supported."});
  }
};
NYALA_DECLARE_LAYER(Dense);

}  // namespace layers
}  // namespace nyala
