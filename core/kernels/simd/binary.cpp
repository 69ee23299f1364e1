#include <array>
#include <utility>

#include <nyala/core/kernels/loops.hpp>
#include <nyala/core/kernels/simd/targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/binary.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/math-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// A probability p and a target t.
template <Binary op, class D, class V>
HWY_INLINE V crossentropy(D d, V p, V t) {
  const V one = constant(d, 1);
  const V not_t = hn::Sub(one, t);
  if constexpr (op == Binary::crossentropy) {
    const V q = bounded(d, p);
    const V of_t = hn::Mul(t, log(d, q));
    return hn::Neg(hn::Add(of_t, hn::Mul(not_t, log(d, hn::Sub(one, q)))));
  } else {
    const V slope = hn::Sub(hn::Div(not_t, hn::Sub(one, p)), hn::Div(t, p));
    return hn::IfThenElseZero(is_within_bounds(d, p), slope);
  }
}

template <Binary op, class D, class V>
HWY_INLINE V apply(D d, V x, V y) {
  const V one = hn::Set(d, hn::TFromD<D>{1});
  if constexpr (op == Binary::add)
    return hn::Add(x, y);
  else if constexpr (op == Binary::subtract)
    return hn::Sub(x, y);
  else if constexpr (op == Binary::multiply)
    return hn::Mul(x, y);
  else if constexpr (op == Binary::divide)
    return hn::Div(x, y);
  else if constexpr (op == Binary::maximum) {
    return hn::IfThenElse(hn::Or(hn::Gt(x, y), hn::IsNaN(x)), x, y);
  } else if constexpr (op == Binary::minimum) {
    return hn::IfThenElse(hn::Or(hn::Lt(x, y), hn::IsNaN(x)), x, y);
  } else if constexpr (op == Binary::fmax) {
    return hn::IfThenElse(hn::Or(hn::Ge(x, y), hn::IsNaN(y)), x, y);
  } else if constexpr (op == Binary::fmin) {
    return hn::IfThenElse(hn::Or(hn::Le(x, y), hn::IsNaN(y)), x, y);
  } else if constexpr (op == Binary::crossentropy || op == Binary::crossentropy_slope) {
    return crossentropy<op>(d, x, y);
  } else if constexpr (op == Binary::logit_crossentropy) {
    return hn::Sub(softplus(d, x), hn::Mul(x, y));
  } else if constexpr (op == Binary::relu_grad) {
    return hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), y);
  } else if constexpr (op == Binary::tanh_grad)
    return hn::Mul(y, hn::NegMulAdd(x, x, one));
  else if constexpr (op == Binary::sigmoid_grad)
    return hn::Mul(hn::Mul(y, x), hn::Sub(one, x));
  else
    static_assert(scalar::is_known<op>, "simd/binary.cpp does not compute this op");
}

template <Binary op, class T, int x_step, int y_step>
void run(const void* x_data, const void* y_data, void* out_data, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const T* x = static_cast<const T*>(x_data);
  const T* y = static_cast<const T*>(y_data);
  T* out = static_cast<T*>(out_data);
  const V x0 = x_step == 0 ? hn::Set(d, *x) : hn::Zero(d);
  const V y0 = y_step == 0 ? hn::Set(d, *y) : hn::Zero(d);
  const std::int64_t step = lanes(d);
  std::int64_t i = 0;
  for (; i + step <= n; i += step) {
    const V a = x_step == 0 ? x0 : hn::LoadU(d, x + i);
    const V b = y_step == 0 ? y0 : hn::LoadU(d, y + i);
    hn::StoreU(apply<op>(d, a, b), d, out + i);
  }
  if (i == n) return;
  const V a = x_step == 0 ? x0 : load_first(d, x + i, n - i);
  const V b = y_step == 0 ? y0 : load_first(d, y + i, n - i);
  store_first(d, apply<op>(d, a, b), out + i, n - i);
}

template <Binary op, class T>
constexpr BinaryLoops entry() {
  if constexpr (traits_of(op).loop == Loop::vectors)
    return {run<op, T, 1, 1>, run<op, T, 1, 0>, run<op, T, 0, 1>};
  else
    return {nullptr, nullptr, nullptr};
}

template <class T, std::size_t... I>
constexpr std::array<BinaryLoops, kNumBinary> table(std::index_sequence<I...>) {
  return {entry<static_cast<Binary>(I), T>()...};
}

const BinaryLoops* find_binary(Binary op, DType dtype) {
  static constexpr auto single = table<float>(std::make_index_sequence<kNumBinary>());
  static constexpr auto dual = table<double>(std::make_index_sequence<kNumBinary>());
  return &select_float(dtype, single, dual)[static_cast<std::size_t>(op)];
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_binary);

BinaryLoops vector_binary_loops(Binary op, DType dtype) {
  return *HWY_DYNAMIC_DISPATCH(find_binary)(op, dtype);
}

}  // namespace nyala::kernels
#endif
