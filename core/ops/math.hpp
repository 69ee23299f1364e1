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

// Each row UNARY of core/elementwise.def is a function of one tensor: exp, sqrt, tanh, ...
#define UNARY(Struct, name, ...) Tensor name(const Tensor& x);
#define UNARY_PRIVATE(...)
#define BINARY(...)
#include <nyala/core/elementwise.def>

inline Tensor absolute(const Tensor& x) { return abs(x); }
/// The inverse of erf: infinite at -1 and 1, NaN beyond.
Tensor erfinv(const Tensor& x);
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

/// x * P(X <= x) for a standard normal X; `approximate` uses tanh.
Tensor gelu(const Tensor& x, bool approximate = true);

/// x in another dtype; itself when it has it already. Floats become integers by truncation: one
/// beyond the integers' range the nearest of them, NaN the lowest (0 where they have no sign).
Tensor cast(const Tensor& x, DTypeLike dtype);
/// x, through which no gradient flows.
Tensor stop_gradient(const Tensor& x);

}  // namespace ops
}  // namespace nyala

#pragma GCC visibility pop
