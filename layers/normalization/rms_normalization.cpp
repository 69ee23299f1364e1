#include <algorithm>

#include <nyala/layers/normalization.hpp>

namespace nyala::layers {
namespace {

class RMSNormalizationLayer final : public LayerBase<RMSNormalizationArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    std::vector<int> axes;
    for (int axis : args().axis.axes()) axes.push_back(expect_axis(inputs[0], axis));
    std::sort(axes.begin(), axes.end());
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (axes[i] == inputs[0].rank() - static_cast<int>(axes.size() - i)) continue;
      throw ShapeError(label() + " received shape " + inputs[0].str() +
                       ", of which it normalises the last axes only");
    }
    for (int i = 1; i <= sizes_.rank(); ++i) expect_size(inputs[0], -i, sizes_[-i]);
  }
  void build(Inputs<Shape> inputs) override {
    std::vector<int> axes = args().axis.axes();
    std::sort(axes.begin(), axes.end());
    Shape shape;
    for (int axis : axes) shape.push_back(inputs[0][axis]);
    scale_ = add_weight({.shape = shape, .initializer = "ones", .name = "scale"});
    args_.axis = axes;
    sizes_ = shape;
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const Tensor x = ops::cast(inputs[0], result_type(inputs[0].dtype(), DType::float32));
    const ReduceArgs over{.axis = Axes(args().axis.axes()), .keepdims = true};
    const Tensor root = ops::rsqrt(ops::mean(ops::square(x), over) + args().epsilon);
    return ops::cast(x * root * ops::cast(scale_, x.dtype()), compute_dtype());
  }

 private:
  Variable scale_;
  Shape sizes_;
};

}  // namespace

NYALA_LAYER(RMSNormalization)

}  // namespace nyala::layers
