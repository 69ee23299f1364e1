#include <nyala/layers/activation.hpp>

namespace nyala::layers {
namespace {

class ActivationLayer final : public LayerBase<ActivationArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override { expect_inputs(inputs.size(), 1); }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    return args().activation.value(inputs[0]);
  }
  bool supports_masking() const override { return true; }
};

}  // namespace

NYALA_LAYER(Activation)

}  // namespace nyala::layers
