// Included once for each instruction set: lines of numbers whose exponentials are added up, for
// softmax and for the cross-entropy of logits.
#if defined(NYALA_SIMD_SOFTMAX_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef NYALA_SIMD_SOFTMAX_INL
#undef NYALA_SIMD_SOFTMAX_INL
#else
#define NYALA_SIMD_SOFTMAX_INL
#endif

#include <nyala/core/kernels/simd/math-inl.hpp>
#include <nyala/core/kernels/simd/pack-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {

// A line of n elements, or lines side by side, walked vector by vector: along a row vectors are the
// line's own elements, and a step combines lanes at its end; across columns each lane is a line.

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

}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
