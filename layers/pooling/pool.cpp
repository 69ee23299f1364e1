#include <nyala/layers/convolutional/base.hpp>
#include <nyala/layers/pooling.hpp>

namespace nyala::layers {
namespace {

template <int kRank, PoolKind kKind>
class PoolLayer final : public LayerBase<PoolLayerArgs<kRank, kKind>>, public WindowedLayer {
 public:
  using Base = LayerBase<PoolLayerArgs<kRank, kKind>>;
  using Base::args;
  using Base::Base;

  void check(Inputs<Shape> inputs) const override {
    this->expect_inputs(inputs.size(), 1);
    this->expect_rank(inputs[0], kRank + 2);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    return pool(
        inputs[0],
        {.strides = args().strides, .padding = padding_, .data_format = args().data_format.name()});
  }
  StreamWindow stream_window() const override {
    return stream_window_of(args(), size()[0], 1, padding_, this->label());
  }
  Tensor call_windows(const Tensor& x, int stride, int) const override {
    return pool(x, {.strides = stride});
  }

 private:
  const Extents& size() const { return args().pool_size; }
  Tensor pool(const Tensor& x, const PoolArgs& options) const {
    if constexpr (kKind == PoolKind::max)
      return ops::max_pool(x, size(), options);
    else
      return ops::average_pool(x, size(), options);
  }
  void validate() override {
    auto& own = this->args_;
    const std::string who = this->label();
    own.pool_size = size().spread(kRank, who, "pool_size");
    own.strides = own.strides.given() ? own.strides.spread(kRank, who, "strides") : size();
    padding_ = standard_padding(own.padding, who, false);
  }

  std::string padding_;
};

using MaxPooling1DLayer = PoolLayer<1, PoolKind::max>;
using MaxPooling2DLayer = PoolLayer<2, PoolKind::max>;
using MaxPooling3DLayer = PoolLayer<3, PoolKind::max>;
using AveragePooling1DLayer = PoolLayer<1, PoolKind::average>;
using AveragePooling2DLayer = PoolLayer<2, PoolKind::average>;
using AveragePooling3DLayer = PoolLayer<3, PoolKind::average>;

}  // namespace

NYALA_LAYER(MaxPooling1D)
NYALA_LAYER(MaxPooling2D)
NYALA_LAYER(MaxPooling3D)
NYALA_LAYER(AveragePooling1D)
NYALA_LAYER(AveragePooling2D)
NYALA_LAYER(AveragePooling3D)

// Keras 1 names options otherwise; tf.keras 2.x has today's names.
Config upgrade_pooling(Config config) {
  config = upgrade_convolution(std::move(config));
  rename_option(config, "stride", "strides");
  return config;
}

}  // namespace nyala::layers
