#pragma once
/// Functions of two tensors, broadcast against each other as NumPy does and promoted as Keras does.
#include <nyala/core/tensor.hpp>

namespace nyala {
namespace ops {

#define NYALA_BINARY(name)                       \
  Tensor name(const Tensor& x, const Tensor& y); \
  Tensor name(const Tensor& x, Scalar y);        \
  Tensor name(Scalar x, const Tensor& y)

NYALA_BINARY(add);
NYALA_BINARY(subtract);
NYALA_BINARY(multiply);
/// Integers are divided as floats.
NYALA_BINARY(divide);
NYALA_BINARY(floor_divide);
/// With the sign of the divisor, as in Python.
NYALA_BINARY(mod);
NYALA_BINARY(power);
/// Where both are equal the gradient goes to the first.
NYALA_BINARY(maximum);
NYALA_BINARY(minimum);
NYALA_BINARY(arctan2);
NYALA_BINARY(equal);
NYALA_BINARY(not_equal);
NYALA_BINARY(less);
NYALA_BINARY(less_equal);
NYALA_BINARY(greater);
NYALA_BINARY(greater_equal);
NYALA_BINARY(logical_and);
NYALA_BINARY(logical_or);
NYALA_BINARY(logical_xor);
NYALA_BINARY(bitwise_and);
NYALA_BINARY(bitwise_or);
NYALA_BINARY(bitwise_xor);
#undef NYALA_BINARY

/// Elements of x where the condition holds, of y elsewhere; all three broadcast.
Tensor where(const Tensor& condition, const Tensor& x, const Tensor& y);
Tensor where(const Tensor& condition, Scalar x, const Tensor& y);
Tensor where(const Tensor& condition, const Tensor& x, Scalar y);

/// Within [low, high]; the gradient is 0 outside.
Tensor clip(const Tensor& x, Scalar low, Scalar high);

/// Whether shapes and all elements are equal (after promotion).
bool array_equal(const Tensor& x, const Tensor& y);
struct AllcloseArgs {
  double rtol = 1e-5;
  double atol = 1e-8;
  bool equal_nan = false;
};
/// Whether |x - y| <= atol + rtol * |y| everywhere, after broadcasting.
bool allclose(const Tensor& x, const Tensor& y, const AllcloseArgs& args = {});
/// The same for each element.
Tensor isclose(const Tensor& x, const Tensor& y, const AllcloseArgs& args = {});

inline Tensor true_divide(const Tensor& x, const Tensor& y) { return divide(x, y); }
/// log(exp(x) + exp(y)), without overflow.
Tensor logaddexp(const Tensor& x, const Tensor& y);
/// sqrt(x^2 + y^2), without overflow.
Tensor hypot(const Tensor& x, const Tensor& y);
/// Whole numbers times (divided by) 2 to the power y.
Tensor left_shift(const Tensor& x, const Tensor& y);
Tensor right_shift(const Tensor& x, const Tensor& y);

}  // namespace ops

#define NYALA_OPERATOR(symbol, name)                                                          \
  inline Tensor operator symbol(const Tensor& x, const Tensor& y) { return ops::name(x, y); } \
  inline Tensor operator symbol(const Tensor& x, Scalar y) { return ops::name(x, y); }        \
  inline Tensor operator symbol(Scalar x, const Tensor& y) { return ops::name(x, y); }

NYALA_OPERATOR(+, add)
NYALA_OPERATOR(-, subtract)
NYALA_OPERATOR(*, multiply)
NYALA_OPERATOR(/, divide)
NYALA_OPERATOR(%, mod)
NYALA_OPERATOR(<, less)
NYALA_OPERATOR(<=, less_equal)
NYALA_OPERATOR(>, greater)
NYALA_OPERATOR(>=, greater_equal)
NYALA_OPERATOR(&, bitwise_and)
NYALA_OPERATOR(|, bitwise_or)
NYALA_OPERATOR(^, bitwise_xor)
#undef NYALA_OPERATOR
Tensor operator!(const Tensor& x);

}  // namespace nyala
