#include <nyala/layers/normalization.hpp>

namespace nyala::layers {
namespace {

class UnitNormalizationLayer final : public LayerBase<UnitNormalizationArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    for (int axis : args().axis.axes()) expect_axis(inputs[0], axis);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    return ops::l2_normalize(inputs[0], {.axis = Axes(args().axis.axes()), .epsilon = 1e-12});
  }
  bool supports_masking() const override { return true; }
};

}  // namespace

NYALA_LAYER(UnitNormalization)

}  // namespace nyala::layers
