#pragma once
/// Recurrent layers: SimpleRNN, LSTM, GRU, their cells, and RNN over any cell.
///
/// A sequence is (batch, steps, features). A layer gives the last output,
/// (batch, units), or with `return_sequences` all of them, (batch, steps,
/// units), and with `return_state` its states behind that. Steps where the mask
/// is false change nothing: they repeat the output before them, or give zeros
/// with `zero_output_for_mask`.
#include <array>
#include <vector>

#include <nyala/layers/activations.hpp>
#include <nyala/layers/layer.hpp>
#include <nyala/layers/options.hpp>
#include <nyala/layers/serialization.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// What a layer needs to be a cell of RNN. Its `call_all` takes the input of a
/// step, the states and, behind them, what `constants` gave; it gives the
/// output and the new states.
class RecurrentCell {
 public:
  virtual ~RecurrentCell() = default;
  /// The shapes of the states without the batch, {units} mostly. The cell may
  /// not be built yet.
  virtual std::vector<Shape> state_shapes() const = 0;
  /// The shape of the output without the batch.
  virtual Shape output_shape() const { return state_shapes()[0]; }
  /// What stays the same for a whole sequence: dropout masks. `x` is the input
  /// of the first step.
  virtual std::vector<Tensor> constants(const Tensor& /*x*/, bool /*training*/) { return {}; }
  /// How many there are.
  virtual std::size_t num_constants(bool /*training*/) const { return 0; }
};

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

/// Fields of several classes.
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

/// One step of SimpleRNN: activation(x W + h R + b), which is also the new
/// state. Called with x (batch, features) and h (batch, units), it gives the
/// output and the new h.
struct SimpleRNNCellArgs {
  Required<int> units;
  activations::Activation activation = "tanh";
  bool use_bias = true;
  initializers::Initializer kernel_initializer = "glorot_uniform";
  initializers::Initializer recurrent_initializer = "orthogonal";
  initializers::Initializer bias_initializer = "zeros";
  regularizers::Regularizer kernel_regularizer = {};
  regularizers::Regularizer recurrent_regularizer = {};
  regularizers::Regularizer bias_regularizer = {};
  constraints::Constraint kernel_constraint = {};
  constraints::Constraint recurrent_constraint = {};
  constraints::Constraint bias_constraint = {};
  double dropout = 0;
  double recurrent_dropout = 0;
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  using Call = RecurrentCellCall;
  static constexpr LayerTraits kTraits = kRecurrentCellTraits;

  template <class A = SimpleRNNCellArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        layer_fields(Field{"units", &A::units, "Size of the state.", Range::at_least(1)},
                     Field{"activation", &A::activation, "Applied to what becomes the state."}),
        layer_fields(Field{"use_bias", &A::use_bias, "Whether a bias is added."}),
        recurrent_initializer_fields<A>(),
        recurrent_weight_fields<A>(),
        layer_fields(Field{"seed", &A::seed, "Makes dropout repeatable."}));
  }
  static constexpr auto ignored_keys() { return kOldRecurrentKeys; }
};
NYALA_DECLARE_LAYER(SimpleRNNCell);

/// h = activation(x W + h R + b) at each step of a sequence.
/// https://keras.io/api/layers/recurrent_layers/simple_rnn/
struct SimpleRNNArgs {
  Required<int> units;
  activations::Activation activation = "tanh";
  bool use_bias = true;
  initializers::Initializer kernel_initializer = "glorot_uniform";
  initializers::Initializer recurrent_initializer = "orthogonal";
  initializers::Initializer bias_initializer = "zeros";
  regularizers::Regularizer kernel_regularizer = {};
  regularizers::Regularizer recurrent_regularizer = {};
  regularizers::Regularizer bias_regularizer = {};
  regularizers::Regularizer activity_regularizer = {};
  constraints::Constraint kernel_constraint = {};
  constraints::Constraint recurrent_constraint = {};
  constraints::Constraint bias_constraint = {};
  double dropout = 0;
  double recurrent_dropout = 0;
  bool return_sequences = false;
  bool return_state = false;
  bool go_backwards = false;
  bool stateful = false;
  bool unroll = false;
  IfSet<std::optional<std::int64_t>> seed = {};
  bool zero_output_for_mask = false;
  NYALA_LAYER_ARGS;

  using Call = RecurrentCall;
  static constexpr LayerTraits kTraits = kRecurrentTraits;

  template <class A = SimpleRNNArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        sequence_fields<A>(),
        layer_fields(Field{"units", &A::units, "Size of the state.", Range::at_least(1)},
                     Field{"activation", &A::activation, "Applied to what becomes the state."}),
        layer_fields(Field{"use_bias", &A::use_bias, "Whether a bias is added."}),
        recurrent_initializer_fields<A>(),
        recurrent_weight_fields<A>(),
        layer_fields(Field{"seed", &A::seed, "Makes dropout repeatable."}));
  }
  static constexpr auto ignored_keys() { return kOldRecurrentKeys; }
  static Config upgrade(Config config) { return upgrade_recurrent(std::move(config)); }
};
NYALA_DECLARE_LAYER(SimpleRNN);

/// One step of LSTM. Called with x, h and c, it gives the output, the new h and
/// the new c.
struct LSTMCellArgs {
  Required<int> units;
  activations::Activation activation = "tanh";
  activations::Activation recurrent_activation = "sigmoid";
  bool use_bias = true;
  initializers::Initializer kernel_initializer = "glorot_uniform";
  initializers::Initializer recurrent_initializer = "orthogonal";
  initializers::Initializer bias_initializer = "zeros";
  bool unit_forget_bias = true;
  regularizers::Regularizer kernel_regularizer = {};
  regularizers::Regularizer recurrent_regularizer = {};
  regularizers::Regularizer bias_regularizer = {};
  constraints::Constraint kernel_constraint = {};
  constraints::Constraint recurrent_constraint = {};
  constraints::Constraint bias_constraint = {};
  double dropout = 0;
  double recurrent_dropout = 0;
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  using Call = RecurrentCellCall;
  static constexpr LayerTraits kTraits = kRecurrentCellTraits;

  template <class A = LSTMCellArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        gate_fields<A>(),
        layer_fields(Field{"use_bias", &A::use_bias, "Whether a bias is added."},
                     Field{"unit_forget_bias",
                           &A::unit_forget_bias,
                           "Whether the bias of the forget gate starts with ones."}),
        recurrent_initializer_fields<A>(),
        recurrent_weight_fields<A>(),
        layer_fields(Field{"seed", &A::seed, "Makes dropout repeatable."}));
  }
  static constexpr auto ignored_keys() { return kOldRecurrentKeys; }
};
NYALA_DECLARE_LAYER(LSTMCell);

/// Long short-term memory, with the gates i, f, c, o side by side in its
/// weights: c = f c + i activation(.), h = o activation(c).
/// https://keras.io/api/layers/recurrent_layers/lstm/
struct LSTMArgs {
  Required<int> units;
  activations::Activation activation = "tanh";
  activations::Activation recurrent_activation = "sigmoid";
  bool use_bias = true;
  initializers::Initializer kernel_initializer = "glorot_uniform";
  initializers::Initializer recurrent_initializer = "orthogonal";
  initializers::Initializer bias_initializer = "zeros";
  bool unit_forget_bias = true;
  regularizers::Regularizer kernel_regularizer = {};
  regularizers::Regularizer recurrent_regularizer = {};
  regularizers::Regularizer bias_regularizer = {};
  regularizers::Regularizer activity_regularizer = {};
  constraints::Constraint kernel_constraint = {};
  constraints::Constraint recurrent_constraint = {};
  constraints::Constraint bias_constraint = {};
  double dropout = 0;
  double recurrent_dropout = 0;
  std::optional<std::int64_t> seed = {};
  bool return_sequences = false;
  bool return_state = false;
  bool go_backwards = false;
  bool stateful = false;
  bool unroll = false;
  bool zero_output_for_mask = false;
  NYALA_LAYER_ARGS;

  using Call = RecurrentCall;
  static constexpr LayerTraits kTraits = kRecurrentTraits;

  template <class A = LSTMArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        sequence_fields<A>(),
        gate_fields<A>(),
        layer_fields(Field{"use_bias", &A::use_bias, "Whether a bias is added."}),
        recurrent_initializer_fields<A>(),
        layer_fields(Field{"unit_forget_bias",
                           &A::unit_forget_bias,
                           "Whether the bias of the forget gate starts with ones."}),
        recurrent_weight_fields<A>(),
        layer_fields(Field{"seed", &A::seed, "Makes dropout repeatable."}));
  }
  static constexpr auto ignored_keys() { return kOldRecurrentKeys; }
  static Config upgrade(Config config) { return upgrade_recurrent(std::move(config)); }
};
NYALA_DECLARE_LAYER(LSTM);

/// One step of GRU. Called with x and h, it gives the output and the new h.
struct GRUCellArgs {
  Required<int> units;
  activations::Activation activation = "tanh";
  activations::Activation recurrent_activation = "sigmoid";
  bool use_bias = true;
  initializers::Initializer kernel_initializer = "glorot_uniform";
  initializers::Initializer recurrent_initializer = "orthogonal";
  initializers::Initializer bias_initializer = "zeros";
  regularizers::Regularizer kernel_regularizer = {};
  regularizers::Regularizer recurrent_regularizer = {};
  regularizers::Regularizer bias_regularizer = {};
  constraints::Constraint kernel_constraint = {};
  constraints::Constraint recurrent_constraint = {};
  constraints::Constraint bias_constraint = {};
  double dropout = 0;
  double recurrent_dropout = 0;
  bool reset_after = true;
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  using Call = RecurrentCellCall;
  static constexpr LayerTraits kTraits = kRecurrentCellTraits;

  template <class A = GRUCellArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        gate_fields<A>(),
        layer_fields(Field{"use_bias", &A::use_bias, "Whether a bias is added."}),
        recurrent_initializer_fields<A>(),
        recurrent_weight_fields<A>(),
        layer_fields(Field{"reset_after",
                           &A::reset_after,
                           "Whether the reset gate is applied after the product."}),
        layer_fields(Field{"seed", &A::seed, "Makes dropout repeatable."}));
  }
  static constexpr auto ignored_keys() { return kOldRecurrentKeys; }
};
NYALA_DECLARE_LAYER(GRUCell);

/// Gated recurrent unit, with the gates z, r, h side by side in its weights: h
/// = z h + (1 - z) n, n = activation(x W + r (h R)) or, without `reset_after`,
/// activation(x W + (r h) R). https://keras.io/api/layers/recurrent_layers/gru/
struct GRUArgs {
  Required<int> units;
  activations::Activation activation = "tanh";
  activations::Activation recurrent_activation = "sigmoid";
  bool use_bias = true;
  initializers::Initializer kernel_initializer = "glorot_uniform";
  initializers::Initializer recurrent_initializer = "orthogonal";
  initializers::Initializer bias_initializer = "zeros";
  regularizers::Regularizer kernel_regularizer = {};
  regularizers::Regularizer recurrent_regularizer = {};
  regularizers::Regularizer bias_regularizer = {};
  regularizers::Regularizer activity_regularizer = {};
  constraints::Constraint kernel_constraint = {};
  constraints::Constraint recurrent_constraint = {};
  constraints::Constraint bias_constraint = {};
  double dropout = 0;
  double recurrent_dropout = 0;
  std::optional<std::int64_t> seed = {};
  bool return_sequences = false;
  bool return_state = false;
  bool go_backwards = false;
  bool stateful = false;
  bool unroll = false;
  bool reset_after = true;
  bool zero_output_for_mask = false;
  NYALA_LAYER_ARGS;

  using Call = RecurrentCall;
  static constexpr LayerTraits kTraits = kRecurrentTraits;

  template <class A = GRUArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        sequence_fields<A>(),
        gate_fields<A>(),
        layer_fields(Field{"use_bias", &A::use_bias, "Whether a bias is added."}),
        recurrent_initializer_fields<A>(),
        recurrent_weight_fields<A>(),
        layer_fields(Field{"reset_after",
                           &A::reset_after,
                           "Whether the reset gate is applied after the product."}),
        layer_fields(Field{"seed", &A::seed, "Makes dropout repeatable."}));
  }
  static constexpr auto ignored_keys() { return kOldRecurrentKeys; }
  static Config upgrade(Config config) { return upgrade_recurrent(std::move(config)); }
};
NYALA_DECLARE_LAYER(GRU);

/// Layers that must be given: `.cells = {LSTMCell(2), GRUCell(3)}`.
class RequiredLayers {
 public:
  using List = std::vector<Layer>;

  RequiredLayers(std::initializer_list<Layer> layers) : items_(layers) {}
  RequiredLayers(std::vector<Layer> layers) : items_(std::move(layers)) {}
  RequiredLayers(Unset) : is_set(false) {}
  const std::vector<Layer>& items() const { return items_; }

 private:
  std::vector<Layer> items_;

 public:
  bool is_set = true;
};

/// A cell, or a list of cells, which is a StackedRNNCells of them.
class RequiredCell {
 public:
  RequiredCell(Layer cell) : cell_(std::move(cell)) {}
  template <std::derived_from<Layer> L>
  RequiredCell(const L& cell) : cell_(cell) {}
  RequiredCell(std::initializer_list<Layer> cells) : RequiredCell(std::vector<Layer>(cells)) {}
  RequiredCell(std::vector<Layer> cells);
  RequiredCell(Unset) : is_set(false) {}
  const Layer& cell() const { return cell_; }

 private:
  Layer cell_;

 public:
  bool is_set = true;
};

}  // namespace layers

template <>
struct ConfigCodec<layers::RequiredLayers> {
  static Config to(const layers::RequiredLayers& layers) {
    return ConfigCodec<std::vector<Layer>>::to(layers.items());
  }
  static layers::RequiredLayers from(const Config& config) {
    return ConfigCodec<std::vector<Layer>>::from(config);
  }
};
template <>
struct ConfigCodec<layers::RequiredCell> {
  static Config to(const layers::RequiredCell& cell) { return ConfigCodec<Layer>::to(cell.cell()); }
  static layers::RequiredCell from(const Config& config) {
    if (config.is_list()) return ConfigCodec<std::vector<Layer>>::from(config);
    return ConfigCodec<Layer>::from(config);
  }
};

namespace layers {

/// Cells one above the other, as one: the output of each is the input of the
/// next. https://keras.io/api/layers/recurrent_layers/stacked_rnn_cell/
struct StackedRNNCellsArgs {
  RequiredLayers cells;
  NYALA_LAYER_ARGS;

  using Call = RecurrentCellCall;
  static constexpr LayerTraits kTraits = kRecurrentCellTraits;

  template <class A = StackedRNNCellsArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"cells", &A::cells, "From the first to the last."});
  }
};
NYALA_DECLARE_LAYER(StackedRNNCells);

/// Any cell over the steps of a sequence: a layer that is a RecurrentCell, or a
/// list of such. https://keras.io/api/layers/recurrent_layers/rnn/
struct RNNArgs {
  RequiredCell cell;
  bool return_sequences = false;
  bool return_state = false;
  bool go_backwards = false;
  bool stateful = false;
  bool unroll = false;
  bool zero_output_for_mask = false;
  NYALA_LAYER_ARGS;

  using Call = RecurrentCall;
  static constexpr LayerTraits kTraits = kRecurrentTraits;

  template <class A = RNNArgs>
  static constexpr auto fields() {
    return std::tuple_cat(sequence_fields<A>(),
                          layer_fields(Field{"cell", &A::cell, "What each step runs."}));
  }
  static constexpr auto ignored_keys() { return kOldRecurrentKeys; }
  static Config upgrade(Config config) { return upgrade_recurrent(std::move(config)); }
};
NYALA_DECLARE_LAYER(RNN);

}  // namespace layers
}  // namespace nyala

#pragma GCC visibility pop
