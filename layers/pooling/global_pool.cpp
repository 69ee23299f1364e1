#include <nyala/layers/pooling.hpp>

namespace nyala::layers {
namespace {

template <int kRank, PoolKind kKind>
class GlobalPoolLayer final : public LayerBase<GlobalPoolLayerArgs<kRank, kKind>> {
 public:
  using Base = LayerBase<GlobalPoolLayerArgs<kRank, kKind>>;
  using Base::args;
  using Base::Base;
  static constexpr bool kMasked = kRank == 1 && kKind == PoolKind::average;

  void check(Inputs<Shape> inputs) const override {
    this->expect_inputs(inputs.size(), 1);
    this->expect_rank(inputs[0], kRank + 2);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    const Tensor& x = inputs[0];
    const int first = args().data_format.channels_first() ? 2 : 1;
    std::vector<int> axes;
    for (int i = 0; i < kRank; ++i) axes.push_back(first + i);
    const ReduceArgs over{.axis = axes, .keepdims = args().keepdims};
    if constexpr (kKind == PoolKind::max) return ops::max(x, over);
    if (kMasked && !call.mask.empty() && call.mask[0].defined())
      return masked_mean(x, call.mask[0], over);
    return ops::mean(x, over);
  }
  bool supports_masking() const override { return kMasked; }
  std::vector<Tensor> compute_mask(Inputs<Tensor>, const std::vector<Tensor>&) override {
    return {Tensor()};
  }

 private:
  // 0 / 0 = NaN for a sample that is masked everywhere, as Keras has it.
  Tensor masked_mean(const Tensor& x, const Tensor& mask, const ReduceArgs& over) const {
    const Tensor steps = ops::expand_dims(mask, args().data_format.channels_first() ? 1 : 2);
    const Tensor kept = ops::cast(steps, DType::bool_);
    return ops::sum(ops::where(kept, x, 0), over) / ops::sum(ops::cast(kept, x.dtype()), over);
  }
};

using GlobalMaxPooling1DLayer = GlobalPoolLayer<1, PoolKind::max>;
using GlobalMaxPooling2DLayer = GlobalPoolLayer<2, PoolKind::max>;
using GlobalMaxPooling3DLayer = GlobalPoolLayer<3, PoolKind::max>;
using GlobalAveragePooling1DLayer = GlobalPoolLayer<1, PoolKind::average>;
using GlobalAveragePooling2DLayer = GlobalPoolLayer<2, PoolKind::average>;
using GlobalAveragePooling3DLayer = GlobalPoolLayer<3, PoolKind::average>;

}  // namespace

NYALA_LAYER(GlobalMaxPooling1D)
NYALA_LAYER(GlobalMaxPooling2D)
NYALA_LAYER(GlobalMaxPooling3D)
NYALA_LAYER(GlobalAveragePooling1D)
NYALA_LAYER(GlobalAveragePooling2D)
NYALA_LAYER(GlobalAveragePooling3D)

}  // namespace nyala::layers
