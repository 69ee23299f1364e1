#pragma once
/// What the cells of SimpleRNN, LSTM, GRU and ConvLSTM share. Not part of the public API.
#include <cmath>

#include <nyala/autograd/random.hpp>
#include <nyala/layers/recurrent/base.hpp>

namespace nyala::layers {

/// The dropout masks of a call: one for each gate, one for all, or none.
struct DropoutMasks {
  std::vector<Tensor> of_input;
  std::vector<Tensor> of_state;
};

/// A cell with a kernel of its input, one of its state, perhaps a bias, and dropout.
template <class Args>
class CellBase : public LayerBase<Args>, public RecurrentCell {
 public:
  using LayerBase<Args>::LayerBase;
  using LayerBase<Args>::args;

 protected:
  void add_kernels(const Shape& of_input, const Shape& of_state) {
    kernel_ = this->add_weight({.shape = of_input,
                                .initializer = args().kernel_initializer,
                                .regularizer = args().kernel_regularizer,
                                .constraint = args().kernel_constraint,
                                .name = "kernel"});
    recurrent_kernel_ = this->add_weight({.shape = of_state,
                                          .initializer = args().recurrent_initializer,
                                          .regularizer = args().recurrent_regularizer,
                                          .constraint = args().recurrent_constraint,
                                          .name = "recurrent_kernel"});
  }
  void add_bias(const Shape& shape, const initializers::Initializer& initializer) {
    bias_ = this->add_weight({.shape = shape,
                              .initializer = initializer,
                              .regularizer = args().bias_regularizer,
                              .constraint = args().bias_constraint,
                              .name = "bias"});
  }
  /// Draws so many dropout masks for arrays of (batch, shape...).
  void draw_masks(double rate,
                  std::size_t count,
                  std::int64_t batch,
                  const Shape& shape,
                  std::vector<Tensor>& masks) {
    const Tensor ones = batch_of(1, batch, shape, this->compute_dtype());
    for (std::size_t i = 0; i < count; ++i)
      masks.push_back(random::dropout(ones, rate, {.seed = *generator_}));
  }
  Tensor weight(const Variable& variable) const {
    return ops::cast(variable, this->compute_dtype());
  }
  void validate() override {
    if (args().dropout > 0 || args().recurrent_dropout > 0) generator_.emplace(args().seed);
  }

  Variable kernel_;
  Variable recurrent_kernel_;
  Variable bias_;

 private:
  std::optional<random::SeedGenerator> generator_;
};

/// A cell with kernels of so many gates, of an Args with `units`.
template <class Args, std::int64_t gates, std::size_t num_states>
class GatedCell : public CellBase<Args>, public SequenceCell {
 public:
  using CellBase<Args>::CellBase;
  using CellBase<Args>::args;

  std::vector<Shape> state_shapes() const override {
    return std::vector<Shape>(num_states, Shape{std::int64_t{args().units}});
  }
  void check(Inputs<Shape> inputs) const override {
    this->expect_rank(inputs[0], 2);
    if (this->built()) this->expect_size(inputs[0], -1, kernel_.shape()[0]);
  }
  void build(Inputs<Shape> inputs) override {
    const std::int64_t units = args().units, width = gates * units;
    this->add_kernels({inputs[0].back(), width}, {units, width});
    if (args().use_bias) this->add_bias(bias_shape(), bias_initializer());
  }
  std::vector<Tensor> constants(const Tensor& x, bool training) override {
    std::vector<Tensor> masks;
    if (!training) return masks;
    const std::int64_t batch = x.shape()[0];
    const auto draw = [&](double rate, std::int64_t size) {
      if (rate > 0) this->draw_masks(rate, num_masks(), batch, {size}, masks);
    };
    draw(args().dropout, x.shape()[1]);
    draw(args().recurrent_dropout, args().units);
    return masks;
  }
  std::size_t num_constants(bool training) const override {
    if (!training) return 0;
    return num_masks() *
           ((args().dropout > 0 ? 1u : 0u) + (args().recurrent_dropout > 0 ? 1u : 0u));
  }
  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs& call) override {
    if (inputs.size() < num_states + 1) {
      throw ValueError("received " + std::to_string(inputs.size() - 1) + " states, expected " +
                       std::to_string(num_states));
    }
    std::vector<Tensor> given(inputs.begin() + 1 + num_states, inputs.end());
    if (given.empty()) given = constants(inputs[0], call.is_training());
    const bool drops_inputs = call.is_training() && args().dropout > 0;
    const auto split = given.begin() + static_cast<std::ptrdiff_t>(drops_inputs ? num_masks() : 0);
    return step(inputs[0],
                {inputs.begin() + 1, inputs.begin() + 1 + num_states},
                {{given.begin(), split}, {split, given.end()}});
  }

 protected:
  virtual std::vector<Tensor> step(const Tensor& x,
                                   const std::vector<Tensor>& states,
                                   const DropoutMasks& masks) const = 0;
  virtual Shape bias_shape() const { return {gates * args().units}; }
  virtual initializers::Initializer bias_initializer() const { return args().bias_initializer; }

  // As Keras: where states are dropped, each gate has masks of its own.
  std::size_t num_masks() const { return args().recurrent_dropout > 0 ? gates : 1; }

  using CellBase<Args>::weight;
  Tensor bias() const { return args().use_bias ? weight(bias_) : Tensor(); }
  // x times a kernel, x dropped in its own way for each gate.
  Tensor project(const Tensor& x, const std::vector<Tensor>& masks, const Tensor& kernel) const {
    if (masks.empty()) return ops::matmul(x, kernel);
    if (masks.size() == 1) return ops::matmul(x * masks[0], kernel);
    const std::vector<Tensor> parts = ops::split(kernel, gates, {.axis = -1});
    std::vector<Tensor> products;
    for (std::size_t i = 0; i < parts.size(); ++i)
      products.push_back(ops::matmul(x * masks[i], parts[i]));
    return ops::concatenate(products, {.axis = -1});
  }
  /// The parts that `recurrent` takes; nothing where it has not this activation
  /// or drops states.
  std::optional<WholeSequence> sequence_of(kernels::RecurrentCell cell,
                                           const activations::Activation& gate,
                                           bool training) const {
    const auto activation = ops::gate_named(args().activation.name());
    const auto recurrent = ops::gate_named(gate.name());
    if (!activation || !recurrent || (training && args().recurrent_dropout > 0))
      return std::nullopt;
    return WholeSequence{
        {cell, *activation, *recurrent}, weight(kernel_), weight(recurrent_kernel_), bias(), {}};
  }

  using CellBase<Args>::kernel_;
  using CellBase<Args>::recurrent_kernel_;
  using CellBase<Args>::bias_;
};

/// The options of a cell that its layer takes as well.
template <class CellArgs, class Args>
CellArgs cell_args(const Args& args) {
  CellArgs cell{.units = args.units,
                .activation = args.activation,
                .use_bias = args.use_bias,
                .kernel_initializer = args.kernel_initializer,
                .recurrent_initializer = args.recurrent_initializer,
                .bias_initializer = args.bias_initializer,
                .kernel_regularizer = args.kernel_regularizer,
                .recurrent_regularizer = args.recurrent_regularizer,
                .bias_regularizer = args.bias_regularizer,
                .kernel_constraint = args.kernel_constraint,
                .recurrent_constraint = args.recurrent_constraint,
                .bias_constraint = args.bias_constraint,
                .dropout = args.dropout,
                .recurrent_dropout = args.recurrent_dropout};
  if constexpr (requires { args.recurrent_activation; })
    cell.recurrent_activation = args.recurrent_activation;
  if constexpr (requires { args.unit_forget_bias; }) cell.unit_forget_bias = args.unit_forget_bias;
  if constexpr (requires { args.reset_after; }) cell.reset_after = args.reset_after;
  if constexpr (std::is_same_v<decltype(args.seed), decltype(cell.seed)>)
    cell.seed = args.seed;
  else
    cell.seed = args.seed.value;
  return cell;
}

/// A layer that runs the cell of CellArgs, with its own options, over a sequence.
template <class Args, class CellArgs>
class GatedLayer final : public RecurrentLayer<Args> {
 public:
  using RecurrentLayer<Args>::RecurrentLayer;

 private:
  void validate() override {
    auto cell = cell_args<CellArgs>(this->args());
    cell.name = to_snake_case(layer_class_name(std::type_identity<CellArgs>()));
    cell.dtype = this->dtype_policy();
    cell.trainable = this->trainable();
    this->set_cell(LayerOf<CellArgs>(std::move(cell)));
  }
};

}  // namespace nyala::layers
