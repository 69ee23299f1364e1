#include <nyala/layers/activation.hpp>

namespace nyala::layers {
namespace {

class LeakyReLULayer final : public LayerBase<LeakyReLUArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override { expect_inputs(inputs.size(), 1); }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    return ops::leaky_relu(inputs[0], args().negative_slope);
  }
  bool supports_masking() const override { return true; }
};

}  // namespace

NYALA_LAYER(LeakyReLU)

Config LeakyReLUArgs::upgrade(Config config) {
  rename_option(config, "alpha", "negative_slope");
  return config;
}

}  // namespace nyala::layers
