#pragma once
/// Activation functions and normalisation, with the values and gradients of Keras. Bool and
/// integers are cast to floatx where the result is not whole.
#include <optional>

#include <nyala/core/ops/reduce.hpp>
#include <nyala/core/ops/shaping.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct SoftmaxArgs {
  Axes axis = -1;
};
struct ReluArgs {
  double negative_slope = 0;
  std::optional<double> max_value = {};
  double threshold = 0;
};
struct NormalizeArgs {
  Axes axis = -1;
  int order = 2;
  double epsilon = 1e-7;
};
struct L2NormalizeArgs {
  Axes axis = -1;
  /// As tf.keras 2.x clamps: the squared norm from below at 1e-12, not the norm at epsilon.
  bool legacy = false;
  double epsilon = 1e-7;
};

namespace ops {

/// exp(x) over its sum along the axes (taken as one where there are several; all without one). A
/// row of -inf gives NaN.
Tensor softmax(const Tensor& x, const SoftmaxArgs& args = {});
/// log(softmax(x)), without underflow.
Tensor log_softmax(const Tensor& x, const SoftmaxArgs& args = {});
/// The projection of each row onto the points with a sum of one: softmax with exact zeros.
Tensor sparsemax(const Tensor& x, const LastAxis& args = {});

/// relu with Keras's options: x up to `max_value` where it is above the threshold,
/// negative_slope * (x - threshold) below it.
Tensor relu(const Tensor& x, const ReluArgs& args);
/// x within [0, 6]
Tensor relu6(const Tensor& x);
/// x where it is positive, else x times the slope.
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.2);
/// x where it is positive, else alpha (exp(x) - 1).
Tensor elu(const Tensor& x, double alpha = 1);
/// elu, scaled so that layers of it keep mean 0 and variance 1.
Tensor selu(const Tensor& x);
/// max(x, 0) + alpha (exp(min(x, 0) / alpha) - 1)
Tensor celu(const Tensor& x, double alpha = 1);
/// relu6(x + 3) / 6
Tensor hard_sigmoid(const Tensor& x);
/// x hard_sigmoid(x)
Tensor hard_silu(const Tensor& x);
inline Tensor hard_swish(const Tensor& x) { return hard_silu(x); }
Tensor swish(const Tensor& x);
/// x within [-1, 1]
Tensor hard_tanh(const Tensor& x);
/// x where |x| is above the threshold, else 0.
Tensor hard_shrink(const Tensor& x, double threshold = 0.5);
/// x, moved towards 0 by the threshold.
Tensor soft_shrink(const Tensor& x, double threshold = 0.5);
/// x - tanh(x)
Tensor tanh_shrink(const Tensor& x);
/// x / (1 + |x|)
Tensor softsign(const Tensor& x);
/// log(sigmoid(x))
Tensor log_sigmoid(const Tensor& x);
/// x tanh(softplus(x))
Tensor mish(const Tensor& x);
/// (x + sqrt(x^2 + b)) / 2
Tensor squareplus(const Tensor& x, double b = 4);
/// 0 up to -1, x from 1 on, (x + 1)^2 / 4 between.
Tensor sparse_plus(const Tensor& x);
/// 0 up to -1, 1 from 1 on, (x + 1) / 2 between.
Tensor sparse_sigmoid(const Tensor& x);
/// The first half of an axis times the sigmoid of the second. Throws ValueError for an odd size.
Tensor glu(const Tensor& x, const LastAxis& args = {});
/// x where it is above the threshold, else `default_value`.
Tensor threshold(const Tensor& x, double threshold, double default_value);
Tensor exponential(const Tensor& x);
Tensor linear(const Tensor& x);

/// x over its norm of the given order along the axes, the norm not taken below epsilon.
Tensor normalize(const Tensor& x, const NormalizeArgs& args = {});
/// normalize of order 2, as Keras's Dot and UnitNormalization use it: x times the smaller of
/// 1 / norm and 1 / epsilon. A row of zeros stays, with the gradient dy / epsilon.
Tensor l2_normalize(const Tensor& x, const L2NormalizeArgs& args = {});

// The axis second: `softmax(x, 1)`, `softmax(x, {1, 2})`.
template <class A>
Tensor softmax(const Tensor& x, const A& axis) {
  return softmax(x, SoftmaxArgs{detail::axes_from(axis)});
}
template <detail::AxisNumber A>
Tensor softmax(const Tensor& x, std::initializer_list<A> axes) {
  return softmax(x, SoftmaxArgs{detail::axes_from(axes)});
}
template <class A>
Tensor log_softmax(const Tensor& x, const A& axis) {
  return log_softmax(x, SoftmaxArgs{detail::axes_from(axis)});
}
template <detail::AxisNumber A>
Tensor log_softmax(const Tensor& x, std::initializer_list<A> axes) {
  return log_softmax(x, SoftmaxArgs{detail::axes_from(axes)});
}
template <class A>
Tensor sparsemax(const Tensor& x, const A& axis) {
  return sparsemax(x, LastAxis{detail::axis_from(axis)});
}
template <class A>
Tensor glu(const Tensor& x, const A& axis) {
  return glu(x, LastAxis{detail::axis_from(axis)});
}
template <class A>
Tensor normalize(const Tensor& x, const A& axis, int order = 2) {
  return normalize(x, NormalizeArgs{.axis = detail::axes_from(axis), .order = order});
}

}  // namespace ops
}  // namespace nyala

#pragma GCC visibility pop
