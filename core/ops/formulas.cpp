// Elementwise functions made of other ops, with the values and gradients of Keras.
#include <limits>
#include <numbers>

#include <nyala/core/ops/support.hpp>

namespace nyala::ops {

Tensor exp2(const Tensor& x) { return power(2, to_float(x)); }
Tensor deg2rad(const Tensor& x) { return to_wide_float(x) * (std::numbers::pi / 180); }
Tensor rad2deg(const Tensor& x) { return to_wide_float(x) * (180 / std::numbers::pi); }

Tensor cbrt(const Tensor& x) {
  const Tensor numbers = to_wide_float(x);
  return sign(numbers) * power(abs(numbers), 1.0 / 3);
}

Tensor sinc(const Tensor& x) {
  const Tensor angle = to_float(x) * std::numbers::pi;
  const Tensor zero = equal(angle, 0);
  const Tensor safe = where(zero, 1, angle);
  return where(zero, 1, sin(safe) / safe);
}

Tensor nan_to_num(const Tensor& x, const NanToNumArgs& args) {
  if (!is_floating(x.dtype())) return x;
  const double most = visit_stored(
      x.dtype(), []<class T>() { return static_cast<double>(std::numeric_limits<T>::max()); });
  const Tensor infinite = isinf(x);
  Tensor y = where(isnan(x), args.nan, x);
  y = where(logical_and(infinite, x > 0), args.posinf.value_or(most), y);
  return where(logical_and(infinite, x < 0), args.neginf.value_or(-most), y);
}

Tensor logaddexp(const Tensor& x, const Tensor& y) {
  const auto [a, b] = promote(to_float(x), to_float(y));
  const Tensor delta = a - b;
  // Two infinities of one sign differ by nothing that is a number.
  const Tensor lost = isnan(delta);
  const Tensor distance = abs(where(lost, 0, delta));
  return where(lost, a + b, maximum(a, b) + log1p(exp(-distance)));
}

Tensor hypot(const Tensor& x, const Tensor& y) {
  const auto [p, q] = promote(x, y);
  const Tensor a = abs(to_wide_float(p)), b = abs(to_wide_float(q));
  const Tensor longer = maximum(a, b);
  const Tensor zero = equal(longer, 0);
  const Tensor ratio = where(zero, 0, minimum(a, b) / where(zero, 1, longer));
  const Tensor length = longer * sqrt(square(ratio) + 1);
  return where(logical_or(isinf(a), isinf(b)), std::numeric_limits<double>::infinity(), length);
}

Tensor isclose(const Tensor& x, const Tensor& y, const AllcloseArgs& args) {
  const auto [a, b] = promote(x, y);
  if (!is_floating(a.dtype())) return equal(a, b);
  // An infinity is close to itself only.
  const Tensor near = logical_and(abs(a - b) <= abs(b) * args.rtol + args.atol, isfinite(b));
  const Tensor close = logical_or(near, equal(a, b));
  return args.equal_nan ? logical_or(close, logical_and(isnan(a), isnan(b))) : close;
}

Tensor left_shift(const Tensor& x, const Tensor& y) { return x * power(full_like(y, 2), y); }
Tensor right_shift(const Tensor& x, const Tensor& y) {
  return floor_divide(x, power(full_like(y, 2), y));
}

}  // namespace nyala::ops
