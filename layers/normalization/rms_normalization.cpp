#include <algorithm>

#include <nyala/layers/normalization.hpp>

namespace nyala::layers {
namespace {

class RMSNormalizationLayer final : public LayerBase<RMSNormalizationArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    const std::vector<int>& axes = args().axis.axes();
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const int axis = expect_axis(inputs[0], axes[i]);
      if (built()) expect_size(inputs[0], axis, scale_.shape()[static_cast<int>(i)]);
    }
  }
  void build(Inputs<Shape> inputs) override {
    std::vector<int> axes = args().axis.axes();
    std::sort(axes.begin(), axes.end());
    Shape shape;
    for (int axis : axes) shape.push_back(inputs[0][axis]);
    scale_ = add_weight({.shape = shape, .initializer = "ones", .name = "scale"});
    args_.axis = axes;
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const Tensor x = ops::cast(inputs[0], result_type(inputs[0].dtype(), DType::float32));
    const ReduceArgs over{.axis = Axes(args().axis.axes()), .keepdims = true};
    const Tensor root = ops::rsqrt(ops::mean(ops::square(x), over) + args().epsilon);
    return ops::cast(x * root * ops::cast(scale_, x.dtype()), compute_dtype());
  }

 private:
  // As in Keras, it is multiplied with the last axes, whatever axes are normalised.
  Variable scale_;
};

}  // namespace

NYALA_LAYER(RMSNormalization)

}  // namespace nyala::layers
