#include <numbers>

#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
// A function whose gradient is 0 or that has none.
#define NYALA_STEP(Name, function, kernel_, doc_, ...)                \
  namespace {                                                         \
  struct Name : Elementwise<Name> {                                   \
    static constexpr std::string_view name = #function;               \
    static constexpr std::string_view doc = doc_;                     \
    static constexpr kernels::Unary kernel = kernels::Unary::kernel_; \
    static constexpr double low = -3, high = 3;                       \
    __VA_ARGS__                                                       \
  };                                                                  \
  }
#define NYALA_FLAT                               \
  static constexpr Saves saves = Saves::nothing; \
  Grads vjp(const Saved&, const Tensor& dy) const { return {zeros_like(dy)}; }
// Keras connects no gradient through these.
#define NYALA_CUT                                \
  static constexpr Saves saves = Saves::nothing; \
  Grads vjp(const Saved&, const Tensor&) const { return {Tensor()}; }
#define NYALA_LOGICAL                      \
  static constexpr bool gives_bool = true; \
  using NoGradient = void;

constexpr double kTwoByRootPi = 2 * std::numbers::inv_sqrtpi;
constexpr double kLog10E = std::numbers::log10e;
constexpr double kLog2E = std::numbers::log2e;

namespace {

// dy times a slope, and 0 where dy is 0 though the slope is infinite or NaN: as TensorFlow has it
// for these three functions, and for no other one with a pole.
Tensor flow(const Tensor& dy, const Tensor& slope) {
  return dy * where(logical_or(isfinite(slope), not_equal(dy, 0)), slope, 0);
}

}  // namespace

NYALA_FUNCTION(Negative, negative, negative, -2, 2, nothing, -dy, "-x")
NYALA_FUNCTION(Abs, absolute, abs, 0.1, 2, inputs, dy* sign(x), "The magnitude.")
NYALA_FUNCTION(Square, square, square, -2, 2, inputs, dy*(x * 2), "x times x")
NYALA_FUNCTION(Sqrt, sqrt, sqrt, 0.2, 2, outputs, flow(dy, 0.5 / y), "The square root.")
NYALA_FUNCTION(
    Rsqrt, rsqrt, rsqrt, 0.2, 2, outputs, flow(dy, y*(y* y) * -0.5), "One over the square root.")
NYALA_FUNCTION(Reciprocal, reciprocal, reciprocal, 0.3, 2, outputs, flow(dy, -(y* y)), "1 / x")
NYALA_FUNCTION(Exp, exp, exp, -2, 2, outputs, dy* y, "e to the power x.")
NYALA_FUNCTION(Expm1, expm1, expm1, -2, 2, outputs, dy*(y + 1), "exp(x) - 1")
NYALA_FUNCTION(Log, log, log, 0.2, 3, inputs, dy / x, "The natural logarithm.")
NYALA_FUNCTION(Log1p, log1p, log1p, -0.7, 3, inputs, dy / (x + 1), "log(1 + x)")
NYALA_FUNCTION(Log2, log2, log2, 0.2, 3, inputs, dy* kLog2E / x, "The logarithm to base 2.")
NYALA_FUNCTION(Log10, log10, log10, 0.2, 3, inputs, dy* kLog10E / x, "The logarithm to base 10.")
NYALA_FUNCTION(Sin, sin, sin, -3, 3, inputs, dy* cos(x), "The sine.")
NYALA_FUNCTION(Cos, cos, cos, -3, 3, inputs, -dy* sin(x), "The cosine.")
NYALA_FUNCTION(Tan, tan, tan, -1, 1, outputs, dy*(y* y + 1), "The tangent.")
NYALA_FUNCTION(Arcsin, arcsin, arcsin, -0.9, 0.9, inputs, dy* rsqrt(1 - x * x), "The inverse sine.")
NYALA_FUNCTION(
    Arccos, arccos, arccos, -0.9, 0.9, inputs, -dy* rsqrt(1 - x * x), "The inverse cosine.")
NYALA_FUNCTION(Arctan, arctan, arctan, -2, 2, inputs, dy / (x * x + 1), "The inverse tangent.")
NYALA_FUNCTION(Sinh, sinh, sinh, -2, 2, inputs, dy* cosh(x), "The hyperbolic sine.")
NYALA_FUNCTION(Cosh, cosh, cosh, -2, 2, inputs, dy* sinh(x), "The hyperbolic cosine.")
NYALA_FUNCTION(
    Arcsinh, arcsinh, arcsinh, -2, 2, inputs, dy* rsqrt(x* x + 1), "The inverse hyperbolic sine.")
NYALA_FUNCTION(Arccosh,
               arccosh,
               arccosh,
               1.2,
               3,
               inputs,
               dy*(rsqrt(x - 1) * rsqrt(x + 1)),
               "The inverse hyperbolic cosine.")
NYALA_FUNCTION(Arctanh,
               arctanh,
               arctanh,
               -0.8,
               0.8,
               inputs,
               dy / (1 - x * x),
               "The inverse hyperbolic tangent.")
NYALA_FUNCTION(Erf, erf, erf, -2, 2, inputs, dy* kTwoByRootPi* exp(-x* x), "The error function.")
NYALA_FUNCTION(
    Erfc, erfc, erfc, -2, 2, inputs, -dy* kTwoByRootPi* exp(-x* x), "One minus the error function.")

NYALA_STEP(Sign, sign, sign, "-1, 0 or 1", NYALA_FLAT)
NYALA_STEP(Floor, floor, floor, "The largest whole number not above x.", NYALA_CUT)
NYALA_STEP(Ceil, ceil, ceil, "The smallest whole number not below x.", NYALA_CUT)
NYALA_STEP(Round, round, round, "The nearest whole number, halves to the even one.", NYALA_CUT)
NYALA_STEP(Trunc, trunc, trunc, "The whole part.", NYALA_CUT)
NYALA_STEP(LogicalNot, logical_not, logical_not, "Whether x is 0.", NYALA_LOGICAL)
NYALA_STEP(IsNan, isnan, isnan, "Whether x is not a number.", NYALA_LOGICAL)
NYALA_STEP(IsInf, isinf, isinf, "Whether x is infinite.", NYALA_LOGICAL)
NYALA_STEP(IsFinite, isfinite, isfinite, "Whether x is a finite number.", NYALA_LOGICAL)

Tensor negative(const Tensor& x) { return run_op(Negative{}, {x}); }
Tensor abs(const Tensor& x) { return run_op(Abs{}, {x}); }
Tensor sign(const Tensor& x) { return run_op(Sign{}, {x}); }
Tensor square(const Tensor& x) { return run_op(Square{}, {to_number(x)}); }
Tensor floor(const Tensor& x) { return run_op(Floor{}, {to_float(x)}); }
Tensor ceil(const Tensor& x) { return run_op(Ceil{}, {to_float(x)}); }
Tensor round(const Tensor& x) { return run_op(Round{}, {x}); }
Tensor trunc(const Tensor& x) { return run_op(Trunc{}, {x}); }
Tensor logical_not(const Tensor& x) { return run_op(LogicalNot{}, {x}); }
Tensor isnan(const Tensor& x) { return run_op(IsNan{}, {x}); }
Tensor isinf(const Tensor& x) { return run_op(IsInf{}, {x}); }
Tensor isfinite(const Tensor& x) { return run_op(IsFinite{}, {x}); }
Tensor sqrt(const Tensor& x) { return run_op(Sqrt{}, {to_float(x)}); }
Tensor rsqrt(const Tensor& x) { return run_op(Rsqrt{}, {to_float(x)}); }
Tensor reciprocal(const Tensor& x) { return run_op(Reciprocal{}, {to_float(x)}); }
Tensor exp(const Tensor& x) { return run_op(Exp{}, {to_float(x)}); }
Tensor expm1(const Tensor& x) { return run_op(Expm1{}, {to_float(x)}); }
Tensor log(const Tensor& x) { return run_op(Log{}, {to_float(x)}); }
Tensor log1p(const Tensor& x) { return run_op(Log1p{}, {to_float(x)}); }
Tensor log2(const Tensor& x) { return run_op(Log2{}, {to_float(x)}); }
Tensor log10(const Tensor& x) { return run_op(Log10{}, {to_float(x)}); }
Tensor sin(const Tensor& x) { return run_op(Sin{}, {to_float(x)}); }
Tensor cos(const Tensor& x) { return run_op(Cos{}, {to_float(x)}); }
Tensor tan(const Tensor& x) { return run_op(Tan{}, {to_float(x)}); }
Tensor arcsin(const Tensor& x) { return run_op(Arcsin{}, {to_float(x)}); }
Tensor arccos(const Tensor& x) { return run_op(Arccos{}, {to_float(x)}); }
Tensor arctan(const Tensor& x) { return run_op(Arctan{}, {to_float(x)}); }
Tensor sinh(const Tensor& x) { return run_op(Sinh{}, {to_float(x)}); }
Tensor cosh(const Tensor& x) { return run_op(Cosh{}, {to_float(x)}); }
Tensor arcsinh(const Tensor& x) { return run_op(Arcsinh{}, {to_float(x)}); }
Tensor arccosh(const Tensor& x) { return run_op(Arccosh{}, {to_float(x)}); }
Tensor arctanh(const Tensor& x) { return run_op(Arctanh{}, {to_float(x)}); }
Tensor erf(const Tensor& x) { return run_op(Erf{}, {to_float(x)}); }
Tensor erfc(const Tensor& x) { return run_op(Erfc{}, {to_float(x)}); }

}  // namespace ops

using namespace ops;
NYALA_OP(Negative)
NYALA_OP(Abs)
NYALA_OP(Sign)
NYALA_OP(Square)
NYALA_OP(Sqrt)
NYALA_OP(Rsqrt)
NYALA_OP(Reciprocal)
NYALA_OP(Exp)
NYALA_OP(Expm1)
NYALA_OP(Log)
NYALA_OP(Log1p)
NYALA_OP(Log2)
NYALA_OP(Log10)
NYALA_OP(Sin)
NYALA_OP(Cos)
NYALA_OP(Tan)
NYALA_OP(Arcsin)
NYALA_OP(Arccos)
NYALA_OP(Arctan)
NYALA_OP(Sinh)
NYALA_OP(Cosh)
NYALA_OP(Arcsinh)
NYALA_OP(Arccosh)
NYALA_OP(Arctanh)
NYALA_OP(Erf)
NYALA_OP(Erfc)
NYALA_OP(Floor)
NYALA_OP(Ceil)
NYALA_OP(Round)
NYALA_OP(Trunc)
NYALA_OP(LogicalNot)
NYALA_OP(IsNan)
NYALA_OP(IsInf)
NYALA_OP(IsFinite)

Tensor Tensor::operator-() const { return ops::negative(*this); }
Tensor operator!(const Tensor& x) { return ops::logical_not(x); }

}  // namespace nyala
