#include <nyala/layers/activation.hpp>

namespace nyala::layers {
namespace {

class ELULayer final : public LayerBase<ELUArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override { expect_inputs(inputs.size(), 1); }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    return ops::elu(inputs[0], args().alpha);
  }
  bool supports_masking() const override { return true; }
};

}  // namespace

NYALA_LAYER(ELU)

}  // namespace nyala::layers
