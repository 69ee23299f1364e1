#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

// Elementwise functions of two tensors of one dtype.
template <class Self>
struct Binary : NoOptions {
  Spec infer(Inputs<Spec> in) const {
    if (in[0].dtype != in[1].dtype) {
      throw TypeError(std::string(Self::name) + ": received dtypes " +
                      std::string(name_of(in[0].dtype)) + " and " +
                      std::string(name_of(in[1].dtype)) + ", expected the same");
    }
    return {broadcast_shapes(in[0].shape, in[1].shape, Self::name.data()), in[0].dtype};
  }
  void forward(Inputs<Tensor> x, Tensor& out) const { broadcast_binary(Self::kernel, x, out); }
  static std::vector<SampleOf<Self>> samples() {
    const double low = Self::low;
    return {{{}, {{{3, 4}, low, 3}, {{3, 4}, 0.5, 2}}},
            {{}, {{{2, 3}, low, 3}, {{3}, 0.5, 2}}},
            {{}, {{{2, 1}, low, 3}, {{1, 5}, 0.5, 2}}},
            {{}, {{{}, low, 3}, {{7}, 0.5, 2}}},
            {{}, {{{0, 3}, low, 3}, {{3}, 0.5, 2}}}};
  }
};

// Whether fmax and fmin give x: it is in order, or y alone is not a number.
Tensor is_first(const Tensor& in_order, const Tensor& x, const Tensor& y) {
  return logical_or(in_order, logical_and(isnan(y), logical_not(isnan(x))));
}

}  // namespace

#define NYALA_BINARY_OP(Name, function, kernel_, low_, saves_, gradient_x, gradient_y, doc_) \
  namespace {                                                                                \
  struct Name : Binary<Name> {                                                               \
    static constexpr std::string_view name = #function;                                      \
    static constexpr std::string_view doc = doc_;                                            \
    static constexpr kernels::Binary kernel = kernels::Binary::kernel_;                      \
    static constexpr double low = low_;                                                      \
    static constexpr Saves saves = Saves::saves_;                                            \
    Grads vjp(const Saved& saved, [[maybe_unused]] const Tensor& dy) const {                 \
      [[maybe_unused]] const Tensor& x = saved.input(0);                                     \
      [[maybe_unused]] const Tensor& y = saved.input(1);                                     \
      [[maybe_unused]] const Tensor& out = saved.output();                                   \
      Tensor dx_, dy_;                                                                       \
      if (saved.wants(0)) dx_ = sum_to(gradient_x, saved.shape(0));                          \
      if (saved.wants(1)) dy_ = sum_to(gradient_y, saved.shape(1));                          \
      return {dx_, dy_};                                                                     \
    }                                                                                        \
  };                                                                                         \
  }

NYALA_BINARY_OP(Add, add, add, -2, nothing, dy, dy, "x + y")
NYALA_BINARY_OP(Subtract, subtract, subtract, -2, nothing, dy, -dy, "x - y")
NYALA_BINARY_OP(Multiply, multiply, multiply, -2, inputs, dy* y, dy* x, "x * y")
NYALA_BINARY_OP(Divide, divide, divide, -2, both, dy / y, -dy* out / y, "x / y")
// d(x^y)/dx is y x^(y-1); d/dy is x^y log x, taken as 0 where x is not positive.
NYALA_BINARY_OP(Power,
                power,
                power,
                0.3,
                both,
                dy*(y* power(x, y - 1)),
                dy* out* log(where(x > 0, x, ones_like(x))),
                "x to the power y.")
NYALA_BINARY_OP(Maximum,
                maximum,
                maximum,
                3.1,
                inputs,
                where(x >= y, dy, 0),
                where(x >= y, 0, dy),
                "The larger of both.")
NYALA_BINARY_OP(Minimum,
                minimum,
                minimum,
                3.1,
                inputs,
                where(x <= y, dy, 0),
                where(x <= y, 0, dy),
                "The smaller of both.")
NYALA_BINARY_OP(Fmax,
                fmax,
                fmax,
                3.1,
                inputs,
                where(is_first(x >= y, x, y), dy, 0),
                where(is_first(x >= y, x, y), 0, dy),
                "The larger of both, where only one is a number that one.")
NYALA_BINARY_OP(Fmin,
                fmin,
                fmin,
                3.1,
                inputs,
                where(is_first(x <= y, x, y), dy, 0),
                where(is_first(x <= y, x, y), 0, dy),
                "The smaller of both, where only one is a number that one.")
NYALA_BINARY_OP(Arctan2,
                arctan2,
                arctan2,
                0.2,
                inputs,
                dy* y / (x * x + y * y),
                -dy* x / (x * x + y * y),
                "The angle of the point (y, x).")
NYALA_BINARY_OP(FloorDivide,
                floor_divide,
                floor_divide,
                -2,
                nothing,
                Tensor(),
                Tensor(),
                "The whole quotient, rounded down.")
NYALA_BINARY_OP(
    Mod, mod, mod, 2.1, inputs, dy, -dy* floor_divide(x, y), "The remainder, with the sign of y.")

// `as`: what makes numbers of the inputs, where not any will do.
#define NYALA_ARITHMETIC(function, Name, as)                           \
  Tensor function(const Tensor& x, const Tensor& y) {                  \
    if (x.dtype() == y.dtype()) return run_op(Name{}, {as(x), as(y)}); \
    const auto [a, b] = promote(x, y);                                 \
    return run_op(Name{}, {as(a), as(b)});                             \
  }                                                                    \
  NYALA_WITH_NUMBERS(function)
// `of_integers`: what computes it without a NaN.
#define NYALA_BESIDE_NAN(function, Name, of_integers)                           \
  Tensor function(const Tensor& x, const Tensor& y) {                           \
    const auto [a, b] = promote(x, y);                                          \
    return is_floating(a.dtype()) ? run_op(Name{}, {a, b}) : of_integers(a, b); \
  }                                                                             \
  NYALA_WITH_NUMBERS(function)

NYALA_ARITHMETIC(add, Add, )
NYALA_ARITHMETIC(subtract, Subtract, )
NYALA_ARITHMETIC(multiply, Multiply, )
NYALA_ARITHMETIC(power, Power, )
NYALA_ARITHMETIC(maximum, Maximum, )
NYALA_ARITHMETIC(minimum, Minimum, )
NYALA_ARITHMETIC(floor_divide, FloorDivide, to_number)
NYALA_ARITHMETIC(mod, Mod, to_number)
NYALA_BESIDE_NAN(fmax, Fmax, maximum)
NYALA_BESIDE_NAN(fmin, Fmin, minimum)

Tensor divide(const Tensor& x, const Tensor& y) {
  const auto [a, b] = promote(x, y);
  return run_op(Divide{}, {to_float(a), to_float(b)});
}
NYALA_WITH_NUMBERS(divide)

Tensor arctan2(const Tensor& x, const Tensor& y) {
  const auto [a, b] = promote(x, y);
  return run_op(Arctan2{}, {to_float(a), to_float(b)});
}
NYALA_WITH_NUMBERS(arctan2)

}  // namespace ops

using namespace ops;
NYALA_OP(Add)
NYALA_OP(Subtract)
NYALA_OP(Multiply)
NYALA_OP(Divide)
NYALA_OP(FloorDivide)
NYALA_OP(Mod)
NYALA_OP(Power)
NYALA_OP(Maximum)
NYALA_OP(Minimum)
NYALA_OP(Fmax)
NYALA_OP(Fmin)
NYALA_OP(Arctan2)

}  // namespace nyala
