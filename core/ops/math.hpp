#pragma once
/// Functions of each element. Floating dtypes stay as they are; where the result is not whole, bool
/// and integers are cast to floatx first.
///
/// At a pole gradients are as TensorFlow's. For sqrt, rsqrt and reciprocal nothing comes back where
/// nothing flows: 0 there, though the slope is infinite. Elsewhere (log at 0, arcsin and arccos at
/// 1, arctanh at 1, erfinv at 1, divide and power at 0) 0 times infinity is NaN: keep such elements
/// away from the function, as in log(where(x > 0, x, 1)), and not only its results.
#include <optional>

#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct NanToNumArgs {
  double nan = 0;
  std::optional<double> posinf = {};
  std::optional<double> neginf = {};
};

namespace ops {

Tensor negative(const Tensor& x);
/// |x|. Its gradient is sign(x), 0 at 0.
Tensor abs(const Tensor& x);
inline Tensor absolute(const Tensor& x) { return abs(x); }
Tensor sign(const Tensor& x);
Tensor square(const Tensor& x);
Tensor sqrt(const Tensor& x);
/// 1 / sqrt(x)
Tensor rsqrt(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor exp(const Tensor& x);
/// exp(x) - 1, accurate near 0
Tensor expm1(const Tensor& x);
Tensor log(const Tensor& x);
/// log(1 + x), accurate near 0
Tensor log1p(const Tensor& x);
Tensor log2(const Tensor& x);
Tensor log10(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tan(const Tensor& x);
Tensor arcsin(const Tensor& x);
Tensor arccos(const Tensor& x);
Tensor arctan(const Tensor& x);
Tensor sinh(const Tensor& x);
Tensor cosh(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor arcsinh(const Tensor& x);
Tensor arccosh(const Tensor& x);
Tensor arctanh(const Tensor& x);
/// The error function.
Tensor erf(const Tensor& x);
/// 1 - erf(x), accurate for large x
Tensor erfc(const Tensor& x);
/// The inverse of erf: infinite at -1 and 1, NaN beyond.
Tensor erfinv(const Tensor& x);
// No gradient flows through the next four.
Tensor floor(const Tensor& x);
Tensor ceil(const Tensor& x);
/// To the nearest whole number, halves to the even one.
Tensor round(const Tensor& x);
Tensor trunc(const Tensor& x);
Tensor logical_not(const Tensor& x);
Tensor isnan(const Tensor& x);
Tensor isinf(const Tensor& x);
Tensor isfinite(const Tensor& x);

/// 2 to the power x
Tensor exp2(const Tensor& x);
/// The real cube root.
Tensor cbrt(const Tensor& x);
Tensor deg2rad(const Tensor& x);
Tensor rad2deg(const Tensor& x);
/// sin(pi x) / (pi x), 1 at 0
Tensor sinc(const Tensor& x);
/// x with numbers in place of NaN (0) and infinities (the largest and lowest finite numbers).
Tensor nan_to_num(const Tensor& x, const NanToNumArgs& args = {});

/// 1 / (1 + exp(-x))
Tensor sigmoid(const Tensor& x);
/// log(1 + exp(x))
Tensor softplus(const Tensor& x);
/// max(x, 0); gradient 0 at 0
Tensor relu(const Tensor& x);
/// x * P(X <= x) for a standard normal X; `approximate` uses tanh.
Tensor gelu(const Tensor& x, bool approximate = true);
/// x * sigmoid(x)
Tensor silu(const Tensor& x);

/// x in another dtype; itself when it has it already. Floats become integers by truncation: one
/// beyond the integers' range the nearest of them, NaN the lowest (0 where they have no sign).
Tensor cast(const Tensor& x, DTypeLike dtype);
/// x, through which no gradient flows.
Tensor stop_gradient(const Tensor& x);

}  // namespace ops
}  // namespace nyala

#pragma GCC visibility pop
