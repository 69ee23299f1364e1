#include <cmath>
#include <limits>

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
  // The strides of the inputs, broadcast to the result.
  struct Layout {
    DType dtype;
    Shape shape, condition, x, y;
  };
  static Layout layout_of(Inputs<Tensor> x, const Tensor& out) {
    const Shape& shape = out.shape();
    return {out.dtype(),
            shape,
            broadcast_strides(x[0], shape),
            broadcast_strides(x[1], shape),
            broadcast_strides(x[2], shape)};
  }
  static bool reads_strided(std::size_t, const Tensor&) { return true; }
  auto prepare(const Layouts& layouts, Workspace&) const {
    return [as = layout_of(layouts.in, layouts.out[0])](const void* const* in, void* const* out) {
      kernels::select(as.dtype,
                      as.shape,
                      {in[0], as.condition.data()},
                      {in[1], as.x.data()},
                      {in[2], as.y.data()},
                      out[0]);
    };
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

// Kernels compute uint64 in int64, where its upper half is negative: flipping the sign bit keeps
// the order.
Tensor in_order(const Tensor& x) {
  if (x.dtype() != DType::uint64) return x;
  const Tensor least = Tensor::scalar(std::numeric_limits<std::int64_t>::min(), DType::int64);
  return bitwise_xor(cast(x, DType::int64), least);
}
const Tensor& as_it_is(const Tensor& x) { return x; }

}  // namespace

#define NYALA_COMPARE(Name, function, keeps, prepare, doc_)              \
  namespace {                                                            \
  struct Name : Compare<Name> {                                          \
    static constexpr std::string_view name = #function;                  \
    static constexpr std::string_view doc = doc_;                        \
    static constexpr bool keeps_dtype = keeps;                           \
    static constexpr kernels::Binary kernel = kernels::Binary::function; \
  };                                                                     \
  }                                                                      \
  Tensor function(const Tensor& x, const Tensor& y) {                    \
    const auto [a, b] = promote(x, y);                                   \
    return run_op(Name{}, {prepare(a), prepare(b)});                     \
  }                                                                      \
  NYALA_WITH_NUMBERS(function)

NYALA_COMPARE(Equal, equal, false, as_it_is, "Whether both are equal.")
NYALA_COMPARE(NotEqual, not_equal, false, as_it_is, "Whether both differ.")
NYALA_COMPARE(Less, less, false, in_order, "x < y")
NYALA_COMPARE(LessEqual, less_equal, false, in_order, "x <= y")
NYALA_COMPARE(Greater, greater, false, in_order, "x > y")
NYALA_COMPARE(GreaterEqual, greater_equal, false, in_order, "x >= y")
NYALA_COMPARE(LogicalAnd, logical_and, false, as_it_is, "Whether both are nonzero.")
NYALA_COMPARE(LogicalOr, logical_or, false, as_it_is, "Whether one of both is nonzero.")
NYALA_COMPARE(LogicalXor, logical_xor, false, as_it_is, "Whether exactly one of both is nonzero.")
NYALA_COMPARE(BitwiseAnd, bitwise_and, true, as_it_is, "Bits that both have.")
NYALA_COMPARE(BitwiseOr, bitwise_or, true, as_it_is, "Bits that one of both has.")
NYALA_COMPARE(BitwiseXor, bitwise_xor, true, as_it_is, "Bits that exactly one of both has.")

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
