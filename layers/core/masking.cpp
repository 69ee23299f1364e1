#include <nyala/layers/core.hpp>

namespace nyala::layers {
namespace {

class MaskingLayer final : public LayerBase<MaskingArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_min_rank(inputs[0], 1);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const Tensor present = ops::not_equal(inputs[0], args().mask_value);
    const Tensor mask = ops::any(present, {.axis = -1});
    Tensor output = ops::where(ops::expand_dims(mask, -1), inputs[0], 0);
    output.set_mask(mask);
    return output;
  }
  bool supports_masking() const override { return true; }
};

}  // namespace

NYALA_LAYER(Masking)

}  // namespace nyala::layers
