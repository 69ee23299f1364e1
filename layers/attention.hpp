#pragma once
/// Layers that attend: each query takes a mean of values, weighted by how well their keys fit it.
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nyala/core/ops/attention.hpp>
#include <nyala/layers/core.hpp>

#pragma GCC visibility push(default)

namespace nyala::layers {

/// What a call of Attention and AdditiveAttention takes beside {query, value} or {query, value,
/// key}; the key is the value where it is not given.
struct AttentionCall {
  CallValue mask = {};  ///< {of the query, of the value}: of steps that count
  std::optional<bool> training = {};
  bool return_attention_scores = false;  ///< the weights of the values are a second output
  bool use_causal_mask = false;          ///< step t of the query sees the values up to t alone

  template <class A = AttentionCall>
  static constexpr auto call_fields() {
    return std::tuple{CallField{"mask", &A::mask},
                      CallField{"training", &A::training},
                      CallField{"return_attention_scores", &A::return_attention_scores},
                      CallField{"use_causal_mask", &A::use_causal_mask}};
  }
};

/// softmax(query . key) . value of (batch, queries, size), (batch, values, size): (batch, queries,
/// size of a value). Steps of the query that are masked give 0.
/// https://keras.io/api/layers/attention_layers/attention/
struct AttentionArgs {
  bool use_scale = false;
  std::string score_mode = "dot";
  double dropout = 0.0;
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  using Call = AttentionCall;
  static constexpr LayerTraits kTraits = {.training = DefaultTraining::off, .takes_mask = true};
  /// What tf.keras 2.x also writes.
  static constexpr std::array<const char*, 1> ignored_keys() { return {"causal"}; }

  template <class A = AttentionArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"use_scale", &A::use_scale, "Whether scores are multiplied by a learned number."},
        Field{"score_mode", &A::score_mode, "dot, or concat: sums of tanh(query + key)."},
        Field{"dropout", &A::dropout, "Share of the weights set to 0.", Range::from_0_to_1()},
        Field{"seed", &A::seed, "Where the random numbers start."});
  }
};
NYALA_DECLARE_LAYER(Attention);

/// The same with scores sum(scale * tanh(query + key)) and a learned `scale` of the query's size.
/// https://keras.io/api/layers/attention_layers/additive_attention/
struct AdditiveAttentionArgs {
  bool use_scale = true;
  double dropout = 0.0;
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  using Call = AttentionCall;
  static constexpr LayerTraits kTraits = {.training = DefaultTraining::off, .takes_mask = true};
  static constexpr std::array<const char*, 1> ignored_keys() { return {"causal"}; }

  template <class A = AdditiveAttentionArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"use_scale", &A::use_scale, "Whether there is a learned scale."},
        Field{"dropout", &A::dropout, "Share of the weights set to 0.", Range::from_0_to_1()},
        Field{"seed", &A::seed, "Where the random numbers start."});
  }
};
NYALA_DECLARE_LAYER(AdditiveAttention);

/// What a call of MultiHeadAttention and GroupQueryAttention takes beside query, value and key; the
/// key is the value where it is not given.
struct MultiHeadAttentionCall {
  CallValue query_mask = {};
  CallValue value_mask = {};
  CallValue key_mask = {};
  CallValue attention_mask = {};         ///< (batch, queries, keys): which keys a query sees
  bool return_attention_scores = false;  ///< (batch, heads, queries, keys) is a second output
  std::optional<bool> training = {};
  bool use_causal_mask = false;

  static constexpr std::array<const char*, 3> inputs = {"query", "value", "key"};

  template <class A = MultiHeadAttentionCall>
  static constexpr auto call_fields() {
    return std::tuple{CallField{"query_mask", &A::query_mask},
                      CallField{"value_mask", &A::value_mask},
                      CallField{"key_mask", &A::key_mask},
                      CallField{"attention_mask", &A::attention_mask},
                      CallField{"return_attention_scores", &A::return_attention_scores},
                      CallField{"training", &A::training},
                      CallField{"use_causal_mask", &A::use_causal_mask}};
  }
};

/// Sizes of an output, or none: `.output_shape = 5`, `.output_shape = {2, 5}`.
struct OutputShape : OptionalShape {
  using OptionalShape::OptionalShape;
  OutputShape(std::int64_t size) : OptionalShape({size}) {}
};

/// One axis, several, or none: `.attention_axes = 2`, `.attention_axes = {1, 2}`.
struct OptionalAxes : AxisList {
  using AxisList::AxisList;
  OptionalAxes() = default;
  OptionalAxes(AxisList axes) : AxisList(std::move(axes)) {}
};

/// The options of the kernels and biases of attention, and their fields.
#define NYALA_ATTENTION_WEIGHT_ARGS \
  NYALA_WEIGHT_ARGS;                \
  bool use_gate = false;            \
  std::optional<std::int64_t> seed = {}
template <class A>
constexpr auto attention_weight_fields() {
  return std::tuple{
      Field{"kernel_initializer", &A::kernel_initializer, "Fills the kernels."},
      Field{"bias_initializer", &A::bias_initializer, "Fills the biases."},
      Field{"kernel_regularizer", &A::kernel_regularizer, "Penalty on the kernels."},
      Field{"bias_regularizer", &A::bias_regularizer, "Penalty on the biases."},
      Field{"activity_regularizer", &A::activity_regularizer, "Penalty on each projection."},
      Field{"kernel_constraint", &A::kernel_constraint, "Applied after each step."},
      Field{"bias_constraint", &A::bias_constraint, "Applied after each step."},
      Field{"seed", &A::seed, "Where the random numbers start."}};
}

/// Queries, keys and values are projected for each of `num_heads` heads, attend by
/// softmax(query . key / sqrt(key_dim)), and what all heads give is projected to the query's size.
/// https://keras.io/api/layers/attention_layers/multi_head_attention/
struct MultiHeadAttentionArgs {
  Required<int> num_heads;
  Required<int> key_dim;
  std::optional<int> value_dim = {};
  double dropout = 0.0;
  bool use_bias = true;
  OutputShape output_shape = {};
  OptionalAxes attention_axes = {};
  std::optional<int> sliding_window = {};
  NYALA_ATTENTION_WEIGHT_ARGS;
  NYALA_LAYER_ARGS;

  using Call = MultiHeadAttentionCall;
  /// What tf.keras 2.x and older Keras 3 also write.
  static constexpr std::array<const char*, 4> ignored_keys() {
    return {"query_shape", "key_shape", "value_shape", "flash_attention"};
  }

  template <class A = MultiHeadAttentionArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        layer_fields(
            Field{"num_heads", &A::num_heads, "How many.", Range::at_least(1)},
            Field{"key_dim", &A::key_dim, "Size of a head's query and key.", Range::at_least(1)},
            Field{"value_dim", &A::value_dim, "Of a head's value; key_dim without it."},
            Field{"dropout", &A::dropout, "Share of the weights set to 0.", Range::from_0_to_1()},
            Field{"use_bias", &A::use_bias, "Whether projections have biases."},
            Field{"use_gate", &A::use_gate, "Whether heads are multiplied by a learned gate."},
            Field{"output_shape", &A::output_shape, "Of a step; the query's without it."},
            Field{"attention_axes", &A::attention_axes, "Attended over; all without them."},
            Field{"sliding_window", &A::sliding_window, "How far a query sees on either side."}),
        attention_weight_fields<A>());
  }
};
NYALA_DECLARE_LAYER(MultiHeadAttention);

/// The same where several heads of the query share a head of key and value.
/// https://keras.io/api/layers/attention_layers/group_query_attention/
struct GroupQueryAttentionArgs {
  Required<int> head_dim;
  Required<int> num_query_heads;
  Required<int> num_key_value_heads;
  double dropout = 0.0;
  bool use_bias = true;
  std::optional<int> sliding_window = {};
  NYALA_ATTENTION_WEIGHT_ARGS;
  NYALA_LAYER_ARGS;

  using Call = MultiHeadAttentionCall;
  static constexpr std::array<const char*, 1> ignored_keys() { return {"flash_attention"}; }

  template <class A = GroupQueryAttentionArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        layer_fields(
            Field{"head_dim", &A::head_dim, "Size of a head.", Range::at_least(1)},
            Field{"num_query_heads", &A::num_query_heads, "How many.", Range::at_least(1)},
            Field{"num_key_value_heads",
                  &A::num_key_value_heads,
                  "How many of key and value, a divisor of them.",
                  Range::at_least(1)},
            Field{"use_bias", &A::use_bias, "Whether projections have biases."},
            Field{"use_gate", &A::use_gate, "Whether heads are multiplied by a learned gate."},
            Field{"sliding_window", &A::sliding_window, "How far a query sees on either side."},
            Field{"dropout", &A::dropout, "Share of the weights set to 0.", Range::from_0_to_1()}),
        attention_weight_fields<A>());
  }
};
NYALA_DECLARE_LAYER(GroupQueryAttention);

}  // namespace nyala::layers

namespace nyala {

template <>
struct ConfigCodec<layers::OptionalAxes> {
  static Config to(const layers::OptionalAxes& axes) {
    return axes.axes().empty() ? Config() : ConfigCodec<std::vector<int>>::to(axes.axes());
  }
  static layers::OptionalAxes from(const Config& config) {
    if (config.is_null()) return {};
    return ConfigCodec<AxisList>::from(config);
  }
};
template <>
struct ConfigCodec<layers::OutputShape> {
  static Config to(const layers::OutputShape& shape) {
    return ConfigCodec<OptionalShape>::to(shape);
  }
  static layers::OutputShape from(const Config& config) {
    if (config.is_int()) return layers::OutputShape(config.as_int());
    layers::OutputShape shape;
    static_cast<OptionalShape&>(shape) = ConfigCodec<OptionalShape>::from(config);
    return shape;
  }
};

}  // namespace nyala

#pragma GCC visibility pop
