#include <nyala/layers/reshaping/spatial.hpp>

namespace nyala::layers {
namespace {

template <class Args>
class ZeroPaddingLayer final : public LayerBase<Args> {
 public:
  using LayerBase<Args>::LayerBase;
  using LayerBase<Args>::args;

  void check(Inputs<Shape> inputs) const override {
    this->expect_inputs(inputs.size(), 1);
    this->expect_rank(inputs[0], static_cast<int>(each_margin(args().padding).size()) + 2);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    std::vector<PadWidth> widths(static_cast<std::size_t>(inputs[0].rank()));
    auto width = widths.begin() + first_spatial_axis(args());
    for (const Margin& margin : each_margin(args().padding))
      *width++ = {margin.before, margin.after};
    return ops::pad(inputs[0], widths);
  }

 private:
  void validate() override { expect_no_negative(this->label(), "padding", args().padding); }
};

using ZeroPadding1DLayer = ZeroPaddingLayer<ZeroPadding1DArgs>;
using ZeroPadding2DLayer = ZeroPaddingLayer<ZeroPadding2DArgs>;
using ZeroPadding3DLayer = ZeroPaddingLayer<ZeroPadding3DArgs>;

}  // namespace

NYALA_LAYER(ZeroPadding1D)
NYALA_LAYER(ZeroPadding2D)
NYALA_LAYER(ZeroPadding3D)

}  // namespace nyala::layers
