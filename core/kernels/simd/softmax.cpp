#include <cmath>
#include <limits>

#include <nyala/core/kernels/simd/targets.hpp>
#include <nyala/core/kernels/softmax_loops.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/math-inl.hpp>
#include <nyala/core/kernels/simd/pack-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// A line of n elements, or lines side by side, walked vector by vector: along a row vectors are the
// line's own elements, and a step combines lanes at its end; across columns each lane is a line.

// NaN wins.
template <class V>
HWY_INLINE V larger(V x, V y) {
  return hn::IfThenElse(hn::Or(hn::Gt(x, y), hn::IsNaN(x)), x, y);
}

// exp of x - max, at most 1. A NaN stays: where max passed over one, or is infinite, the sum is
// NaN.
template <class D, class V>
HWY_INLINE V exp_below(D d, V x, V max) {
  const V below = hn::Sub(x, max);
  if constexpr (sizeof(hn::TFromD<D>) == 4) return exp_bounded(d, below);
  return keep_nan(below, exp_bounded(d, below));
}

template <class T>
struct Row {
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  D d;
  std::int64_t n;

  // f(how to read, where) for each vector.
  template <class F>
  HWY_INLINE void each(F&& f) const {
    const std::int64_t step = lanes(d);
    std::int64_t at = 0;
    for (; at + step <= n; at += step) f(Whole<D>{d}, at);
    if (at < n) f(Part<D>{d, n - at}, at);
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
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  D d;
  std::int64_t n, stride, width;

  template <class F>
  HWY_INLINE void each(F&& f) const {
    if (HWY_LIKELY(width == lanes(d))) {
      for (std::int64_t i = 0; i < n; ++i) f(Whole<D>{d}, i * stride);
    } else {
      for (std::int64_t i = 0; i < n; ++i) f(Part<D>{d, width}, i * stride);
    }
  }
  HWY_INLINE V all_max(V v) const { return v; }
  HWY_INLINE V all_sum(V v) const { return v; }
  HWY_INLINE void store_result(V v, T* to) const {
    if (HWY_LIKELY(width == lanes(d)))
      hn::StoreU(v, d, to);
    else
      store_first(d, v, to, width);
  }
};

// The largest element that is no NaN, or a NaN.
template <class L, class T>
HWY_INLINE typename L::V max_of(const L& line, const T* x) {
  const auto lowest = hn::Neg(infinity(line.d));
  auto max = lowest;
  line.each([&](auto part, std::int64_t at)
                HWY_ATTR { max = hn::Max(part.load(x + at, lowest), max); });
  return line.all_max(max);
}

template <class L, class T>
HWY_INLINE typename L::V sum_of_exp(const L& line, const T* x, typename L::V max) {
  const auto lowest = hn::Neg(infinity(line.d));
  auto sum = hn::Zero(line.d);
  line.each([&](auto part, std::int64_t at) HWY_ATTR {
    sum = hn::Add(sum, exp_below(line.d, part.load(x + at, lowest), max));
  });
  return line.all_sum(sum);
}

// factor times the softmax of x.
template <class L, class T>
HWY_INLINE void scaled_softmax(const L& line, const T* x, typename L::V factor, T* out) {
  const auto lowest = hn::Neg(infinity(line.d));
  const auto max = max_of(line, x);
  auto sum = hn::Zero(line.d);
  line.each([&](auto part, std::int64_t at) HWY_ATTR {
    const auto e = exp_below(line.d, part.load(x + at, lowest), max);
    sum = hn::Add(sum, e);
    part.store(e, out + at);
  });
  const auto scale = hn::Div(factor, line.all_sum(sum));
  line.each([&](auto part, std::int64_t at)
                HWY_ATTR { part.store(hn::Mul(part.load(out + at, lowest), scale), out + at); });
}

template <class L, class T>
HWY_INLINE void log_softmax_line(const L& line, const T* x, T* out) {
  const auto max = max_of(line, x);
  const auto log_sum = log(line.d, sum_of_exp(line, x, max));
  line.each([&](auto part, std::int64_t at) HWY_ATTR {
    part.store(hn::Sub(hn::Sub(part.load(x + at, max), max), log_sum), out + at);
  });
}

template <class L, class T>
HWY_INLINE void softmax_grad_line(const L& line, const T* y, const T* dy, T* dx) {
  const auto zero = hn::Zero(line.d);
  auto sum = zero;
  line.each([&](auto part, std::int64_t at) HWY_ATTR {
    sum = hn::MulAdd(part.load(y + at, zero), part.load(dy + at, zero), sum);
  });
  const auto dot = line.all_sum(sum);
  line.each([&](auto part, std::int64_t at) HWY_ATTR {
    const auto rest = hn::Sub(part.load(dy + at, zero), dot);
    part.store(hn::Mul(part.load(y + at, zero), rest), dx + at);
  });
}

template <class L, class T>
HWY_INLINE void log_softmax_grad_line(const L& line, const T* y, const T* dy, T* dx) {
  const auto zero = hn::Zero(line.d);
  auto sum = zero;
  line.each([&](auto part, std::int64_t at)
                HWY_ATTR { sum = hn::Add(part.load(dy + at, zero), sum); });
  const auto total = line.all_sum(sum);
  line.each([&](auto part, std::int64_t at) HWY_ATTR {
    const auto weight = exp(line.d, part.load(y + at, zero));
    part.store(hn::NegMulAdd(weight, total, part.load(dy + at, zero)), dx + at);
  });
}

// Here a NaN must be seen beside an infinity.
template <class L, class T>
HWY_INLINE void logsumexp_line(const L& line, const T* x, T* out) {
  const auto lowest = hn::Neg(infinity(line.d));
  auto max = lowest;
  line.each([&](auto part, std::int64_t at)
                HWY_ATTR { max = larger(part.load(x + at, lowest), max); });
  max = line.all_max(max);
  const auto result = hn::Add(max, log(line.d, sum_of_exp(line, x, max)));
  line.store_result(hn::IfThenElse(hn::IsInf(max), max, result), out);
}

// log(sum(exp(x))) minus the label's x, without forming the former where both are large.
template <class L, class T>
HWY_INLINE void crossentropy_line(const L& line, const T* x, typename L::V label_x, T* out) {
  const auto max = max_of(line, x);
  const auto log_sum = log(line.d, sum_of_exp(line, x, max));
  line.store_result(hn::Sub(log_sum, hn::Sub(label_x, max)), out);
}

template <SoftmaxOp op, class L, class T>
HWY_INLINE void apply(const L& line, const T* x, const T* y, T* out) {
  if constexpr (op == SoftmaxOp::softmax)
    scaled_softmax(line, x, constant(line.d, 1), out);
  else if constexpr (op == SoftmaxOp::log_softmax)
    log_softmax_line(line, x, out);
  else if constexpr (op == SoftmaxOp::softmax_grad)
    softmax_grad_line(line, x, y, out);
  else if constexpr (op == SoftmaxOp::log_softmax_grad)
    log_softmax_grad_line(line, x, y, out);
  else
    logsumexp_line(line, x, out);
}

// Short rows are turned, so that each lane is a row: as many at a time as there are lanes, each up
// to kShort elements long.
constexpr std::int64_t kShort = 32;

template <class T>
HWY_INLINE bool is_short(std::int64_t n) {
  const std::int64_t step = lanes(hn::ScalableTag<T>());
  return step > 1 && n > 0 && n <= HWY_MIN(kShort, 2 * step);
}

template <class T>
struct Turned {
  static constexpr std::int64_t kStep = hn::MaxLanes(hn::ScalableTag<T>());
  HWY_ALIGN T data[kShort * kStep];

  HWY_INLINE void read(const T* rows, std::int64_t count, std::int64_t n) {
    pack_panel(rows, n, std::int64_t{1}, count, n, data, kStep);
  }
  HWY_INLINE void write(T* rows, std::int64_t count, std::int64_t n) const {
    pack_panel(data, kStep, std::int64_t{1}, n, count, rows, n);
  }
};

// f(first row, the rows as columns) for the groups of short rows.
template <class T, class F>
HWY_INLINE void each_group(std::int64_t count, std::int64_t n, F&& f) {
  constexpr std::int64_t step = Turned<T>::kStep;
  for (std::int64_t i = 0; i < count; i += step)
    f(i, Columns<T>{{}, n, step, HWY_MIN(step, count - i)});
}

template <SoftmaxOp op, class T>
void run_rows(
    const void* x_data, const void* y_data, void* out_data, std::int64_t count, std::int64_t n) {
  const T* x = static_cast<const T*>(x_data);
  const T* y = static_cast<const T*>(y_data);
  T* out = static_cast<T*>(out_data);
  constexpr bool is_gradient = op == SoftmaxOp::softmax_grad || op == SoftmaxOp::log_softmax_grad;
  constexpr bool is_sum = op == SoftmaxOp::logsumexp;
  // Without an exponential, turning pays for the shortest alone.
  if (is_short<T>(op == SoftmaxOp::softmax_grad ? 4 * n : n)) {
    Turned<T> from, beside, to;
    each_group<T>(count, n, [&](std::int64_t i, const Columns<T>& group) HWY_ATTR {
      from.read(x + i * n, group.width, n);
      if (is_gradient) beside.read(y + i * n, group.width, n);
      apply<op>(group, from.data, beside.data, is_sum ? out + i : to.data);
      if (!is_sum) to.write(out + i * n, group.width, n);
    });
    return;
  }
  const Row<T> line{{}, n};
  for (std::int64_t i = 0; i < count; ++i)
    apply<op>(line, x + i * n, y == nullptr ? y : y + i * n, out + (is_sum ? i : i * n));
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

template <class T>
void crossentropy_rows(const void* x_data,
                       const std::int64_t* labels,
                       void* out_data,
                       std::int64_t count,
                       std::int64_t n) {
  const T* x = static_cast<const T*>(x_data);
  T* out = static_cast<T*>(out_data);
  const hn::ScalableTag<T> d;
  for (std::int64_t i = 0; i < count; ++i) out[i] = x[i * n + labels[i]];
  if (is_short<T>(n)) {
    Turned<T> from;
    each_group<T>(count, n, [&](std::int64_t i, const Columns<T>& group) HWY_ATTR {
      from.read(x + i * n, group.width, n);
      const bool whole = group.width == Turned<T>::kStep;
      const auto label_x = whole ? hn::LoadU(d, out + i) : load_first(d, out + i, group.width);
      crossentropy_line(group, from.data, label_x, out + i);
    });
    return;
  }
  for (std::int64_t i = 0; i < count; ++i)
    crossentropy_line(Row<T>{{}, n}, x + i * n, hn::Set(d, out[i]), out + i);
}

template <class T>
void crossentropy_grad_rows(const void* x_data,
                            const std::int64_t* labels,
                            const void* factor_data,
                            void* dx_data,
                            std::int64_t count,
                            std::int64_t n) {
  const T* x = static_cast<const T*>(x_data);
  const T* factor = static_cast<const T*>(factor_data);
  T* dx = static_cast<T*>(dx_data);
  const hn::ScalableTag<T> d;
  if (is_short<T>(n)) {
    Turned<T> from, to;
    each_group<T>(count, n, [&](std::int64_t i, const Columns<T>& group) HWY_ATTR {
      from.read(x + i * n, group.width, n);
      const bool whole = group.width == Turned<T>::kStep;
      const T* own = factor + i;
      const auto factors = whole ? hn::LoadU(d, own) : load_first(d, own, group.width);
      scaled_softmax(group, from.data, factors, to.data);
      to.write(dx + i * n, group.width, n);
    });
  } else {
    for (std::int64_t i = 0; i < count; ++i)
      scaled_softmax(Row<T>{{}, n}, x + i * n, hn::Set(d, factor[i]), dx + i * n);
  }
  for (std::int64_t i = 0; i < count; ++i) dx[i * n + labels[i]] -= factor[i];
}

template <SoftmaxOp op, class T>
constexpr SoftmaxLoops entry() {
  return {run_rows<op, T>, run_columns<op, T>};
}

template <class T>
const SoftmaxLoops* find(SoftmaxOp op) {
  static constexpr SoftmaxLoops loops[] = {entry<SoftmaxOp::softmax, T>(),
                                           entry<SoftmaxOp::log_softmax, T>(),
                                           entry<SoftmaxOp::softmax_grad, T>(),
                                           entry<SoftmaxOp::log_softmax_grad, T>(),
                                           entry<SoftmaxOp::logsumexp, T>()};
  return &loops[static_cast<std::size_t>(op)];
}

const SoftmaxLoops* find_softmax(SoftmaxOp op, DType dtype) {
  return dtype == DType::float32 ? find<float>(op) : find<double>(op);
}

SparseCrossentropyLoops find_sparse_crossentropy(DType dtype) {
  if (dtype == DType::float32) return {crossentropy_rows<float>, crossentropy_grad_rows<float>};
  return {crossentropy_rows<double>, crossentropy_grad_rows<double>};
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_softmax);
HWY_EXPORT(find_sparse_crossentropy);

SoftmaxLoops softmax_loops(SoftmaxOp op, DType dtype) {
  return *HWY_DYNAMIC_DISPATCH(find_softmax)(op, dtype);
}

SparseCrossentropyLoops sparse_crossentropy_loops(DType dtype) {
  return HWY_DYNAMIC_DISPATCH(find_sparse_crossentropy)(dtype);
}

}  // namespace nyala::kernels
#endif
