#include <nyala/layers/normalization.hpp>

namespace nyala::layers {
namespace {

class GroupNormalizationLayer final : public LayerBase<GroupNormalizationArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    const int axis = expect_axis(inputs[0], args().axis);
    if (!built()) return;
    expect_rank(inputs[0], build_shapes()[0].rank());
    expect_size(inputs[0], axis, build_shapes()[0][axis]);
  }

  void build(Inputs<Shape> inputs) override {
    const std::int64_t channels = inputs[0][args().axis];
    if (channels == None)
      throw ShapeError(label() + " received shape " + inputs[0].str() +
                       ", expected a known number of channels");
    const std::int64_t groups = args().groups == -1 ? channels : args().groups;
    if (groups < 1 || groups > channels || channels % groups != 0) {
      throw ShapeError(label() + " received shape " + inputs[0].str() + ", whose " +
                       std::to_string(channels) + " channels do not fall into " +
                       std::to_string(groups) + " groups");
    }
    if (args().scale) {
      gamma_ = add_weight({.shape = {channels},
                           .initializer = args().gamma_initializer,
                           .regularizer = args().gamma_regularizer,
                           .constraint = args().gamma_constraint,
                           .name = "gamma"});
    }
    if (args().center) {
      beta_ = add_weight({.shape = {channels},
                          .initializer = args().beta_initializer,
                          .regularizer = args().beta_regularizer,
                          .constraint = args().beta_constraint,
                          .name = "beta"});
    }
    args_.groups = static_cast<int>(groups);
  }

  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const Shape& shape = inputs[0].shape();
    const int axis = normalize_axis(args().axis, shape.rank(), "GroupNormalization");
    Tensor x = ops::cast(inputs[0], result_type(inputs[0].dtype(), DType::float32));
    x = ops::reshape(x, in_groups(shape, axis));
    std::vector<int> reduced;
    for (int i = 1; i < x.rank(); ++i) {
      if (i != axis) reduced.push_back(i);
    }
    const Moments moments = ops::moments(x, {.axis = reduced, .keepdims = true});
    const Shape weight_shape = in_groups(only_axis(shape, axis), axis);
    Tensor y = (x - moments.mean) * ops::rsqrt(moments.variance + args().epsilon);
    if (gamma_.defined()) y = y * ops::reshape(ops::cast(gamma_, x.dtype()), weight_shape);
    if (beta_.defined()) y = y + ops::reshape(ops::cast(beta_, x.dtype()), weight_shape);
    return ops::cast(ops::reshape(y, shape), compute_dtype());
  }
  bool casts_inputs() const override { return false; }
  bool supports_masking() const override { return true; }

 private:
  void validate() override {
    if (args().groups > 0 || args().groups == -1) return;
    throw ValueError(label() + ": received groups = " + std::to_string(args().groups) +
                     ", expected 1 or more, or -1");
  }
  // The channels' axis as two: groups, and channels of a group.
  Shape in_groups(Shape shape, int axis) const {
    shape[axis] /= args().groups;
    shape.insert(axis, args().groups);
    return shape;
  }
  static Shape only_axis(const Shape& shape, int axis) {
    Shape only = Shape::filled(shape.rank(), 1);
    only[axis] = shape[axis];
    return only;
  }

  Variable gamma_;
  Variable beta_;
};

}  // namespace

NYALA_LAYER(GroupNormalization)

}  // namespace nyala::layers
