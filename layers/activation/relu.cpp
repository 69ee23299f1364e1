#include <nyala/layers/activation.hpp>

namespace nyala::layers {
namespace {

class ReLULayer final : public LayerBase<ReLUArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override { expect_inputs(inputs.size(), 1); }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    return ops::relu(inputs[0],
                     {.negative_slope = args().negative_slope,
                      .max_value = args().max_value,
                      .threshold = args().threshold});
  }
  bool supports_masking() const override { return true; }
};

}  // namespace

NYALA_LAYER(ReLU)

}  // namespace nyala::layers
