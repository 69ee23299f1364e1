// Activations: all made of other ops. Which branch a kink belongs to is Keras's.
#include <nyala/core/ops/support.hpp>

namespace nyala::ops {

Tensor relu(const Tensor& x, const ReluArgs& args) {
  if (args.negative_slope == 0 && args.threshold == 0 && !args.max_value) return relu(x);
  if (args.negative_slope != 0 && args.threshold == 0 && !args.max_value)
    return leaky_relu(x, args.negative_slope);
  Tensor y;
  if (args.threshold != 0)
    y = where(x > args.threshold, x, 0);
  else
    y = args.max_value == 6.0 ? relu6(x) : relu(x);
  if (args.max_value && !(args.threshold == 0 && args.max_value == 6.0))
    y = clip(y, 0, *args.max_value);
  if (args.negative_slope != 0) y = y - relu(args.threshold - x) * args.negative_slope;
  return y;
}

Tensor relu6(const Tensor& x) {
  // Neither kink passes a gradient on.
  return where(logical_and(x > 0, x < 6), x, stop_gradient(clip(x, 0, 6)));
}

Tensor leaky_relu(const Tensor& x, double negative_slope) {
  return where(x > 0, x, x * negative_slope);
}

Tensor elu(const Tensor& x, double alpha) {
  const Tensor below = expm1(minimum(x, 0));
  return where(x <= 0, alpha == 1 ? below : below * alpha, x);
}

Tensor selu(const Tensor& x) {
  constexpr double alpha = 1.6732632423543772848170429916717;
  constexpr double scale = 1.0507009873554804934193349852946;
  return where(x < 0, expm1(minimum(x, 0)) * alpha, x) * scale;
}

Tensor celu(const Tensor& x, double alpha) {
  return maximum(x, 0) + expm1(minimum(x, 0) / alpha) * alpha;
}

Tensor hard_sigmoid(const Tensor& x) { return relu6(to_float(x) + 3) / 6; }
Tensor hard_silu(const Tensor& x) { return x * hard_sigmoid(x); }
Tensor swish(const Tensor& x) { return silu(x); }
Tensor hard_tanh(const Tensor& x) { return clip(x, -1, 1); }
Tensor hard_shrink(const Tensor& x, double threshold) { return where(abs(x) > threshold, x, 0); }

Tensor soft_shrink(const Tensor& x, double threshold) {
  return where(x > threshold, x - threshold, where(x < -threshold, x + threshold, 0));
}

Tensor tanh_shrink(const Tensor& x) { return x - tanh(x); }
Tensor softsign(const Tensor& x) { return x / (abs(x) + 1); }
Tensor log_sigmoid(const Tensor& x) { return -softplus(-x); }
Tensor mish(const Tensor& x) { return x * tanh(softplus(x)); }
Tensor squareplus(const Tensor& x, double b) { return (x + sqrt(square(x) + b)) / 2; }

Tensor sparse_plus(const Tensor& x) {
  return where(x <= -1, 0, where(x < 1, square(x + 1) * 0.25, x));
}

Tensor sparse_sigmoid(const Tensor& x) {
  return where(x <= -1, 0, where(x >= 1, 1, (x + 1) * 0.5));
}

Tensor glu(const Tensor& x, const LastAxis& args) {
  const int axis = normalize_axis(args.axis, x.rank(), "glu");
  if (x.shape()[axis] % 2 != 0)
    throw ValueError("glu: received shape " + x.shape().str() + ", whose axis " +
                     std::to_string(axis) + " is not of an even size");
  const std::vector<Tensor> halves = split(x, 2, {.axis = axis});
  return halves[0] * sigmoid(halves[1]);
}

Tensor threshold(const Tensor& x, double threshold, double default_value) {
  return where(x > threshold, x, default_value);
}

Tensor exponential(const Tensor& x) { return exp(x); }
Tensor linear(const Tensor& x) { return x; }

Tensor sparsemax(const Tensor& x, const LastAxis& args) {
  const int axis = normalize_axis(args.axis, x.rank(), "sparsemax");
  const Tensor logits = to_float(x);
  const Tensor sorted = sort(logits, {.axis = axis, .descending = true});
  const Tensor sums = cumsum(sorted, {.axis = axis});
  Shape along = Shape::filled(x.rank(), 1);
  along[axis] = x.shape()[axis];
  const Tensor count = reshape(arange(1, x.shape()[axis] + 1, {.dtype = logits.dtype()}), along);
  // The largest elements, as many as stay above the threshold that they give.
  const Tensor support = sorted - (sums - 1) / count > 0;
  const ReduceArgs over{axis, true};
  const Tensor k = sum(cast(support, logits.dtype()), over);
  const Tensor tau = (sum(where(support, sums, 0), over) - 1) / k;
  return maximum(logits - tau, 0);
}

}  // namespace nyala::ops
