#include <nyala/layers/reshaping/spatial.hpp>

namespace nyala::layers {
namespace {

template <class Args>
class CroppingLayer final : public LayerBase<Args> {
 public:
  using LayerBase<Args>::LayerBase;
  using LayerBase<Args>::args;

  void check(Inputs<Shape> inputs) const override {
    const auto& cut = each_margin(args().cropping);
    this->expect_inputs(inputs.size(), 1);
    this->expect_rank(inputs[0], static_cast<int>(cut.size()) + 2);
    int axis = first_spatial_axis(args());
    for (const Margin& margin : cut) {
      const std::int64_t size = inputs[0][axis++];
      if (size == None || std::int64_t{margin.before} + margin.after < size) continue;
      throw ShapeError(this->label() + " received shape " + inputs[0].str() +
                       ", from which cropping " + margins_text(args().cropping) +
                       " would leave nothing");
    }
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    std::vector<ops::Range1> kept(static_cast<std::size_t>(first_spatial_axis(args())));
    for (const Margin& margin : each_margin(args().cropping)) {
      ops::Range1 range{.start = margin.before};
      if (margin.after > 0) range.stop = -margin.after;
      kept.push_back(range);
    }
    return ops::slice(inputs[0], kept);
  }

 private:
  void validate() override { expect_no_negative(this->label(), "cropping", args().cropping); }
};

using Cropping1DLayer = CroppingLayer<Cropping1DArgs>;
using Cropping2DLayer = CroppingLayer<Cropping2DArgs>;
using Cropping3DLayer = CroppingLayer<Cropping3DArgs>;

}  // namespace

NYALA_LAYER(Cropping1D)
NYALA_LAYER(Cropping2D)
NYALA_LAYER(Cropping3D)

}  // namespace nyala::layers
