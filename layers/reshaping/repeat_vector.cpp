#include <nyala/layers/reshaping.hpp>

namespace nyala::layers {
namespace {

class RepeatVectorLayer final : public LayerBase<RepeatVectorArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_rank(inputs[0], 2);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    return ops::repeat(ops::expand_dims(inputs[0], 1), args().n.value, {.axis = 1});
  }
};

}  // namespace

NYALA_LAYER(RepeatVector)

}  // namespace nyala::layers
