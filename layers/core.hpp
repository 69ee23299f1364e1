#pragma once
/// Keras's core layers.
#include <array>
#include <optional>
#include <string>

#include <nyala/layers/activations.hpp>
#include <nyala/layers/layer.hpp>
#include <nyala/layers/options.hpp>

#pragma GCC visibility push(default)

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
/// The same for the shape of one sample: `Input({28, 28})`. (A template, so that `{.shape = ...}`,
/// which g++ 12 takes for a Shape as well, goes to the function above.)
template <class = void>
Symbol Input(const Shape& shape) {
  return Input(InputArgs{.shape = shape});
}

namespace layers {

/// The layer behind `Input`.
struct InputLayerArgs {
  OptionalShape batch_shape = {};
  bool sparse = false;
  bool ragged = false;
  bool optional = false;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.built_early = true};

  /// tf.keras 2.x has batch_input_shape.
  static Config upgrade(Config config);

  template <class A = InputLayerArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"batch_shape", &A::batch_shape, "Shape with the batch; null is unknown."},
        Field{"sparse", &A::sparse, "Kept for Keras; true is not supported."},
        Field{"ragged", &A::ragged, "Kept for Keras; true is not supported."},
        Field{"optional", &A::optional, "Whether the input may be left out."});
  }
};
NYALA_DECLARE_LAYER(InputLayer);

/// The options of a kernel and a bias, in Keras's order, and their fields.
#define NYALA_WEIGHT_ARGS                                          \
  initializers::Initializer kernel_initializer = "glorot_uniform"; \
  initializers::Initializer bias_initializer = "zeros";            \
  regularizers::Regularizer kernel_regularizer = {};               \
  regularizers::Regularizer bias_regularizer = {};                 \
  regularizers::Regularizer activity_regularizer = {};             \
  constraints::Constraint kernel_constraint = {};                  \
  constraints::Constraint bias_constraint = {}
template <class A>
constexpr auto kernel_and_bias_fields() {
  return std::tuple{
      Field{"kernel_initializer", &A::kernel_initializer, "Fills the kernel."},
      Field{"bias_initializer", &A::bias_initializer, "Fills the bias."},
      Field{"kernel_regularizer", &A::kernel_regularizer, "Penalty on the kernel."},
      Field{"bias_regularizer", &A::bias_regularizer, "Penalty on the bias."},
      Field{"activity_regularizer", &A::activity_regularizer, "Penalty on the output."},
      Field{"kernel_constraint", &A::kernel_constraint, "Applied to the kernel after each step."},
      Field{"bias_constraint", &A::bias_constraint, "Applied to the bias after each step."},
      Field{"quantization_config", &A::quantization_config, "Not supported."}};
}

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

  static constexpr LayerTraits kTraits = {.steps = Steps::last_axis};

  template <class A = DenseArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        layer_fields(
            Field{"units", &A::units, "Size of the output.", Range::at_least(1)},
            Field{"activation", &A::activation, "Applied to the result; linear without one."},
            Field{"use_bias", &A::use_bias, "Whether a bias is added."}),
        kernel_and_bias_fields<A>());
  }
};
NYALA_DECLARE_LAYER(Dense);

/// A row of a learned table for each id: (batch, ...) ids give (batch, ..., output_dim). Floating
/// ids are truncated. Throws IndexError for an id outside the table. With `mask_zero` id 0 is
/// masked.
/// https://keras.io/api/layers/core_layers/embedding/
struct EmbeddingArgs {
  Required<int> input_dim;
  Required<int> output_dim;
  initializers::Initializer embeddings_initializer = "uniform";
  regularizers::Regularizer embeddings_regularizer = {};
  regularizers::Regularizer activity_regularizer = {};
  constraints::Constraint embeddings_constraint = {};
  bool mask_zero = false;
  AlwaysNull quantization_config = {};
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.steps = Steps::alone};

  template <class A = EmbeddingArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"input_dim", &A::input_dim, "Rows of the table.", Range::at_least(1)},
        Field{"output_dim", &A::output_dim, "Size of a row.", Range::at_least(1)},
        Field{"embeddings_initializer", &A::embeddings_initializer, "Fills the table."},
        Field{"embeddings_regularizer", &A::embeddings_regularizer, "Penalty on the table."},
        Field{"activity_regularizer", &A::activity_regularizer, "Penalty on the output."},
        Field{"embeddings_constraint",
              &A::embeddings_constraint,
              "Applied to the table after each step."},
        Field{"mask_zero", &A::mask_zero, "Whether id 0 stands for nothing."},
        Field{"quantization_config", &A::quantization_config, "Not supported."});
  }
  /// What tf.keras 2.x also writes.
  static constexpr std::array<const char*, 1> ignored_keys() { return {"input_length"}; }
};
NYALA_DECLARE_LAYER(Embedding);

/// What a call of ReversibleEmbedding takes beside its input.
struct ReversibleEmbeddingCall {
  bool reverse = false;  ///< scores of all ids for vectors, in place of vectors for ids

  template <class A = ReversibleEmbeddingCall>
  static constexpr auto call_fields() {
    return std::tuple{CallField{"reverse", &A::reverse}};
  }
};

/// An Embedding that also goes back: (..., output_dim) vectors give (..., input_dim) scores, by the
/// same table or, without `tie_weights`, by one of their own.
/// https://keras.io/api/layers/core_layers/reversible_embedding/
struct ReversibleEmbeddingArgs {
  Required<int> input_dim;
  Required<int> output_dim;
  bool tie_weights = true;
  initializers::Initializer embeddings_initializer = "uniform";
  regularizers::Regularizer embeddings_regularizer = {};
  constraints::Constraint embeddings_constraint = {};
  bool mask_zero = false;
  std::optional<DTypeLike> reverse_dtype = {};
  std::optional<double> logit_soft_cap = {};
  regularizers::Regularizer activity_regularizer = {};
  AlwaysNull quantization_config = {};
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.steps = Steps::alone};

  using Call = ReversibleEmbeddingCall;

  template <class A = ReversibleEmbeddingArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"input_dim", &A::input_dim, "Rows of the table.", Range::at_least(1)},
        Field{"output_dim", &A::output_dim, "Size of a row.", Range::at_least(1)},
        Field{"embeddings_initializer", &A::embeddings_initializer, "Fills the tables."},
        Field{"embeddings_regularizer", &A::embeddings_regularizer, "Penalty on the table."},
        Field{"activity_regularizer", &A::activity_regularizer, "Penalty on the output."},
        Field{"embeddings_constraint",
              &A::embeddings_constraint,
              "Applied to the table after each step."},
        Field{"mask_zero", &A::mask_zero, "Whether id 0 stands for nothing."},
        Field{"quantization_config", &A::quantization_config, "Not supported."},
        Field{"tie_weights", &A::tie_weights, "Whether one table serves both ways."},
        Field{"reverse_dtype", &A::reverse_dtype, "Of the way back; the table's without it."},
        Field{"logit_soft_cap",
              &A::logit_soft_cap,
              "Scores are kept below it: cap * tanh(score / cap)."});
  }
};
NYALA_DECLARE_LAYER(ReversibleEmbedding);

/// The activation of a contraction with a kernel, written as an einsum: "ab,bc->ac". The equation
/// is [X],[Y]->[Z], ...[X],[Y]->...[Z] or [X]...,[Y]->[Z]....
/// https://keras.io/api/layers/core_layers/einsum_dense/
struct EinsumDenseArgs {
  Required<std::string> equation;
  Required<Shape> output_shape;
  activations::Activation activation = {};
  std::optional<std::string> bias_axes = {};
  NYALA_WEIGHT_ARGS;
  AlwaysNull quantization_config = {};
  NYALA_LAYER_ARGS;

  template <class A = EinsumDenseArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        layer_fields(Field{"equation", &A::equation, "The einsum of input and kernel."},
                     Field{"output_shape",
                           &A::output_shape,
                           "The output's sizes without the batch and what an ellipsis stands for."},
                     Field{"activation", &A::activation, "Applied to the result."},
                     Field{"bias_axes", &A::bias_axes, "The output's labels that a bias has."}),
        kernel_and_bias_fields<A>());
  }
  static Config upgrade(Config config);
};
NYALA_DECLARE_LAYER(EinsumDense);

/// Sets steps to 0, and masks them, whose features all equal `mask_value`: (batch, steps,
/// features). https://keras.io/api/layers/core_layers/masking/
struct MaskingArgs {
  double mask_value = 0;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.built_early = true, .steps = Steps::last_axis};

  template <class A = MaskingArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"mask_value", &A::mask_value, "What stands for a missing feature."});
  }
};
NYALA_DECLARE_LAYER(Masking);

/// Its input, as it is.
/// https://keras.io/api/layers/core_layers/identity/
struct IdentityArgs {
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.built_early = true, .steps = Steps::alone};

  template <class A = IdentityArgs>
  static constexpr auto fields() {
    return layer_fields();
  }
};
NYALA_DECLARE_LAYER(Identity);

}  // namespace layers
}  // namespace nyala

#pragma GCC visibility pop
