#include <nyala/layers/regularization.hpp>

namespace nyala::layers {
namespace {

class ActivityRegularizationLayer final : public LayerBase<ActivityRegularizationArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override { expect_inputs(inputs.size(), 1); }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const Tensor& x = inputs[0];
    const double batch = x.rank() > 0 && x.shape()[0] > 0 ? static_cast<double>(x.shape()[0]) : 1;
    Tensor penalty = ops::zeros({}, {.dtype = compute_dtype()});
    if (args().l1 != 0) penalty = penalty + args().l1 * ops::sum(ops::abs(x));
    if (args().l2 != 0) penalty = penalty + args().l2 * ops::sum(ops::square(x));
    add_loss(penalty / batch);
    return x;
  }
  bool supports_masking() const override { return true; }
};

}  // namespace

NYALA_LAYER(ActivityRegularization)

}  // namespace nyala::layers
