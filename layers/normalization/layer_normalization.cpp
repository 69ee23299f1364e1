#include <algorithm>

#include <nyala/core/ops/layer_norm.hpp>
#include <nyala/layers/normalization.hpp>

namespace nyala::layers {
namespace {

class LayerNormalizationLayer final : public LayerBase<LayerNormalizationArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    for (int axis : args().axis.axes()) expect_axis(inputs[0], axis);
    if (!built()) return;
    for (std::size_t i = 0; i < args().axis.axes().size(); ++i)
      expect_size(inputs[0], args().axis.axes()[i], sizes_[static_cast<int>(i)]);
  }

  void build(Inputs<Shape> inputs) override {
    // As in Keras, the axes are a list from here on.
    std::vector<int> axes = args().axis.axes();
    std::sort(axes.begin(), axes.end());
    Shape shape;
    for (int axis : axes) shape.push_back(inputs[0][axis]);
    if (args().scale || args().rms_scaling) {
      gamma_ = add_weight({.shape = shape,
                           .initializer = args().gamma_initializer,
                           .regularizer = args().gamma_regularizer,
                           .constraint = args().gamma_constraint,
                           .name = "gamma"});
    }
    if (args().center && !args().rms_scaling) {
      beta_ = add_weight({.shape = shape,
                          .initializer = args().beta_initializer,
                          .regularizer = args().beta_regularizer,
                          .constraint = args().beta_constraint,
                          .name = "beta"});
    }
    args_.axis = axes;
    sizes_ = shape;
  }

  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const Tensor x = ops::cast(inputs[0], result_type(inputs[0].dtype(), DType::float32));
    if (!args().rms_scaling && is_last_axis(x)) return ops::cast(of_rows(x), compute_dtype());
    const ReduceArgs over{.axis = Axes(args().axis.axes()), .keepdims = true};
    const Moments moments = ops::moments(x, over);
    const Tensor root = ops::rsqrt(moments.variance + args().epsilon);
    Tensor y = args().rms_scaling ? x * root : (x - moments.mean) * root;
    if (gamma_.defined()) y = y * wide(gamma_, x);
    if (beta_.defined()) y = y + wide(beta_, x);
    return ops::cast(y, compute_dtype());
  }
  bool casts_inputs() const override { return false; }
  bool supports_masking() const override { return true; }

 private:
  bool is_last_axis(const Tensor& x) const {
    const std::vector<int>& axes = args().axis.axes();
    return axes.size() == 1 && (axes[0] == -1 || axes[0] == x.rank() - 1);
  }
  // The usual case, in one kernel.
  Tensor of_rows(const Tensor& x) const {
    const auto weight = [&](const Variable& own, double value) {
      if (own.defined()) return Tensor(ops::cast(own, x.dtype()));
      return ops::full(sizes_, value, {.dtype = x.dtype()});
    };
    return ops::layer_norm(x, weight(gamma_, 1), weight(beta_, 0), args().epsilon);
  }
  // With the input's rank: size 1 along the axes that are not normalised.
  Tensor wide(const Variable& weight, const Tensor& x) const {
    Tensor value = ops::cast(weight, x.dtype());
    if (is_last_axis(x)) return value;
    const std::vector<int>& axes = args().axis.axes();
    Shape shape = Shape::filled(x.rank(), 1);
    for (std::size_t i = 0; i < axes.size(); ++i) shape[axes[i]] = sizes_[static_cast<int>(i)];
    return ops::reshape(value, shape);
  }

  Variable gamma_;
  Variable beta_;
  Shape sizes_;
};

}  // namespace

NYALA_LAYER(LayerNormalization)

}  // namespace nyala::layers
