#include <nyala/layers/convolutional/base.hpp>

namespace nyala::layers {
namespace {

template <int kRank>
class SeparableConvLayer final : public WindowedConvolution<SeparableConvLayerArgs<kRank>> {
 public:
  using Base = WindowedConvolution<SeparableConvLayerArgs<kRank>>;
  using Base::args;
  using Base::Base;

  void build(Inputs<Shape> inputs) override {
    this->start_build(inputs);
    const std::int64_t multiplier = args().depth_multiplier, filters = args().filters;
    depthwise_ = this->add_weight({.shape = this->kernel_shape(this->channels(), multiplier),
                                   .initializer = args().depthwise_initializer,
                                   .regularizer = args().depthwise_regularizer,
                                   .constraint = args().depthwise_constraint,
                                   .name = "depthwise_kernel"});
    Shape pointwise = Shape::filled(kRank, 1);
    pointwise.push_back(this->channels() * multiplier);
    pointwise.push_back(filters);
    pointwise_ = this->add_weight({.shape = pointwise,
                                   .initializer = args().pointwise_initializer,
                                   .regularizer = args().pointwise_regularizer,
                                   .constraint = args().pointwise_constraint,
                                   .name = "pointwise_kernel"});
    this->add_bias({filters});
  }

 private:
  Tensor convolve(const Tensor& x, const ConvArgs& options) const override {
    const Tensor y = ops::depthwise_conv(x, this->cast_weight(depthwise_), options);
    return ops::conv_bias(y, this->cast_weight(pointwise_), this->bias());
  }
  bool refuses_both() const override { return false; }

  Variable depthwise_, pointwise_;
};

using SeparableConv1DLayer = SeparableConvLayer<1>;
using SeparableConv2DLayer = SeparableConvLayer<2>;

}  // namespace

NYALA_LAYER(SeparableConv1D)
NYALA_LAYER(SeparableConv2D)

}  // namespace nyala::layers
