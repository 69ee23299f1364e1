#include <nyala/core/ops/conv.hpp>
#include <nyala/layers/conv_lstm.hpp>
#include <nyala/layers/convolutional/base.hpp>
#include <nyala/layers/recurrent/cell.hpp>

namespace nyala::layers {
namespace {

constexpr int kGates = 4;

// One step; of the Args it reads all but what is about sequences.
template <int kRank>
class ConvLSTMCell final : public CellBase<ConvLSTMLayerArgs<kRank>> {
 public:
  using Base = CellBase<ConvLSTMLayerArgs<kRank>>;
  using Base::args;
  using Base::Base;

  std::vector<Shape> state_shapes() const override { return {state_, state_}; }
  void check(Inputs<Shape> inputs) const override { this->expect_rank(inputs[0], kRank + 2); }
  void build(Inputs<Shape> inputs) override {
    Shape image = inputs[0];
    image[0] = 1;
    if (!image.is_known())
      throw ShapeError(this->label() + " received shape " + inputs[0].str() +
                       ", expected known sizes of all axes but the batch");
    const std::int64_t filters = args().filters, width = kGates * filters;
    this->add_kernels(kernel_shape(image[channel_axis()], width), kernel_shape(filters, width));
    const auto& initializer = args().bias_initializer;
    if (args().use_bias)
      this->add_bias({width},
                     args().unit_forget_bias ? forget_bias(initializer, filters) : initializer);
    const DType dtype = this->compute_dtype();
    state_ = ops::conv(Tensor::abstract(image, dtype),
                       Tensor::abstract(kernel_shape(image[channel_axis()], filters), dtype),
                       input_options())
                 .shape();
    state_.erase(0);
  }
  std::size_t num_constants(bool training) const override {
    if (!training) return 0;
    const int kinds = (drops(args().dropout) ? 1 : 0) + (drops(args().recurrent_dropout) ? 1 : 0);
    return static_cast<std::size_t>(kGates * kinds);
  }
  std::vector<Tensor> constants(const Tensor& x, bool training) override {
    std::vector<Tensor> masks;
    if (!training) return masks;
    Shape of_input = x.shape();
    of_input.erase(0);
    const auto draw = [&](double rate, const Shape& shape) {
      if (drops(rate)) this->draw_masks(rate, kGates, x.shape()[0], shape, masks);
    };
    draw(args().dropout, of_input);
    draw(args().recurrent_dropout, state_);
    return masks;
  }
  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs& call) override {
    if (inputs.size() < 3)
      throw ValueError("received " + std::to_string(inputs.size() - 1) + " states, expected 2");
    const bool training = call.is_training();
    std::vector<Tensor> masks(inputs.begin() + 3, inputs.end());
    if (masks.empty()) masks = constants(inputs[0], training);
    const Tensor* of_input = masks.data();
    const Tensor* of_state = of_input + (training && drops(args().dropout) ? kGates : 0);
    const bool drops_input = of_state != of_input;
    const bool drops_state = training && drops(args().recurrent_dropout);

    Tensor z = convolve(inputs[0], kernel_, input_options(), drops_input ? of_input : nullptr);
    if (args().use_bias) z = z + bias();
    z = z +
        convolve(inputs[1], recurrent_kernel_, state_options(), drops_state ? of_state : nullptr);
    const std::vector<Tensor> parts = ops::split(z, kGates, {.axis = channel_axis()});
    const auto& gate = args().recurrent_activation;
    const Tensor c = gate(parts[1]) * inputs[2] + gate(parts[0]) * args().activation(parts[2]);
    const Tensor h = gate(parts[3]) * args().activation(c);
    return {h, h, c};
  }

 private:
  static bool drops(double rate) { return rate > 0 && rate < 1; }
  int channel_axis() const { return args().data_format.channels_first() ? 1 : -1; }
  Shape kernel_shape(std::int64_t rows, std::int64_t columns) const {
    Shape shape;
    for (int i = 0; i < kRank; ++i) shape.push_back(args().kernel_size.value[i]);
    shape.push_back(rows);
    shape.push_back(columns);
    return shape;
  }
  ConvArgs input_options() const {
    return {args().strides, args().padding, args().data_format.name(), args().dilation_rate};
  }
  ConvArgs state_options() const { return {1, "same", args().data_format.name(), 1}; }
  Tensor bias() const {
    Tensor all = this->weight(bias_);
    if (!args().data_format.channels_first()) return all;
    Shape shape = {all.shape()[0]};
    for (int i = 0; i < kRank; ++i) shape.push_back(1);
    return ops::reshape(all, shape);
  }
  // The convolution for all gates, x dropped in its own way for each where there are masks.
  Tensor convolve(const Tensor& x,
                  const Variable& variable,
                  const ConvArgs& options,
                  const Tensor* masks) const {
    const Tensor kernel = this->weight(variable);
    if (masks == nullptr) return ops::conv(x, kernel, options);
    const std::vector<Tensor> parts = ops::split(kernel, kGates, {.axis = -1});
    std::vector<Tensor> results;
    for (std::size_t i = 0; i < parts.size(); ++i)
      results.push_back(ops::conv(x * masks[i], parts[i], options));
    return ops::concatenate(results, {.axis = channel_axis()});
  }

  using Base::bias_;
  using Base::kernel_;
  using Base::recurrent_kernel_;
  Shape state_;
};

template <int kRank>
class ConvLSTMLayer final : public RecurrentLayer<ConvLSTMLayerArgs<kRank>> {
 public:
  using Base = RecurrentLayer<ConvLSTMLayerArgs<kRank>>;
  using Base::args;
  using Base::Base;

  void check(Inputs<Shape> inputs) const override {
    this->expect_rank(inputs[0], kRank + 3);
    Base::check(inputs);
  }

 private:
  void validate() override {
    auto& own = this->args_;
    own.padding = standard_padding(own.padding, this->label(), false);
    own.kernel_size = own.kernel_size.value.spread(kRank, this->label(), "kernel_size");
    own.strides = own.strides.spread(kRank, this->label(), "strides");
    own.dilation_rate = own.dilation_rate.spread(kRank, this->label(), "dilation_rate");
    if (own.strides.largest() > 1 && own.dilation_rate.largest() > 1)
      throw ValueError(this->label() + ": received strides " + own.strides.str() +
                       " and dilation_rate " + own.dilation_rate.str() +
                       ", expected one of them to be 1");
    ConvLSTMLayerArgs<kRank> of_cell = own;
    of_cell.name = "conv_lstm_cell";
    of_cell.dtype = this->dtype_policy();
    of_cell.trainable = this->trainable();
    const auto cell = std::make_shared<ConvLSTMCell<kRank>>(std::move(of_cell));
    cell->finish("ConvLSTMCell");
    this->set_cell(Layer(cell));
  }
};

using ConvLSTM1DLayer = ConvLSTMLayer<1>;
using ConvLSTM2DLayer = ConvLSTMLayer<2>;
using ConvLSTM3DLayer = ConvLSTMLayer<3>;

}  // namespace

NYALA_LAYER(ConvLSTM1D)
NYALA_LAYER(ConvLSTM2D)
NYALA_LAYER(ConvLSTM3D)

}  // namespace nyala::layers
