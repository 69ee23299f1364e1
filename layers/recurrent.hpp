#pragma once
/// Recurrent layers: SimpleRNN, LSTM, GRU, their cells, and RNN over any cell.
///
/// A sequence is (batch, steps, features). A layer gives the last output,
/// (batch, units), or with `return_sequences` all of them, (batch, steps,
/// units), and with `return_state` its states behind that. Steps where the mask
/// is false change nothing: they repeat the output before them, or give zeros
/// with `zero_output_for_mask`.
#include <vector>

#include <nyala/layers/recurrent_args.hpp>

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

/// One step of SimpleRNN: activation(x W + h R + b), which is also the new
/// state. Called with x (batch, features) and h (batch, units), it gives the
/// output and the new h.
struct SimpleRNNCellArgs {
  Required<int> units;
  activations::Activation activation = "tanh";
  bool use_bias = true;
  NYALA_RECURRENT_INITIALIZERS;
  NYALA_RECURRENT_REGULARIZERS;
  NYALA_RECURRENT_CONSTRAINTS;
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  using Call = RecurrentCellCall;
  static constexpr LayerTraits kTraits = kRecurrentCellTraits;

  template <class A = SimpleRNNCellArgs>
  static constexpr auto fields() {
    return std::tuple_cat(simple_fields<A>(),
                          bias_field<A>(),
                          recurrent_initializer_fields<A>(),
                          recurrent_weight_fields<A>(),
                          seed_field<A>());
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
  NYALA_RECURRENT_INITIALIZERS;
  NYALA_RECURRENT_REGULARIZERS;
  regularizers::Regularizer activity_regularizer = {};
  NYALA_RECURRENT_CONSTRAINTS;
  NYALA_SEQUENCE_ARGS;
  IfSet<std::optional<std::int64_t>> seed = {};
  bool zero_output_for_mask = false;
  NYALA_LAYER_ARGS;

  using Call = RecurrentCall;
  static constexpr LayerTraits kTraits = kRecurrentTraits;

  template <class A = SimpleRNNArgs>
  static constexpr auto fields() {
    return std::tuple_cat(sequence_fields<A>(),
                          simple_fields<A>(),
                          bias_field<A>(),
                          recurrent_initializer_fields<A>(),
                          recurrent_weight_fields<A>(),
                          seed_field<A>());
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
  NYALA_RECURRENT_INITIALIZERS;
  bool unit_forget_bias = true;
  NYALA_RECURRENT_REGULARIZERS;
  NYALA_RECURRENT_CONSTRAINTS;
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  using Call = RecurrentCellCall;
  static constexpr LayerTraits kTraits = kRecurrentCellTraits;

  template <class A = LSTMCellArgs>
  static constexpr auto fields() {
    return std::tuple_cat(gate_fields<A>(),
                          bias_field<A>(),
                          forget_bias_field<A>(),
                          recurrent_initializer_fields<A>(),
                          recurrent_weight_fields<A>(),
                          seed_field<A>());
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
  NYALA_RECURRENT_INITIALIZERS;
  bool unit_forget_bias = true;
  NYALA_RECURRENT_REGULARIZERS;
  regularizers::Regularizer activity_regularizer = {};
  NYALA_RECURRENT_CONSTRAINTS;
  std::optional<std::int64_t> seed = {};
  NYALA_SEQUENCE_ARGS;
  bool zero_output_for_mask = false;
  NYALA_LAYER_ARGS;

  using Call = RecurrentCall;
  static constexpr LayerTraits kTraits = kRecurrentTraits;

  template <class A = LSTMArgs>
  static constexpr auto fields() {
    return std::tuple_cat(sequence_fields<A>(),
                          gate_fields<A>(),
                          bias_field<A>(),
                          recurrent_initializer_fields<A>(),
                          forget_bias_field<A>(),
                          recurrent_weight_fields<A>(),
                          seed_field<A>());
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
  NYALA_RECURRENT_INITIALIZERS;
  NYALA_RECURRENT_REGULARIZERS;
  NYALA_RECURRENT_CONSTRAINTS;
  bool reset_after = true;
  std::optional<std::int64_t> seed = {};
  NYALA_LAYER_ARGS;

  using Call = RecurrentCellCall;
  static constexpr LayerTraits kTraits = kRecurrentCellTraits;

  template <class A = GRUCellArgs>
  static constexpr auto fields() {
    return std::tuple_cat(gate_fields<A>(),
                          bias_field<A>(),
                          recurrent_initializer_fields<A>(),
                          recurrent_weight_fields<A>(),
                          reset_field<A>(),
                          seed_field<A>());
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
  NYALA_RECURRENT_INITIALIZERS;
  NYALA_RECURRENT_REGULARIZERS;
  regularizers::Regularizer activity_regularizer = {};
  NYALA_RECURRENT_CONSTRAINTS;
  std::optional<std::int64_t> seed = {};
  NYALA_SEQUENCE_ARGS;
  bool reset_after = true;
  bool zero_output_for_mask = false;
  NYALA_LAYER_ARGS;

  using Call = RecurrentCall;
  static constexpr LayerTraits kTraits = kRecurrentTraits;

  template <class A = GRUArgs>
  static constexpr auto fields() {
    return std::tuple_cat(sequence_fields<A>(),
                          gate_fields<A>(),
                          bias_field<A>(),
                          recurrent_initializer_fields<A>(),
                          recurrent_weight_fields<A>(),
                          reset_field<A>(),
                          seed_field<A>());
  }
  static constexpr auto ignored_keys() { return kOldRecurrentKeys; }
  static Config upgrade(Config config) { return upgrade_recurrent(std::move(config)); }
};
NYALA_DECLARE_LAYER(GRU);

/// Cells one above the other, as one: the output of each is the input of the
/// next. https://keras.io/api/layers/recurrent_layers/stacked_rnn_cell/
struct StackedRNNCellsArgs {
  Required<std::vector<Layer>> cells;
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
  NYALA_SEQUENCE_ARGS;
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
