#pragma once
/// What the options of recurrent layers share: calls, lists of options with their fields, and the
/// types of options that hold layers.
#include <array>
#include <concepts>
#include <initializer_list>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <nyala/layers/activations.hpp>
#include <nyala/layers/layer.hpp>
#include <nyala/layers/options.hpp>
#include <nyala/layers/serialization.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace layers {

/// What a recurrent layer's call takes by name.
struct RecurrentCall {
  /// The states before the first step, (batch, units) each: one, or a list.
  /// Zeros without them.
  CallValue initial_state = {};
  CallValue mask = {};
  std::optional<bool> training = {};

  static constexpr std::array<const char*, 1> inputs = {"sequences"};

  template <class A = RecurrentCall>
  static constexpr auto call_fields() {
    return std::tuple{CallField{"initial_state", &A::initial_state},
                      CallField{"mask", &A::mask},
                      CallField{"training", &A::training}};
  }
};

/// What a cell's call takes: x and the states by position, in one list.
struct RecurrentCellCall {
  std::optional<bool> training = {};

  static constexpr std::array<const char*, 2> inputs = {"inputs", "states"};

  template <class A = RecurrentCellCall>
  static constexpr auto call_fields() {
    return std::tuple{CallField{"training", &A::training}};
  }
};

inline constexpr LayerTraits kRecurrentTraits = {.training = DefaultTraining::off,
                                                 .takes_mask = true};
inline constexpr LayerTraits kRecurrentCellTraits = {.training = DefaultTraining::off};

/// What tf.keras 2.x writes, or Keras takes, beside today's options.
inline constexpr std::array<const char*, 3> kOldRecurrentKeys = {
    "implementation", "use_cudnn", "time_major"};
/// Throws UnsupportedError for sequences with the time first.
Config upgrade_recurrent(Config config);

// Options of several classes, in Keras's order, and their fields.

#define NYALA_RECURRENT_INITIALIZERS                               \
  initializers::Initializer kernel_initializer = "glorot_uniform"; \
  initializers::Initializer recurrent_initializer = "orthogonal";  \
  initializers::Initializer bias_initializer = "zeros"
#define NYALA_RECURRENT_REGULARIZERS                    \
  regularizers::Regularizer kernel_regularizer = {};    \
  regularizers::Regularizer recurrent_regularizer = {}; \
  regularizers::Regularizer bias_regularizer = {}
#define NYALA_RECURRENT_CONSTRAINTS                  \
  constraints::Constraint kernel_constraint = {};    \
  constraints::Constraint recurrent_constraint = {}; \
  constraints::Constraint bias_constraint = {};      \
  double dropout = 0;                                \
  double recurrent_dropout = 0
#define NYALA_SEQUENCE_ARGS      \
  bool return_sequences = false; \
  bool return_state = false;     \
  bool go_backwards = false;     \
  bool stateful = false;         \
  bool unroll = false

template <class A>
constexpr auto sequence_fields() {
  return std::tuple{
      Field{"return_sequences", &A::return_sequences, "Whether every output is returned."},
      Field{"return_state", &A::return_state, "Whether the states are returned as well."},
      Field{"go_backwards", &A::go_backwards, "Whether the last step comes first."},
      Field{"stateful", &A::stateful, "Whether a batch starts with the states of the last one."},
      Field{"unroll", &A::unroll, "Without effect on results."},
      Field{"zero_output_for_mask",
            &A::zero_output_for_mask,
            "Whether steps that are masked give zeros."}};
}
template <class A>
constexpr auto simple_fields() {
  return layer_fields(Field{"units", &A::units, "Size of the state.", Range::at_least(1)},
                      Field{"activation", &A::activation, "Applied to what becomes the state."});
}
template <class A>
constexpr auto bias_field() {
  return layer_fields(Field{"use_bias", &A::use_bias, "Whether a bias is added."});
}
template <class A>
constexpr auto forget_bias_field() {
  return layer_fields(Field{"unit_forget_bias",
                            &A::unit_forget_bias,
                            "Whether the bias of the forget gate starts with ones."});
}
template <class A>
constexpr auto reset_field() {
  return layer_fields(Field{
      "reset_after", &A::reset_after, "Whether the reset gate is applied after the product."});
}
template <class A>
constexpr auto seed_field() {
  return layer_fields(Field{"seed", &A::seed, "Makes dropout repeatable."});
}
template <class A>
constexpr auto gate_fields() {
  return std::tuple{
      Field{"units", &A::units, "Size of the state.", Range::at_least(1)},
      Field{"activation", &A::activation, "Applied to what becomes the state."},
      Field{"recurrent_activation", &A::recurrent_activation, "Applied to the gates."}};
}
template <class A>
constexpr auto recurrent_initializer_fields() {
  return std::tuple{
      Field{"kernel_initializer", &A::kernel_initializer, "Fills the kernel of the input."},
      Field{"recurrent_initializer", &A::recurrent_initializer, "Fills the kernel of the state."},
      Field{"bias_initializer", &A::bias_initializer, "Fills the bias."}};
}
template <class A>
constexpr auto recurrent_weight_fields() {
  const auto activity = [] {
    if constexpr (requires(A & a) { a.activity_regularizer; })
      return std::tuple{
          Field{"activity_regularizer", &A::activity_regularizer, "Penalty on the output."}};
    else
      return std::tuple{};
  }();
  return std::tuple_cat(
      std::tuple{
          Field{"kernel_regularizer", &A::kernel_regularizer, "Penalty on the input's kernel."},
          Field{
              "recurrent_regularizer", &A::recurrent_regularizer, "Penalty on the state's kernel."},
          Field{"bias_regularizer", &A::bias_regularizer, "Penalty on the bias."}},
      activity,
      std::tuple{
          Field{"kernel_constraint", &A::kernel_constraint, "Applied to the input's kernel."},
          Field{"recurrent_constraint", &A::recurrent_constraint, "Applied to the state's kernel."},
          Field{"bias_constraint", &A::bias_constraint, "Applied to the bias."},
          Field{"dropout", &A::dropout, "Share of the input dropped.", Range::from_0_to_1()},
          Field{"recurrent_dropout",
                &A::recurrent_dropout,
                "Share of the state dropped.",
                Range::from_0_to_1()}});
}

/// A cell, or a list of cells, be it of one, which is a StackedRNNCells of them.
struct RequiredCell : Required<Layer> {
  using Required::Required;
  RequiredCell() = delete;  // else braces without a cell would be a list
  RequiredCell(std::initializer_list<Layer> cells) : RequiredCell(std::vector<Layer>(cells)) {}
  RequiredCell(std::vector<Layer> cells);
};

}  // namespace layers

template <>
struct ConfigCodec<layers::RequiredCell> {
  static Config to(const layers::RequiredCell& cell) { return ConfigCodec<Layer>::to(cell.value); }
  static layers::RequiredCell from(const Config& config) {
    if (config.is_list()) return ConfigCodec<std::vector<Layer>>::from(config);
    return ConfigCodec<Layer>::from(config);
  }
};

}  // namespace nyala

#pragma GCC visibility pop
