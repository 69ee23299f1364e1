#include <nyala/core/ops/batch_norm.hpp>

#include <algorithm>

#include <nyala/core/kernels/batch_norm.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

template <class Self>
struct OfChannels {
  int axis = -1;
  double epsilon = 1e-3;
  static constexpr auto fields() {
    return std::tuple{
        Field{"axis", &Self::axis, "The axis of the channels."},
        Field{"epsilon", &Self::epsilon, "What is added to the variance.", Range::positive()}};
  }

  int axis_of(const Shape& x) const { return normalize_axis(axis, x.rank(), Self::name.data()); }
  kernels::Channels channels(const Tensor& x) const {
    const Lines lines = lines_along(x.shape(), axis_of(x.shape()));
    return {lines.outer, lines.n, lines.inner};
  }
  // Checks that the first input and those of `wide` have the same shape, and that the others have
  // one number for each of its channels, which is the shape given back.
  Shape check(Inputs<Spec> in, std::initializer_list<std::size_t> wide = {}) const {
    const Shape& x = in[0].shape;
    Shape one{x[axis_of(x)]};
    for (std::size_t i = 0; i < in.size(); ++i) {
      const bool is_wide = i == 0 || std::find(wide.begin(), wide.end(), i) != wide.end();
      const Shape &wanted = is_wide ? x : one, &shape = in[i].shape;
      bool right = shape.rank() == wanted.rank() && in[i].dtype == in[0].dtype;
      for (int k = 0; right && k < wanted.rank(); ++k) right = sizes_fit(shape[k], wanted[k]);
      if (right && is_floating(in[0].dtype)) continue;
      throw ShapeError(std::string(Self::name) + ": received shapes " + x.str() + " and " +
                       shape.str() + ", expected " + wanted.str() + " of one floating dtype");
    }
    return one;
  }
  // Self::run(dtype, size, epsilon, from, to) on contiguous arrays.
  auto prepare(const Layouts& at, Workspace&) const {
    return
        [dtype = at.in[0].dtype(), size = channels(at.in[0]), least = epsilon](
            const void* const* from, void* const* to) { Self::run(dtype, size, least, from, to); };
  }
  template <class Other>
  Other with_options_of_this() const {
    Other other;
    other.axis = axis;
    other.epsilon = epsilon;
    return other;
  }

  // ---- what the gradients are written with ----

  // Numbers of the channels as wide as x.
  Tensor wide(const Tensor& channels, const Tensor& x) const {
    const int kept = axis_of(x.shape());
    if (kept == x.rank() - 1) return channels;
    Shape shape = Shape::filled(x.rank(), 1);
    shape[kept] = channels.size();
    return reshape(channels, shape);
  }
  Tensor sum_of_channels(const Tensor& x) const {
    std::vector<int> axes;
    for (int i = 0; i < x.rank(); ++i) {
      if (i != axis_of(x.shape())) axes.push_back(i);
    }
    return axes.empty() ? x : sum(x, {.axis = axes});
  }

  // A sample for each of some shapes and axes: 'x' stands for an array of that shape, 'c' for
  // numbers of its channels and 'v' for positive ones.
  static std::vector<SampleOf<Self>> make_samples(std::string_view kinds, bool with_nothing) {
    std::vector<SampleOf<Self>> samples;
    const auto add = [&](const Shape& shape, int along) {
      Self op;
      op.axis = along;
      std::vector<SampleInput> inputs;
      for (const char kind : kinds) {
        const Shape one{shape[along]};
        inputs.push_back({kind == 'x' ? shape : one, kind == 'v' ? 0.5 : -2.0});
      }
      samples.push_back({op, inputs});
    };
    add({3, 5}, -1);
    add({2, 3, 4}, 1);
    add({3, 4}, 0);
    add({4, 0}, -1);
    add({2}, 0);
    if (with_nothing) add({0, 3}, -1);
    return samples;
  }
};

// Inputs: x, gamma, the mean and variance of x, and the gradients of y, mean and variance. The
// gradients of x, gamma and beta.
struct BatchNormGrad : OfChannels<BatchNormGrad> {
  static constexpr std::string_view name = "batch_norm_grad";
  static constexpr std::string_view doc = "The gradients of batch_norm by x, gamma and beta.";
  static constexpr Saves saves = Saves::inputs;

  Specs infer(Inputs<Spec> in) const {
    const Shape one = check(in, {4});
    return {in[0], {one, in[0].dtype}, {one, in[0].dtype}};
  }
  static void run(DType dtype,
                  const kernels::Channels& size,
                  double epsilon,
                  const void* const* from,
                  void* const* to) {
    kernels::batch_norm_grad(
        dtype,
        size,
        {from[0], from[1], from[2], from[3], from[4], from[5], from[6], to[0], to[1], to[2]},
        epsilon);
  }
  // With h = (x - mean) factor and s = gamma factor, dx is s (dy - sum(dy) / n - h sum(dy h) / n) +
  // dmean / n + 2 (x - mean) dvariance / n. Mean and variance are inputs as any other here; what
  // they have to do with x is batch_norm's.
  Grads vjp(const Saved& saved, Inputs<Tensor> ds) const {
    const Tensor &x = saved.input(0), &gamma = saved.input(1), &dy = saved.input(4);
    const Tensor &d = ds[0], &d_gamma = ds[1], &d_beta = ds[2];
    const auto spread = [&](const Tensor& channels) { return wide(channels, x); };
    const auto total = [&](const Tensor& t) { return sum_of_channels(t); };
    const kernels::Channels size = channels(x);
    const double inverse =
        1 / static_cast<double>(std::max<std::int64_t>(size.outer * size.inner, 1));

    const Tensor factor = rsqrt(saved.input(3) + epsilon), scale = gamma * factor;
    const Tensor distance = x - spread(saved.input(2)), h = distance * spread(factor);
    const Tensor dy_mean = total(dy) * inverse, dyh_mean = total(dy * h) * inverse;
    const Tensor d_sum = total(d), dh_sum = total(d * h);
    const Tensor of_scale = total(d * dy) - d_sum * dy_mean - dh_sum * dyh_mean;
    const Tensor per_h = d_gamma - scale * dh_sum * inverse;
    const Tensor of_dy =
        d * spread(scale) + spread(d_beta - scale * d_sum * inverse) + h * spread(per_h);
    const Tensor of_h = dy * spread(per_h) - d * spread(scale * dyh_mean);
    const Tensor of_distance = of_h * spread(factor) + d * spread(saved.input(6) * (2 * inverse));
    const Tensor of_factor = of_scale * gamma + total(of_h * distance);
    return {of_distance,
            of_scale * factor,
            -total(of_distance),
            of_factor * square(factor) * factor * -0.5,
            of_dy,
            d_sum * inverse,
            total(d * distance) * (2 * inverse)};
  }
  static std::vector<SampleOf<BatchNormGrad>> samples() { return make_samples("xccvxcc", true); }
};

// Inputs: x, gamma and beta.
struct BatchNorm : OfChannels<BatchNorm> {
  static constexpr std::string_view name = "batch_norm";
  static constexpr std::string_view doc =
      "Channels less their mean, over the root of their variance, times gamma, plus beta; mean and "
      "variance.";
  static constexpr Saves saves = Saves::both;

  Specs infer(Inputs<Spec> in) const {
    const Shape one = check(in);
    return {in[0], {one, in[0].dtype}, {one, in[0].dtype}};
  }
  static void run(DType dtype,
                  const kernels::Channels& size,
                  double epsilon,
                  const void* const* from,
                  void* const* to) {
    kernels::channel_moments(dtype, size, from[0], to[1], to[2]);
    kernels::batch_norm(dtype, size, {from[0], to[1], to[2], from[1], from[2], to[0]}, epsilon);
  }
  Grads vjp(const Saved& saved, Inputs<Tensor> dys) const {
    const Tensors grads = run_multi(
        with_options_of_this<BatchNormGrad>(),
        {saved.input(0), saved.input(1), saved.output(1), saved.output(2), dys[0], dys[1], dys[2]});
    return {grads[0], grads[1], grads[2]};
  }
  Tensors reference(Inputs<Tensor> in) const {
    const Tensor& x = in[0];
    const kernels::Channels size = channels(x);
    const auto count = static_cast<double>(std::max<std::int64_t>(size.outer * size.inner, 1));
    const Tensor mean = sum_of_channels(x) / count, distance = x - wide(mean, x);
    const Tensor variance = sum_of_channels(square(distance)) / count;
    const Tensor factor = in[1] * rsqrt(variance + epsilon);
    return {distance * wide(factor, x) + wide(in[2], x), mean, variance};
  }
  static std::vector<SampleOf<BatchNorm>> samples() { return make_samples("xcc", false); }
};

// Inputs: x, mean, variance, gamma and beta.
struct BatchNormWith : OfChannels<BatchNormWith> {
  static constexpr std::string_view name = "batch_norm_with";
  static constexpr std::string_view doc =
      "Channels less a mean, over the root of a variance, times gamma, plus beta.";
  static constexpr Saves saves = Saves::inputs;

  Spec infer(Inputs<Spec> in) const {
    check(in);
    return in[0];
  }
  static void run(DType dtype,
                  const kernels::Channels& size,
                  double epsilon,
                  const void* const* from,
                  void* const* to) {
    kernels::batch_norm(dtype, size, {from[0], from[1], from[2], from[3], from[4], to[0]}, epsilon);
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor &x = saved.input(0), &gamma = saved.input(3);
    const Tensor factor = rsqrt(saved.input(2) + epsilon), scale = gamma * factor;
    Grads grads(5);
    if (saved.wants(0)) grads[0] = dy * wide(scale, x);
    const Tensor total = sum_of_channels(dy);
    if (saved.wants(1)) grads[1] = -total * scale;
    if (saved.wants(2) || saved.wants(3)) {
      const Tensor product = sum_of_channels(dy * (x - wide(saved.input(1), x))) * factor;
      grads[2] = product * scale * factor * -0.5;
      grads[3] = product;
    }
    if (saved.wants(4)) grads[4] = total;
    return grads;
  }
  Tensor reference(Inputs<Tensor> in) const {
    const Tensor &x = in[0], factor = in[3] * rsqrt(in[2] + epsilon);
    return (x - wide(in[1], x)) * wide(factor, x) + wide(in[4], x);
  }
  static std::vector<SampleOf<BatchNormWith>> samples() { return make_samples("xcvcc", true); }
};

}  // namespace

Tensor batch_norm(const Tensor& x,
                  const Moments& moments,
                  const Tensor& gamma,
                  const Tensor& beta,
                  const BatchNormArgs& args) {
  BatchNormWith op;
  op.axis = args.axis;
  op.epsilon = args.epsilon;
  return run_op(op, {x, moments.mean, moments.variance, gamma, beta});
}

BatchNormResult batch_norm(const Tensor& x,
                           const Tensor& gamma,
                           const Tensor& beta,
                           const BatchNormArgs& args) {
  BatchNorm op;
  op.axis = args.axis;
  op.epsilon = args.epsilon;
  const Tensors results = run_multi(op, {x, gamma, beta});
  return {results[0], {results[1], results[2]}};
}

}  // namespace ops

using namespace ops;
NYALA_OP(BatchNorm)
NYALA_OP(BatchNormGrad)
NYALA_OP(BatchNormWith)

}  // namespace nyala
