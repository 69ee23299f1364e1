#include <cmath>

#include <nyala/core/epsilon.hpp>
#include <nyala/core/ops/batch_norm.hpp>
#include <nyala/layers/normalization.hpp>

namespace nyala {
namespace layers {
namespace {

class BatchNormalizationLayer final : public LayerBase<BatchNormalizationArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    const int axis = expect_axis(inputs[0], args().axis);
    if (!built()) return;
    expect_rank(inputs[0], build_shapes()[0].rank());
    expect_size(inputs[0], axis, moving_mean_.size());
  }

  void build(Inputs<Shape> inputs) override {
    const Shape shape{inputs[0][args().axis]};
    if (args().scale) {
      gamma_ = add_weight({.shape = shape,
                           .initializer = args().gamma_initializer,
                           .regularizer = args().gamma_regularizer,
                           .constraint = args().gamma_constraint,
                           .name = "gamma",
                           .autocast = false});
    }
    if (args().center) {
      beta_ = add_weight({.shape = shape,
                          .initializer = args().beta_initializer,
                          .regularizer = args().beta_regularizer,
                          .constraint = args().beta_constraint,
                          .name = "beta",
                          .autocast = false});
    }
    moving_mean_ = add_weight({.shape = shape,
                               .initializer = args().moving_mean_initializer,
                               .trainable = false,
                               .name = "moving_mean",
                               .autocast = false});
    moving_variance_ = add_weight({.shape = shape,
                                   .initializer = args().moving_variance_initializer,
                                   .trainable = false,
                                   .name = "moving_variance",
                                   .autocast = false});
    if (args().renorm) build_renorm(shape);
  }

  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    const Tensor x = ops::cast(inputs[0], result_type(inputs[0].dtype(), DType::float32));
    const bool training = call.is_training() && trainable();
    Moments moments{ops::cast(moving_mean_, x.dtype()), ops::cast(moving_variance_, x.dtype())};
    Affine affine;
    if (gamma_.defined()) affine.gamma = ops::cast(gamma_, x.dtype());
    if (beta_.defined()) affine.beta = ops::cast(beta_, x.dtype());
    if (training && !call.mask[0].defined() && !args().renorm)
      return ops::cast(of_batch(x, affine), compute_dtype());
    if (training) {
      moments = call.mask[0].defined() ? masked_moments(x, call.mask[0]) : moments_of(x);
      if (args().renorm)
        renormalize(moments, affine);
      else
        follow_moments(moments);
    }
    return ops::cast(with_moments(x, moments, affine), compute_dtype());
  }
  bool supports_masking() const override { return true; }

 private:
  struct Affine {
    Tensor gamma;
    Tensor beta;
  };

  void validate() override {
    if (!args().renorm) return;
    if (!args().renorm_clipping) args_.renorm_clipping.emplace();
    const RenormClipping& clip = *args().renorm_clipping;
    if ((clip.rmax && clip.rmin && !(*clip.rmax >= *clip.rmin)) ||
        (clip.dmax && !(*clip.dmax >= 0)))
      throw ValueError(label() + ": received renorm_clipping " +
                       ConfigCodec<RenormClipping>::to(clip).str() +
                       ", expected rmin <= rmax and 0 <= dmax");
  }

  void build_renorm(const Shape& shape) {
    const auto add = [&](const char* name, const initializers::Initializer& initializer) {
      return add_weight({.shape = shape,
                         .initializer = initializer,
                         .trainable = false,
                         .name = name,
                         .autocast = false});
    };
    moving_stddev_ = add("moving_stddev", args().moving_variance_initializer);
    renorm_mean_ = add("renorm_mean", args().moving_mean_initializer);
    renorm_stddev_ = add("renorm_stddev", args().moving_variance_initializer);
    moving_stddev_.assign(ops::sqrt(moving_stddev_));
    renorm_stddev_.assign(ops::sqrt(renorm_stddev_));
  }

  // The usual training, in one kernel.
  Tensor of_batch(const Tensor& x, const Affine& affine) const {
    const auto [y, moments] =
        ops::batch_norm(x, weight(affine.gamma, 1, x), weight(affine.beta, 0, x), of_op());
    follow_moments(moments);
    return y;
  }
  Tensor with_moments(const Tensor& x, const Moments& moments, const Affine& affine) const {
    const int axis = normalize_axis(args().axis, x.rank(), "BatchNormalization");
    if (axis + 1 < x.rank()) {
      return ops::batch_norm(
          x, moments, weight(affine.gamma, 1, x), weight(affine.beta, 0, x), of_op());
    }
    // A compiled program takes these steps along with those before and after.
    Tensor factor = ops::rsqrt(moments.variance + args().epsilon);
    if (affine.gamma.defined()) factor = factor * affine.gamma;
    Tensor offset = -moments.mean * factor;
    if (affine.beta.defined()) offset = offset + affine.beta;
    return x * factor + offset;
  }
  Tensor weight(const Tensor& own, double value, const Tensor& x) const {
    return own.defined() ? own : ops::full({moving_mean_.size()}, value, {.dtype = x.dtype()});
  }
  ops::BatchNormArgs of_op() const { return {.axis = args().axis, .epsilon = args().epsilon}; }

  // The corrections r and d become part of gamma and beta; no gradient flows through them.
  void renormalize(const Moments& moments, Affine& affine) {
    const RenormClipping& clip = *args().renorm_clipping;
    const DType dtype = moments.mean.dtype();
    const Tensor stddev = ops::sqrt(moments.variance + args().epsilon);
    const Tensor base = ops::maximum(ops::cast(renorm_stddev_, dtype), std::sqrt(args().epsilon));
    Tensor r = stddev / base;
    Tensor d = (moments.mean - ops::cast(renorm_mean_, dtype)) / base;
    if (clip.rmin) r = ops::maximum(r, *clip.rmin);
    if (clip.rmax) r = ops::minimum(r, *clip.rmax);
    if (clip.dmax) d = ops::clip(d, -*clip.dmax, *clip.dmax);
    r = ops::stop_gradient(r);
    d = ops::stop_gradient(d);
    const Tensor gamma = affine.gamma;
    affine.gamma = gamma.defined() ? r * gamma : r;
    const Tensor beta = gamma.defined() ? d * gamma : d;
    affine.beta = affine.beta.defined() ? beta + affine.beta : beta;

    follow(renorm_mean_, moments.mean, args().renorm_momentum);
    follow(renorm_stddev_, stddev, args().renorm_momentum);
    follow(moving_mean_, moments.mean, args().momentum);
    follow(moving_stddev_, stddev, args().momentum);
    moving_variance_.assign(ops::relu(ops::square(moving_stddev_) - args().epsilon));
  }

  std::vector<int> other_axes(const Tensor& x) const {
    const int kept = normalize_axis(args().axis, x.rank(), "BatchNormalization");
    std::vector<int> axes;
    for (int i = 0; i < x.rank(); ++i) {
      if (i != kept) axes.push_back(i);
    }
    return axes;
  }
  // One number for each feature, as wide as the input.
  Tensor along_axis(const Tensor& features, int rank) const {
    const int axis = normalize_axis(args().axis, rank, "BatchNormalization");
    if (axis == rank - 1) return features;
    Shape shape = Shape::filled(rank, 1);
    shape[axis] = moving_mean_.size();
    return ops::reshape(features, shape);
  }

  Moments moments_of(const Tensor& x) const { return ops::moments(x, {.axis = other_axes(x)}); }
  Moments masked_moments(const Tensor& x, const Tensor& mask) const {
    if (mask.rank() != x.rank() - 1) {
      throw ShapeError(label() + " received a mask of shape " + mask.shape().str() +
                       ", expected one axis less than the input's shape " + x.shape().str());
    }
    const Tensor counts = ops::expand_dims(ops::cast(mask, DType::bool_), -1);
    const ReduceArgs over{.axis = other_axes(x)};
    const Tensor weights = ops::where(counts, ops::ones_like(x), 0);
    // A batch that is masked everywhere does not divide by 0.
    const Tensor count = ops::sum(weights, over) + kEpsilon;
    const Tensor mean = ops::sum(ops::where(counts, x, 0), over) / count;
    const Tensor distance = ops::where(counts, x - along_axis(mean, x.rank()), 0);
    return {mean, ops::sum(ops::square(distance), over) / count};
  }
  void follow_moments(const Moments& moments) const {
    follow(moving_mean_, moments.mean, args().momentum);
    follow(moving_variance_, moments.variance, args().momentum);
  }
  static void follow(const Variable& moving, const Tensor& batch, double momentum) {
    const Tensor now = ops::cast(moving, batch.dtype());
    moving.assign(ops::stop_gradient(now * momentum + batch * (1 - momentum)));
  }

  Variable gamma_;
  Variable beta_;
  Variable moving_mean_;
  Variable moving_variance_;
  Variable moving_stddev_;
  Variable renorm_mean_;
  Variable renorm_stddev_;
};

}  // namespace

NYALA_LAYER(BatchNormalization)

Config BatchNormalizationArgs::upgrade(Config config) {
  if (const Config* axis = config.find("axis");
      axis != nullptr && axis->is_list() && axis->size() == 1) {
    const Config only = axis->as_list()[0];
    config["axis"] = only;
  }
  return config;
}

}  // namespace layers

Config ConfigCodec<layers::RenormClipping>::to(const layers::RenormClipping& clipping) {
  Config config = Config::dict();
  if (clipping.rmax) config["rmax"] = *clipping.rmax;
  if (clipping.rmin) config["rmin"] = *clipping.rmin;
  if (clipping.dmax) config["dmax"] = *clipping.dmax;
  return config;
}

layers::RenormClipping ConfigCodec<layers::RenormClipping>::from(const Config& config) {
  check_keys("renorm_clipping", config, {"rmax", "rmin", "dmax"});
  layers::RenormClipping clipping;
  const auto read = [&](const char* key, std::optional<double>& limit) {
    if (const Config* value = config.find(key))
      limit = ConfigCodec<std::optional<double>>::from(*value);
  };
  read("rmax", clipping.rmax);
  read("rmin", clipping.rmin);
  read("dmax", clipping.dmax);
  return clipping;
}

}  // namespace nyala
