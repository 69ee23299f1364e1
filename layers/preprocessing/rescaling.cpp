#include <nyala/layers/preprocessing.hpp>

namespace nyala::layers {
namespace {

class RescalingLayer final : public LayerBase<RescalingArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override { expect_inputs(inputs.size(), 1); }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const DType dtype = compute_dtype();
    return ops::cast(inputs[0], dtype) * ops::cast(args().scale.value.tensor(), dtype) +
           ops::cast(args().offset.tensor(), dtype);
  }
  bool supports_masking() const override { return true; }

 private:
  void validate() override {
    if (!args().scale.value.given() || !args().offset.given())
      throw ValueError(label() + ": scale and offset must be numbers");
  }
};

}  // namespace

NYALA_LAYER(Rescaling)

}  // namespace nyala::layers
