#include <nyala/layers/convolutional/base.hpp>

namespace nyala::layers {
namespace {

template <int kRank>
class DepthwiseConvLayer final : public WindowedConvolution<DepthwiseConvLayerArgs<kRank>> {
 public:
  using Base = WindowedConvolution<DepthwiseConvLayerArgs<kRank>>;
  using Base::args;
  using Base::Base;

  void build(Inputs<Shape> inputs) override {
    this->start_build(inputs);
    const std::int64_t multiplier = args().depth_multiplier;
    kernel_ = this->add_weight({.shape = this->kernel_shape(this->channels(), multiplier),
                                .initializer = args().depthwise_initializer,
                                .regularizer = args().depthwise_regularizer,
                                .constraint = args().depthwise_constraint,
                                .name = "kernel"});
    this->add_bias({this->channels() * multiplier});
  }

 private:
  Tensor convolve(const Tensor& x, const ConvArgs& options) const override {
    const Tensor y = ops::depthwise_conv(x, this->cast_weight(kernel_), options);
    return args().use_bias ? y + this->bias() : y;
  }
  bool refuses_both() const override { return false; }

  Variable kernel_;
};

using DepthwiseConv1DLayer = DepthwiseConvLayer<1>;
using DepthwiseConv2DLayer = DepthwiseConvLayer<2>;

}  // namespace

NYALA_LAYER(DepthwiseConv1D)
NYALA_LAYER(DepthwiseConv2D)

}  // namespace nyala::layers
