#include <nyala/layers/convolutional/base.hpp>

namespace nyala::layers {
namespace {

template <int kRank>
class LocallyConnectedLayer final : public ConvolutionLayer<LocallyConnectedLayerArgs<kRank>> {
 public:
  using Base = ConvolutionLayer<LocallyConnectedLayerArgs<kRank>>;
  using Base::args;
  using Base::Base;

  void build(Inputs<Shape> inputs) override {
    this->start_build(inputs);
    const int first = args().data_format.channels_first() ? 2 : 1;
    const std::int64_t filters = args().filters;
    std::int64_t windows = 1, elements = this->channels();
    for (int i = 0; i < kRank; ++i) {
      const std::int64_t size = inputs[0][first + i];
      if (size == None || size < args().kernel_size.value[i]) {
        throw ShapeError(this->label() + ": received shape " + inputs[0].str() +
                         ", expected known spatial sizes of at least " +
                         args().kernel_size.value.str());
      }
      outputs_.push_back((size - args().kernel_size.value[i]) / args().strides[i] + 1);
      windows *= outputs_[i];
      elements *= args().kernel_size.value[i];
    }
    kernel_ = this->add_weight({.shape = {windows, elements, filters},
                                .initializer = args().kernel_initializer,
                                .regularizer = args().kernel_regularizer,
                                .constraint = args().kernel_constraint,
                                .name = "kernel"});
    Shape bias = outputs_;
    bias.push_back(filters);
    this->add_bias(bias);
  }

  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    return this->in_channels_last(inputs[0], [&](const Tensor& x) {
      const Tensor y = ops::einsum("npk,pkf->npf", {windows_of(x), this->cast_weight(kernel_)});
      Shape shape = outputs_;
      shape.insert(0, -1);
      shape.push_back(std::int64_t{args().filters});
      const Tensor z = ops::reshape(y, shape);
      return args().use_bias ? z + this->bias() : z;
    });
  }

 private:
  void validate() override {
    Base::validate();
    if (args().padding != "valid" || args().implementation != 1) {
      throw UnsupportedError(this->label() + ": received padding \"" + args().padding +
                             "\" and implementation " + std::to_string(args().implementation) +
                             ", expected \"valid\" and 1");
    }
  }

  // (batch, windows, elements of a window times channels), the channels inside; with channels_first
  // they are outside, as the kernels of files have it.
  Tensor windows_of(const Tensor& x) const {
    std::vector<Tensor> taps;
    const int rows = kRank == 2 ? args().kernel_size.value[0] : 1;
    const int columns = args().kernel_size.value[kRank - 1];
    for (int row = 0; row < rows; ++row) {
      for (int column = 0; column < columns; ++column) {
        Tensor tap = slice_of(x, kRank, kRank - 1, column);
        if (kRank == 2) tap = slice_of(tap, 1, 0, row);
        taps.push_back(ops::reshape(tap, {-1, outputs_.num_elements(), this->channels()}));
      }
    }
    if (!args().data_format.channels_first()) return ops::concatenate(taps, {.axis = -1});
    const std::int64_t elements = this->channels() * static_cast<std::int64_t>(taps.size());
    return ops::reshape(ops::stack(taps, {.axis = -1}), {-1, outputs_.num_elements(), elements});
  }
  Tensor slice_of(const Tensor& x, int axis, int i, std::int64_t start) const {
    const std::int64_t stride = args().strides[i];
    return ops::slice_axis(x, axis, start, start + (outputs_[i] - 1) * stride + 1, stride);
  }

  Shape outputs_;
  Variable kernel_;
};

using LocallyConnected1DLayer = LocallyConnectedLayer<1>;
using LocallyConnected2DLayer = LocallyConnectedLayer<2>;

}  // namespace

NYALA_LAYER(LocallyConnected1D)
NYALA_LAYER(LocallyConnected2D)

}  // namespace nyala::layers
