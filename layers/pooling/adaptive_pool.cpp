#include <nyala/layers/pooling.hpp>

namespace nyala::layers {
namespace {

template <int kRank, PoolKind kKind>
class AdaptivePoolLayer final : public LayerBase<AdaptivePoolLayerArgs<kRank, kKind>> {
 public:
  using Base = LayerBase<AdaptivePoolLayerArgs<kRank, kKind>>;
  using Base::args;
  using Base::Base;

  void check(Inputs<Shape> inputs) const override {
    this->expect_inputs(inputs.size(), 1);
    this->expect_rank(inputs[0], kRank + 2);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const AdaptivePoolArgs options{.data_format = args().data_format.name()};
    if constexpr (kKind == PoolKind::max)
      return ops::adaptive_max_pool(inputs[0], args().output_size, options);
    else
      return ops::adaptive_average_pool(inputs[0], args().output_size, options);
  }

 private:
  void validate() override {
    Extents& size = this->args_.output_size.value;
    size = size.spread(kRank, this->label(), "output_size");
  }
};

using AdaptiveMaxPooling1DLayer = AdaptivePoolLayer<1, PoolKind::max>;
using AdaptiveMaxPooling2DLayer = AdaptivePoolLayer<2, PoolKind::max>;
using AdaptiveMaxPooling3DLayer = AdaptivePoolLayer<3, PoolKind::max>;
using AdaptiveAveragePooling1DLayer = AdaptivePoolLayer<1, PoolKind::average>;
using AdaptiveAveragePooling2DLayer = AdaptivePoolLayer<2, PoolKind::average>;
using AdaptiveAveragePooling3DLayer = AdaptivePoolLayer<3, PoolKind::average>;

}  // namespace

NYALA_LAYER(AdaptiveMaxPooling1D)
NYALA_LAYER(AdaptiveMaxPooling2D)
NYALA_LAYER(AdaptiveMaxPooling3D)
NYALA_LAYER(AdaptiveAveragePooling1D)
NYALA_LAYER(AdaptiveAveragePooling2D)
NYALA_LAYER(AdaptiveAveragePooling3D)

}  // namespace nyala::layers
