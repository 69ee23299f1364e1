#include <nyala/layers/reshaping.hpp>

namespace nyala::layers {
namespace {

class UpSampling1DLayer final : public LayerBase<UpSampling1DArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_rank(inputs[0], 3);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    return ops::repeat(inputs[0], args().size, {.axis = 1});
  }
};

}  // namespace

NYALA_LAYER(UpSampling1D)

}  // namespace nyala::layers
