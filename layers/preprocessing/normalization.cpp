#include <algorithm>

#include <nyala/core/epsilon.hpp>
#include <nyala/layers/preprocessing.hpp>

namespace nyala::layers {
namespace {

class NormalizationLayer final : public LayerBase<NormalizationArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    for (int axis : args().axis.axes()) expect_axis(inputs[0], axis);
    if (!built()) return;
    expect_rank(inputs[0], broadcast_.rank());
    for (int axis : kept_) expect_size(inputs[0], axis, broadcast_[axis]);
  }

  void build(Inputs<Shape> inputs) override {
    const Shape& input = inputs[0];
    kept_.clear();
    for (int axis : args().axis.axes()) kept_.push_back(expect_axis(input, axis));
    std::sort(kept_.begin(), kept_.end());
    broadcast_ = Shape::filled(input.rank(), 1);
    Shape shape;
    for (int axis : kept_) {
      if (input[axis] == None)
        throw ShapeError(label() + " received shape " + input.str() + ", expected axis " +
                         std::to_string(axis) + " of a known size");
      broadcast_[axis] = input[axis];
      shape.push_back(input[axis]);
    }
    if (args().mean.given()) {
      given_mean_ = spread(args().mean.tensor());
      given_variance_ = spread(args().variance.tensor());
      return;
    }
    mean_ =
        add_weight({.shape = shape, .initializer = "zeros", .trainable = false, .name = "mean"});
    variance_ =
        add_weight({.shape = shape, .initializer = "ones", .trainable = false, .name = "variance"});
    // Keras keeps it so that older files fit.
    add_weight({.shape = {},
                .initializer = "zeros",
                .dtype = DType::int64,
                .trainable = false,
                .name = "count"});
  }

  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const DType dtype = compute_dtype();
    const Tensor x = ops::cast(inputs[0], dtype);
    const Tensor mean =
        ops::cast(given_mean_.defined() ? given_mean_ : ops::reshape(mean_, broadcast_), dtype);
    const Tensor variance = ops::cast(
        given_variance_.defined() ? given_variance_ : ops::reshape(variance_, broadcast_), dtype);
    // No divisor is smaller.
    const Tensor deviation = ops::maximum(ops::sqrt(variance), kEpsilon);
    return args().invert ? mean + x * deviation : (x - mean) / deviation;
  }
  bool supports_masking() const override { return true; }

  void adapt(const Tensor& data) {
    if (args().mean.given())
      throw StateError(label() + " was given its mean and variance and cannot adapt");
    if (built())
      check({data.shape()});
    else
      build_for({data.shape()});
    std::vector<int> reduced;
    for (int i = 0; i < data.rank(); ++i) {
      if (std::find(kept_.begin(), kept_.end(), i) == kept_.end()) reduced.push_back(i);
    }
    const Tensor x = ops::cast(data, result_type(data.dtype(), DType::float32));
    const Moments moments =
        reduced.empty() ? Moments{x, ops::zeros_like(x)} : ops::moments(x, {.axis = reduced});
    mean_.assign(moments.mean);
    variance_.assign(moments.variance);
  }

 private:
  void validate() override {
    const Numbers& mean = args().mean;
    const Numbers& variance = args().variance;
    if (mean.given() != variance.given())
      throw ValueError(label() + ": received one of mean and variance, expected both or neither");
    if (!mean.given()) return;
    if (mean.tensor().shape() != variance.tensor().shape() ||
        mean.tensor().rank() > static_cast<int>(args().axis.axes().size())) {
      throw ShapeError(label() + ": received mean of shape " + mean.tensor().shape().str() +
                       " and variance of shape " + variance.tensor().shape().str() + " for " +
                       std::to_string(args().axis.axes().size()) + " axes");
    }
  }

  // The given numbers belong to the last of the kept axes.
  Tensor spread(const Tensor& numbers) const {
    Shape shape = Shape::filled(broadcast_.rank(), 1);
    for (int i = 1; i <= numbers.rank(); ++i)
      shape[kept_[kept_.size() - static_cast<std::size_t>(i)]] = numbers.shape()[-i];
    return ops::broadcast_to(ops::reshape(numbers, shape), broadcast_);
  }

  std::vector<int> kept_;
  Shape broadcast_;  // 1 along the axes that are not kept
  Variable mean_;
  Variable variance_;
  Tensor given_mean_;
  Tensor given_variance_;
};

}  // namespace

NYALA_LAYER(Normalization)

void Normalization::adapt(const Tensor& data) const {
  static_cast<NormalizationLayer&>(*layer_).adapt(data);
}

Config NormalizationArgs::upgrade(Config config) {
  const Config* axis = config.find("axis");
  if (axis == nullptr || axis->is_list()) return config;
  const Config::List list = axis->is_null() ? Config::List{} : Config::List{*axis};
  config["axis"] = list;
  return config;
}

}  // namespace nyala::layers
