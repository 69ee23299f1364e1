#pragma once
/// Functions of two tensors, broadcast against each other as NumPy does and promoted as Keras does.
#include <type_traits>
#include <utility>

#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace ops {

// Each row BINARY of core/elementwise.def is a function of two tensors, or of one and a number:
// add, maximum, less, ...
#define BINARY(Struct, name, ...)                \
  Tensor name(const Tensor& x, const Tensor& y); \
  Tensor name(const Tensor& x, Scalar y);        \
  Tensor name(Scalar x, const Tensor& y);
#define BINARY_PRIVATE(...)
#define UNARY(...)
#include <nyala/core/elementwise.def>

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
/// Whether |x - y| <= atol + rtol * |y| everywhere, after broadcasting. An infinity is close to
/// itself only.
bool allclose(const Tensor& x, const Tensor& y, const AllcloseArgs& args = {});
/// The same for each element.
Tensor isclose(const Tensor& x, const Tensor& y, const AllcloseArgs& args = {});

inline Tensor true_divide(const Tensor& x, const Tensor& y) { return divide(x, y); }
/// log(exp(x) + exp(y)), without overflow.
Tensor logaddexp(const Tensor& x, const Tensor& y);
/// sqrt(x^2 + y^2), without overflow; infinite where one is, as in NumPy.
Tensor hypot(const Tensor& x, const Tensor& y);
/// Whole numbers times (divided by) 2 to the power y.
Tensor left_shift(const Tensor& x, const Tensor& y);
Tensor right_shift(const Tensor& x, const Tensor& y);

}  // namespace ops

/// What comparing tensors gives: a tensor of bool, and no bool. `if (x == y)` does not compile: it
/// would ask whether there is a tensor.
class Comparison final : public Tensor {
 public:
  Comparison(Tensor answers) noexcept : Tensor(std::move(answers)) {}
  explicit operator bool() const = delete;  // write ops::all(x == y).item<bool>()
};

#define NYALA_OPERATOR(Result, symbol, name)                                                  \
  inline Result operator symbol(const Tensor& x, const Tensor& y) { return ops::name(x, y); } \
  inline Result operator symbol(const Tensor& x, Scalar y) { return ops::name(x, y); }        \
  inline Result operator symbol(Scalar x, const Tensor& y) { return ops::name(x, y); }

NYALA_OPERATOR(Tensor, +, add)
NYALA_OPERATOR(Tensor, -, subtract)
NYALA_OPERATOR(Tensor, *, multiply)
NYALA_OPERATOR(Tensor, /, divide)
NYALA_OPERATOR(Tensor, %, mod)
NYALA_OPERATOR(Tensor, &, bitwise_and)
NYALA_OPERATOR(Tensor, |, bitwise_or)
// Element by element; two handles of one tensor are told by Tensor::is.
NYALA_OPERATOR(Comparison, ==, equal)
NYALA_OPERATOR(Comparison, !=, not_equal)
NYALA_OPERATOR(Comparison, <, less)
NYALA_OPERATOR(Comparison, <=, less_equal)
NYALA_OPERATOR(Comparison, >, greater)
NYALA_OPERATOR(Comparison, >=, greater_equal)
#undef NYALA_OPERATOR

// `x += y` makes x the handle of a new tensor; others that shared the old one keep it.
#define NYALA_ASSIGNMENT(symbol, name)                                                       \
  inline Tensor& operator symbol(Tensor& x, const Tensor& y) { return x = ops::name(x, y); } \
  inline Tensor& operator symbol(Tensor& x, Scalar y) { return x = ops::name(x, y); }
NYALA_ASSIGNMENT(+=, add)
NYALA_ASSIGNMENT(-=, subtract)
NYALA_ASSIGNMENT(*=, multiply)
NYALA_ASSIGNMENT(/=, divide)
#undef NYALA_ASSIGNMENT

/// Bits of integers. For a plain number it does not compile, as `x ^ 2` is mostly meant as a power.
inline Tensor operator^(const Tensor& x, const Tensor& y) { return ops::bitwise_xor(x, y); }
template <class T>
requires std::is_arithmetic_v<T> Tensor operator^(const Tensor&, T) {
  static_assert(!std::is_arithmetic_v<T>,
                "x ^ 2 is no power in C++: write ops::power(x, 2), or ops::bitwise_xor for bits");
  return {};
}
Tensor operator!(const Tensor& x);

}  // namespace nyala

#pragma GCC visibility pop
