#include <cmath>
#include <limits>

#include <nyala/core/kernels/simd/targets.hpp>
#include <nyala/core/kernels/softmax_loops.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/math-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// A pass over a line or over lines side by side: `element` i is one vector. Along a row, vectors
// are the line's own elements, and a step combines lanes at its end; across columns each lane is a
// line.

// NaN wins.
template <class V>
HWY_INLINE V larger(V x, V y) {
  return hn::IfThenElse(hn::Or(hn::Gt(x, y), hn::IsNaN(x)), x, y);
}

// exp of x - max, at most 1. A NaN becomes 0; where one can occur, max is NaN or infinite and the
// sum that it is divided by is 0, which gives NaN again.
template <class D, class V>
HWY_INLINE V exp_below(D d, V x, V max) {
  return exp_bounded(d, hn::Sub(x, max));
}

// A vector at a time along a row; the rest of the last vector reads as `fill`.
template <class T>
struct Row {
  hn::ScalableTag<T> d;
  using V = hn::Vec<hn::ScalableTag<T>>;
  std::int64_t n;

  std::int64_t count() const { return (n + lanes(d) - 1) / lanes(d); }
  HWY_INLINE V load(const T* x, std::int64_t i, V fill) const {
    const std::int64_t at = i * lanes(d);
    if (HWY_LIKELY(at + lanes(d) <= n)) return hn::LoadU(d, x + at);
    const auto part = hn::FirstN(d, static_cast<std::size_t>(n - at));
    return hn::IfThenElse(part, load_first(d, x + at, n - at), fill);
  }
  HWY_INLINE void store(V v, T* to, std::int64_t i) const {
    const std::int64_t at = i * lanes(d);
    if (HWY_LIKELY(at + lanes(d) <= n))
      hn::StoreU(v, d, to + at);
    else
      store_first(d, v, to + at, n - at);
  }
  HWY_INLINE V all_max(V v) const {
    if (!hn::AllFalse(d, hn::IsNaN(v))) return hn::NaN(d);
    return hn::MaxOfLanes(d, v);
  }
  HWY_INLINE V all_sum(V v) const { return hn::SumOfLanes(d, v); }
  HWY_INLINE void store_result(V v, T* to) const { *to = hn::GetLane(v); }
};

// One vector of columns, n elements down; of the lanes only `width` are used.
template <class T>
struct Columns {
  hn::ScalableTag<T> d;
  using V = hn::Vec<hn::ScalableTag<T>>;
  std::int64_t n, stride, width;

  std::int64_t count() const { return n; }
  HWY_INLINE V load(const T* x, std::int64_t i, V) const {
    if (HWY_LIKELY(width == lanes(d))) return hn::LoadU(d, x + i * stride);
    return load_first(d, x + i * stride, width);
  }
  HWY_INLINE void store(V v, T* to, std::int64_t i) const {
    if (HWY_LIKELY(width == lanes(d)))
      hn::StoreU(v, d, to + i * stride);
    else
      store_first(d, v, to + i * stride, width);
  }
  HWY_INLINE V all_max(V v) const { return v; }
  HWY_INLINE V all_sum(V v) const { return v; }
  HWY_INLINE void store_result(V v, T* to) const { store(v, to, 0); }
};

template <class L, class T>
HWY_INLINE typename L::V max_of(const L& line, const T* x) {
  const auto lowest = hn::Neg(infinity(line.d));
  auto max = lowest;
  for (std::int64_t i = 0; i < line.count(); ++i) max = larger(line.load(x, i, lowest), max);
  return line.all_max(max);
}

template <class L, class T>
HWY_INLINE typename L::V sum_of_exp(const L& line, const T* x, typename L::V max) {
  const auto lowest = hn::Neg(infinity(line.d));
  auto sum = hn::Zero(line.d);
  for (std::int64_t i = 0; i < line.count(); ++i) {
    sum = hn::Add(sum, exp_below(line.d, line.load(x, i, lowest), max));
  }
  return line.all_sum(sum);
}

template <class L, class T>
HWY_INLINE void softmax_line(const L& line, const T* x, const T*, T* out) {
  const auto lowest = hn::Neg(infinity(line.d));
  const auto max = max_of(line, x);
  auto sum = hn::Zero(line.d);
  for (std::int64_t i = 0; i < line.count(); ++i) {
    const auto e = exp_below(line.d, line.load(x, i, lowest), max);
    sum = hn::Add(sum, e);
    line.store(e, out, i);
  }
  const auto scale = hn::Div(constant(line.d, 1), line.all_sum(sum));
  for (std::int64_t i = 0; i < line.count(); ++i) {
    line.store(hn::Mul(line.load(out, i, lowest), scale), out, i);
  }
}

template <class L, class T>
HWY_INLINE void log_softmax_line(const L& line, const T* x, const T*, T* out) {
  const auto max = max_of(line, x);
  const auto log_sum = log(line.d, sum_of_exp(line, x, max));
  for (std::int64_t i = 0; i < line.count(); ++i) {
    line.store(hn::Sub(hn::Sub(line.load(x, i, max), max), log_sum), out, i);
  }
}

template <class L, class T>
HWY_INLINE void softmax_grad_line(const L& line, const T* y, const T* dy, T* dx) {
  const auto zero = hn::Zero(line.d);
  auto sum = zero;
  for (std::int64_t i = 0; i < line.count(); ++i) {
    sum = hn::MulAdd(line.load(y, i, zero), line.load(dy, i, zero), sum);
  }
  const auto dot = line.all_sum(sum);
  for (std::int64_t i = 0; i < line.count(); ++i) {
    const auto rest = hn::Sub(line.load(dy, i, zero), dot);
    line.store(hn::Mul(line.load(y, i, zero), rest), dx, i);
  }
}

template <class L, class T>
HWY_INLINE void log_softmax_grad_line(const L& line, const T* y, const T* dy, T* dx) {
  const auto zero = hn::Zero(line.d);
  auto sum = zero;
  for (std::int64_t i = 0; i < line.count(); ++i) sum = hn::Add(line.load(dy, i, zero), sum);
  const auto total = line.all_sum(sum);
  for (std::int64_t i = 0; i < line.count(); ++i) {
    const auto weight = exp(line.d, line.load(y, i, zero));
    line.store(hn::NegMulAdd(weight, total, line.load(dy, i, zero)), dx, i);
  }
}

template <class L, class T>
HWY_INLINE void logsumexp_line(const L& line, const T* x, const T*, T* out) {
  const auto max = max_of(line, x);
  const auto result = hn::Add(max, log(line.d, sum_of_exp(line, x, max)));
  line.store_result(hn::IfThenElse(hn::IsInf(max), max, result), out);
}

// log(sum(exp(x))) minus the label's x, without forming the former where both are large.
template <class T>
HWY_INLINE void crossentropy_row(const Row<T>& line, const T* x, const T* label_x, T* out) {
  const auto max = max_of(line, x);
  const auto log_sum = log(line.d, sum_of_exp(line, x, max));
  const auto label = hn::Sub(hn::Set(line.d, *label_x), max);
  line.store_result(hn::Sub(log_sum, label), out);
}

template <class T>
HWY_INLINE void crossentropy_grad_row(const Row<T>& line, const T* x, const T* factor, T* dx) {
  const auto lowest = hn::Neg(infinity(line.d));
  const auto max = max_of(line, x);
  auto sum = hn::Zero(line.d);
  for (std::int64_t i = 0; i < line.count(); ++i) {
    const auto e = exp_below(line.d, line.load(x, i, lowest), max);
    sum = hn::Add(sum, e);
    line.store(e, dx, i);
  }
  const auto scale = hn::Div(hn::Set(line.d, *factor), line.all_sum(sum));
  for (std::int64_t i = 0; i < line.count(); ++i) {
    line.store(hn::Mul(line.load(dx, i, lowest), scale), dx, i);
  }
}

template <SoftmaxOp op, class L, class T>
HWY_INLINE void apply(const L& line, const T* x, const T* y, T* out) {
  if constexpr (op == SoftmaxOp::softmax)
    softmax_line(line, x, y, out);
  else if constexpr (op == SoftmaxOp::log_softmax)
    log_softmax_line(line, x, y, out);
  else if constexpr (op == SoftmaxOp::softmax_grad)
    softmax_grad_line(line, x, y, out);
  else if constexpr (op == SoftmaxOp::log_softmax_grad)
    log_softmax_grad_line(line, x, y, out);
  else
    logsumexp_line(line, x, y, out);
}

template <SoftmaxOp op, class T>
void run_row(const void* x, const void* y, void* out, std::int64_t n) {
  const Row<T> line{{}, n};
  const T* from = static_cast<const T*>(x);
  const T* beside = static_cast<const T*>(y);
  T* to = static_cast<T*>(out);
  if constexpr (op == SoftmaxOp::crossentropy)
    crossentropy_row(line, from, beside, to);
  else if constexpr (op == SoftmaxOp::crossentropy_grad)
    crossentropy_grad_row(line, from, beside, to);
  else
    apply<op>(line, from, beside, to);
}

template <SoftmaxOp op, class T>
void run_columns(const void* x_data,
                 const void* y_data,
                 void* out_data,
                 std::int64_t n,
                 std::int64_t stride,
                 std::int64_t count) {
  const T* x = static_cast<const T*>(x_data);
  const T* y = static_cast<const T*>(y_data);
  T* out = static_cast<T*>(out_data);
  const std::int64_t step = lanes(hn::ScalableTag<T>());
  for (std::int64_t i = 0; i < count; i += step) {
    const Columns<T> line{{}, n, stride, HWY_MIN(step, count - i)};
    apply<op>(line, x + i, y == nullptr ? y : y + i, out + i);
  }
}

template <SoftmaxOp op, class T>
constexpr SoftmaxLoops entry() {
  if constexpr (op >= SoftmaxOp::crossentropy)
    return {run_row<op, T>, nullptr};
  else
    return {run_row<op, T>, run_columns<op, T>};
}

template <class T>
const SoftmaxLoops* find(SoftmaxOp op) {
  static constexpr SoftmaxLoops loops[] = {entry<SoftmaxOp::softmax, T>(),
                                           entry<SoftmaxOp::log_softmax, T>(),
                                           entry<SoftmaxOp::softmax_grad, T>(),
                                           entry<SoftmaxOp::log_softmax_grad, T>(),
                                           entry<SoftmaxOp::logsumexp, T>(),
                                           entry<SoftmaxOp::crossentropy, T>(),
                                           entry<SoftmaxOp::crossentropy_grad, T>()};
  return &loops[static_cast<std::size_t>(op)];
}

const SoftmaxLoops* find_softmax(SoftmaxOp op, DType dtype) {
  return dtype == DType::float32 ? find<float>(op) : find<double>(op);
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_softmax);

SoftmaxLoops softmax_loops(SoftmaxOp op, DType dtype) {
  return *HWY_DYNAMIC_DISPATCH(find_softmax)(op, dtype);
}

}  // namespace nyala::kernels
#endif
