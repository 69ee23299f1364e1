#include <cmath>

#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

template <class Self>
struct Compare : NoOptions {
  using NoGradient = void;

  Spec infer(Inputs<Spec> in) const {
    if (in[0].dtype != in[1].dtype) {
      throw TypeError(std::string(Self::name) + ": received dtypes " +
                      std::string(name_of(in[0].dtype)) + " and " +
                      std::string(name_of(in[1].dtype)) + ", expected the same");
    }
    if (Self::keeps_dtype && is_floating(in[0].dtype)) {
      throw TypeError(std::string(Self::name) + ": received " + std::string(name_of(in[0].dtype)) +
                      ", expected bool or integers (a power is ops::power)");
    }
    return {broadcast_shapes(in[0].shape, in[1].shape, Self::name.data()),
            Self::keeps_dtype ? in[0].dtype : DType::bool_};
  }
  void forward(Inputs<Tensor> x, Tensor& out) const { broadcast_binary(Self::kernel, x, out); }
  static std::vector<SampleOf<Self>> samples() {
    const DType dtype = Self::keeps_dtype ? DType::int32 : DType::float64;
    return {{{}, {{{3, 4}, -2, 2, dtype}, {{4}, -2, 2, dtype}}},
            {{}, {{{0}, -2, 2, dtype}, {{}, -2, 2, dtype}}}};
  }
};

struct Where : NoOptions {
  static constexpr std::string_view name = "where";
  static constexpr std::string_view doc = "x where the condition holds, y elsewhere.";
  static constexpr bool moves = true;
  static constexpr Saves saves = Saves::inputs;
  static constexpr auto pointwise = Pointwise::Kind::select;

  Spec infer(Inputs<Spec> in) const {
    if (in[0].dtype != DType::bool_ || in[1].dtype != in[2].dtype) {
      throw TypeError("where: received " + std::string(name_of(in[0].dtype)) + ", " +
                      std::string(name_of(in[1].dtype)) + " and " +
                      std::string(name_of(in[2].dtype)) + ", expected bool and twice the same");
    }
    const Shape both = broadcast_shapes(in[1].shape, in[2].shape, "where");
    return {broadcast_shapes(in[0].shape, both, "where"), in[1].dtype};
  }
  void forward(Inputs<Tensor> x, Tensor& out) const {
    const Shape c = broadcast_strides(x[0], out.shape());
    const Shape a = broadcast_strides(x[1], out.shape());
    const Shape b = broadcast_strides(x[2], out.shape());
    kernels::select(out.dtype(),
                    out.shape(),
                    {x[0].data(), c.data()},
                    {x[1].data(), a.data()},
                    {x[2].data(), b.data()},
                    out.mutable_data());
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    Grads grads(3);
    if (saved.wants(1)) grads[1] = sum_to(where(saved.input(0), dy, 0), saved.shape(1));
    if (saved.wants(2)) grads[2] = sum_to(where(saved.input(0), 0, dy), saved.shape(2));
    return grads;
  }
  static std::vector<SampleOf<Where>> samples() {
    const SampleInput condition{{2, 3}, 0, 1, DType::bool_};
    return {{{}, {condition, {{2, 3}}, {{2, 3}}}},
            {{}, {condition, {{}}, {{3}}}},
            {{}, {{{0, 3}, 0, 1, DType::bool_}, {{1}}, {{3}}}}};
  }
};

}  // namespace

#define NYALA_COMPARE(Name, function, keeps, doc_)                                        \
  namespace {                                                                             \
  struct Name : Compare<Name> {                                                           \
    static constexpr std::string_view name = #function;                                   \
    static constexpr std::string_view doc = doc_;                                         \
    static constexpr bool keeps_dtype = keeps;                                            \
    static constexpr kernels::Binary kernel = kernels::Binary::function;                  \
  };                                                                                      \
  }                                                                                       \
  Tensor function(const Tensor& x, const Tensor& y) {                                     \
    const auto [a, b] = promote(x, y);                                                    \
    return run_op(Name{}, {a, b});                                                        \
  }                                                                                       \
  Tensor function(const Tensor& x, Scalar y) { return function(x, scalar_beside(y, x)); } \
  Tensor function(Scalar x, const Tensor& y) { return function(scalar_beside(x, y), y); }

NYALA_COMPARE(Equal, equal, false, "Whether both are equal.")
NYALA_COMPARE(NotEqual, not_equal, false, "Whether both differ.")
NYALA_COMPARE(Less, less, false, "x < y")
NYALA_COMPARE(LessEqual, less_equal, false, "x <= y")
NYALA_COMPARE(Greater, greater, false, "x > y")
NYALA_COMPARE(GreaterEqual, greater_equal, false, "x >= y")
NYALA_COMPARE(LogicalAnd, logical_and, false, "Whether both are nonzero.")
NYALA_COMPARE(LogicalOr, logical_or, false, "Whether one of both is nonzero.")
NYALA_COMPARE(LogicalXor, logical_xor, false, "Whether exactly one of both is nonzero.")
NYALA_COMPARE(BitwiseAnd, bitwise_and, true, "Bits that both have.")
NYALA_COMPARE(BitwiseOr, bitwise_or, true, "Bits that one of both has.")
NYALA_COMPARE(BitwiseXor, bitwise_xor, true, "Bits that exactly one of both has.")

Tensor where(const Tensor& condition, const Tensor& x, const Tensor& y) {
  const auto [a, b] = promote(x, y);
  return run_op(Where{}, {cast(condition, DType::bool_), a, b});
}
Tensor where(const Tensor& condition, Scalar x, const Tensor& y) {
  return where(condition, scalar_beside(x, y), y);
}
Tensor where(const Tensor& condition, const Tensor& x, Scalar y) {
  return where(condition, x, scalar_beside(y, x));
}

Tensor clip(const Tensor& x, Scalar low, Scalar high) { return minimum(maximum(x, low), high); }

bool array_equal(const Tensor& x, const Tensor& y) {
  return x.shape() == y.shape() && all(equal(x, y)).item<bool>();
}

bool allclose(const Tensor& x, const Tensor& y, const AllcloseArgs& args) {
  return all(isclose(cast(x, DType::float64), cast(y, DType::float64), args)).item<bool>();
}

}  // namespace ops

using namespace ops;
NYALA_OP(Equal)
NYALA_OP(NotEqual)
NYALA_OP(Less)
NYALA_OP(LessEqual)
NYALA_OP(Greater)
NYALA_OP(GreaterEqual)
NYALA_OP(LogicalAnd)
NYALA_OP(LogicalOr)
NYALA_OP(LogicalXor)
NYALA_OP(BitwiseAnd)
NYALA_OP(BitwiseOr)
NYALA_OP(BitwiseXor)
NYALA_OP(Where)

}  // namespace nyala
