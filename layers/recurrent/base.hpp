#pragma once
/// What recurrent layers share. Not part of the public API.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nyala/core/ops/recurrent.hpp>
#include <nyala/layers/recurrent.hpp>
#include <nyala/layers/streaming.hpp>

namespace nyala::layers {

/// What a cell's steps over a whole sequence are made of, where one op does
/// them all.
struct WholeSequence {
  ops::RecurrentArgs kind;
  Tensor kernel;
  Tensor recurrent_kernel;
  Tensor bias;            ///< undefined for none
  Tensor recurrent_bias;  ///< of the state's product; undefined for none
};

/// A cell that may be run so.
class SequenceCell {
 public:
  virtual ~SequenceCell() = default;
  virtual std::optional<WholeSequence> whole_sequence(bool training) const = 0;
};

struct SequenceOptions {
  bool return_sequences = false;
  bool return_state = false;
  bool go_backwards = false;
  bool stateful = false;
  bool zero_output_for_mask = false;
  bool unroll = false;
};

/// A layer that runs over a sequence, as Bidirectional needs to know it.
class SequenceLayer {
 public:
  virtual ~SequenceLayer() = default;
  virtual SequenceOptions sequence_options() const = 0;
  virtual void set_zero_output_for_mask(bool zero) = 0;
  /// The states that a stateful layer keeps between batches: no weights, and in no file of Keras's.
  virtual std::vector<Variable> kept_states() const { return {}; }
};

/// The layer as a cell; throws ValueError, naming `who`, when it is none.
RecurrentCell& cell_of(const Layer& layer, const std::string& who);

/// What a sequence gives: (batch, steps, ...), its last step, and the states
/// after it.
struct SequenceResult {
  Tensor all;
  Tensor last;
  std::vector<Tensor> states;
};

/// What a cell is run over.
struct SequenceInput {
  Tensor x;  ///< (batch, steps, ...)
  std::vector<Tensor> states;
  bool given = false;  ///< whether the caller gave the states, which are zeros else
  Tensor mask = {};
  /// The output that masked steps repeat at first, where states do not hold it (`repeats_output`);
  /// zeros without it.
  Tensor before = {};
};

/// Runs a cell over a sequence.
SequenceResult run_sequence(const Layer& cell,
                            const SequenceInput& input,
                            bool training,
                            const SequenceOptions& options);
/// Whether masked steps repeat an output that is no state.
bool repeats_output(const Layer& cell, const SequenceOptions& options);

/// Zeros (ones) of shape (batch, shape...); without elements where the batch is
/// not known.
Tensor batch_of(double value, std::int64_t batch, const Shape& shape, DType dtype);

/// The bias of gates i, f, c, o with ones for f.
initializers::Initializer forget_bias(const initializers::Initializer& rest, std::int64_t units);

/// The layers that run a cell over a sequence: RNN, and those with a cell of
/// their own.
template <class Args>
class RecurrentLayer : public LayerBase<Args>, public SequenceLayer, public SteppedLayer {
 public:
  using LayerBase<Args>::LayerBase;
  using LayerBase<Args>::args;

  SequenceOptions sequence_options() const override {
    return {args().return_sequences,
            args().return_state,
            args().go_backwards,
            args().stateful,
            args().zero_output_for_mask,
            args().unroll};
  }
  void set_zero_output_for_mask(bool zero) override { this->args_.zero_output_for_mask = zero; }
  std::vector<Variable> kept_states() const override { return states_; }
  LayerTraits traits() const override {
    LayerTraits traits = LayerBase<Args>::traits();
    traits.couples_samples = args().stateful;
    return traits;
  }

  void check(Inputs<Shape> inputs) const override {
    this->expect_min_rank(inputs[0], 3);
    if (inputs[0][1] == 0)
      throw ShapeError(this->label() + " received shape " + inputs[0].str() +
                       ", expected one step at least");
    if (args().unroll && inputs[0][1] == None)
      throw ValueError(this->label() + ": cannot unroll a RNN if the time dimension is undefined");
    if (states_.empty() || inputs[0][0] == None || inputs[0][0] == states_[0].shape()[0]) return;
    throw ValueError(this->label() + " is stateful for batches of " +
                     std::to_string(states_[0].shape()[0]) + " and received shape " +
                     inputs[0].str());
  }
  void build(Inputs<Shape> inputs) override {
    Shape step = inputs[0];
    step.erase(1);
    cell_->build_for(Inputs<Shape>(&step, 1));
    if (!args().stateful) return;
    if (step[0] == None)
      throw ValueError(this->label() + ": a stateful layer needs a known batch size, received " +
                       inputs[0].str());
    for (const Shape& shape : state_shapes()) {
      states_.emplace_back(batch_of(0, step[0], shape, this->variable_dtype()),
                           VariableArgs{.trainable = false, .name = "rnn_state"});
    }
  }
  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs& call) override {
    const Tensor& x = inputs[0];
    std::vector<Tensor> states(inputs.begin() + 1,
                               inputs.end());  // as tf.keras 2.x gives them
    if (states.empty()) states = call.tensors("initial_state");
    const bool given = !states.empty() || !states_.empty();
    if (states.empty()) states = first_states(x.shape()[0]);
    if (states.size() != state_shapes().size()) {
      throw ValueError("received " + std::to_string(states.size()) + " states, expected " +
                       std::to_string(state_shapes().size()));
    }
    const SequenceInput input{
        x, std::move(states), given, call.mask.empty() ? Tensor() : call.mask[0]};
    SequenceResult result = run_sequence(cell_, input, call.is_training(), sequence_options());
    for (std::size_t i = 0; i < states_.size(); ++i) states_[i].assign(result.states[i]);
    return outputs_of(result);
  }
  std::vector<Spec> stream_states(std::int64_t batch) const override {
    if (args().go_backwards)
      throw UnsupportedError(this->label() +
                             " cannot be run step by step: it starts with the last step");
    std::vector<Spec> specs;
    std::vector<Shape> shapes = state_shapes();
    if (repeats_output(cell_, sequence_options()))
      shapes.push_back(cell_of(cell_, this->label()).output_shape());
    for (Shape shape : shapes) {
      shape.insert(0, batch);
      specs.push_back({shape, this->compute_dtype()});
    }
    return specs;
  }
  // As if nothing was given: masked steps give the output before, which the states hold or a
  // further one does.
  StreamResult call_block(const Tensor& x, const std::vector<Tensor>& states) const override {
    const bool repeats = repeats_output(cell_, sequence_options());
    const std::vector<Tensor> own(states.begin(), states.end() - (repeats ? 1 : 0));
    const SequenceInput input{x, own, false, x.mask(), repeats ? states.back() : Tensor()};
    SequenceResult result = run_sequence(cell_, input, false, sequence_options());
    StreamResult block{outputs_of(result), std::move(result.states)};
    if (repeats) block.states.push_back(ops::cast(result.last, this->compute_dtype()));
    return block;
  }
  bool reads_masks() const override { return true; }
  bool gives_steps() const override { return args().return_sequences; }
  bool supports_masking() const override { return true; }
  std::vector<Tensor> compute_mask(Inputs<Tensor>, const std::vector<Tensor>& masks) override {
    return {args().return_sequences && !masks.empty() ? masks[0] : Tensor()};
  }
  const regularizers::Regularizer* activity_regularizer() const override {
    if constexpr (requires(const Args& a) { a.activity_regularizer; })
      return &args().activity_regularizer;
    else
      return nullptr;
  }
  void reset_state() override {
    for (const Variable& state : states_) state.assign(ops::zeros_like(state.value()));
  }

 protected:
  /// To be called in `validate`.
  void set_cell(Layer cell) {
    cell_of(cell, this->label());
    cell_ = std::move(cell);
    this->track("cell", cell_);
  }

 private:
  std::vector<Tensor> outputs_of(const SequenceResult& result) const {
    std::vector<Tensor> outputs = {args().return_sequences ? result.all : result.last};
    if (args().return_state)
      outputs.insert(outputs.end(), result.states.begin(), result.states.end());
    return outputs;
  }
  std::vector<Shape> state_shapes() const { return cell_of(cell_, this->label()).state_shapes(); }
  std::vector<Tensor> first_states(std::int64_t batch) const {
    std::vector<Tensor> states;
    for (const Variable& state : states_) states.push_back(state.value());
    if (!states.empty()) return states;
    for (const Shape& shape : state_shapes())
      states.push_back(batch_of(0, batch, shape, this->compute_dtype()));
    return states;
  }

  Layer cell_;
  std::vector<Variable> states_;
};

}  // namespace nyala::layers
