#include <nyala/layers/activation.hpp>

namespace nyala::layers {
namespace {

// What masked places have in place of their score.
constexpr double kVeryLow = -1e9;

class SoftmaxLayer final : public LayerBase<SoftmaxArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    for (int axis : args().axis.axes()) expect_axis(inputs[0], axis);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    Tensor mask = call.mask[0];
    if (!mask.defined()) return softmax(inputs[0]);
    check_mask(mask.shape(), inputs[0].shape());
    if (mask.dtype() != DType::bool_) mask = mask > 0.5;
    const Tensor scores = ops::where(mask, inputs[0], kVeryLow);
    // A row that is masked everywhere is 0, not uniform.
    return ops::where(mask, softmax(scores), 0);
  }
  bool supports_masking() const override { return true; }

 private:
  Tensor softmax(const Tensor& x) const {
    return ops::softmax(x, {.axis = Axes(args().axis.axes())});
  }
  void check_mask(const Shape& mask, const Shape& x) const {
    bool fits = mask.rank() <= x.rank();
    for (int i = 1; fits && i <= mask.rank(); ++i)
      fits = mask[-i] == 1 || mask[-i] == x[-i] || mask[-i] == None || x[-i] == None;
    if (!fits) {
      throw ShapeError(label() + " received a mask of shape " + mask.str() +
                       ", which does not broadcast to the input's shape " + x.str());
    }
  }
};

}  // namespace

NYALA_LAYER(Softmax)

}  // namespace nyala::layers
