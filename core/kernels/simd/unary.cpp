#include <array>
#include <utility>

#include <nyala/core/kernels/loops.hpp>
#include <nyala/core/kernels/simd/targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/unary.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/math-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// Whether this file computes an op; the others run one element after another.
template <class T>
constexpr bool has_vectors(Unary op) {
  const Loop loop = traits_of(op).loop;
  return loop == Loop::vectors || (loop == Loop::vectors_float && sizeof(T) == 4);
}

template <Unary op, class D, class V>
HWY_INLINE V apply_function(D d, V x) {
  if constexpr (op == Unary::exp)
    return exp(d, x);
  else if constexpr (op == Unary::expm1)
    return expm1(d, x);
  else if constexpr (op == Unary::log)
    return log(d, x);
  else if constexpr (op == Unary::log1p)
    return log1p(d, x);
  else if constexpr (op == Unary::log2)
    return log2(d, x);
  else if constexpr (op == Unary::log10)
    return log10(d, x);
  else if constexpr (op == Unary::sin)
    return sin(d, x);
  else if constexpr (op == Unary::cos)
    return cos(d, x);
  else if constexpr (op == Unary::arctan)
    return keep_nan(x, hn::Atan(d, x));
  else if constexpr (op == Unary::tanh)
    return tanh(d, x);
  else if constexpr (op == Unary::erf)
    return erf(d, x);
  else if constexpr (op == Unary::erfc)
    return erfc(d, x);
  else if constexpr (op == Unary::sigmoid)
    return sigmoid(d, x);
  else if constexpr (op == Unary::softplus)
    return softplus(d, x);
  else if constexpr (op == Unary::gelu)
    return gelu(d, x);
  else if constexpr (op == Unary::gelu_tanh)
    return gelu_tanh(d, x);
  else if constexpr (op == Unary::silu)
    return silu(d, x);
  else
    static_assert(scalar::is_known<op>, "simd/unary.cpp does not compute this op");
}

template <Unary op, class D, class V>
HWY_INLINE V apply(D d, V x) {
  const V zero = hn::Zero(d), one = constant(d, 1);
  if constexpr (op == Unary::negative)
    return hn::Neg(x);
  else if constexpr (op == Unary::abs)
    return hn::Abs(x);
  else if constexpr (op == Unary::sign) {
    const V sign = hn::CopySign(one, x);
    return keep_nan(x, hn::IfThenElse(hn::Eq(x, zero), x, sign));
  } else if constexpr (op == Unary::square)
    return hn::Mul(x, x);
  else if constexpr (op == Unary::relu)
    return hn::IfThenElse(hn::Lt(x, zero), zero, x);
  else if constexpr (op == Unary::floor)
    return keep_nan(x, hn::Floor(x));
  else if constexpr (op == Unary::ceil)
    return keep_nan(x, hn::Ceil(x));
  else if constexpr (op == Unary::round)
    return keep_nan(x, hn::Round(x));
  else if constexpr (op == Unary::trunc)
    return keep_nan(x, hn::Trunc(x));
  else if constexpr (op == Unary::sqrt)
    return hn::Sqrt(x);
  else if constexpr (op == Unary::rsqrt)
    return hn::Div(one, hn::Sqrt(x));
  else if constexpr (op == Unary::reciprocal)
    return hn::Div(one, x);
  else
    return apply_function<op>(d, x);
}

template <Unary op, class T>
void run(const void* x_data, void* out_data, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const T* x = static_cast<const T*>(x_data);
  T* out = static_cast<T*>(out_data);
  const std::int64_t step = lanes(d);
  std::int64_t i = 0;
  for (; i + step <= n; i += step) hn::StoreU(apply<op>(d, hn::LoadU(d, x + i)), d, out + i);
  if (i < n) store_first(d, apply<op>(d, load_first(d, x + i, n - i)), out + i, n - i);
}

template <Unary op, class T>
constexpr UnaryLoop entry() {
  if constexpr (has_vectors<T>(op))
    return run<op, T>;
  else
    return nullptr;
}

template <class T, std::size_t... I>
constexpr std::array<UnaryLoop, kNumUnary> table(std::index_sequence<I...>) {
  return {entry<static_cast<Unary>(I), T>()...};
}

UnaryLoop find_unary(Unary op, DType dtype) {
  static constexpr auto single = table<float>(std::make_index_sequence<kNumUnary>());
  static constexpr auto dual = table<double>(std::make_index_sequence<kNumUnary>());
  return select_float(dtype, single, dual)[static_cast<std::size_t>(op)];
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_unary);

UnaryLoop vector_unary_loop(Unary op, DType dtype) {
  return HWY_DYNAMIC_DISPATCH(find_unary)(op, dtype);
}

}  // namespace nyala::kernels
#endif
