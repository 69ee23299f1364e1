#include <nyala/core/kernels/normalize_loops.hpp>
#include <nyala/core/kernels/simd/targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/normalize.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/vector-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// The factors of a vector of rows, and which of them are constant.
template <class D>
struct Factors {
  hn::Vec<D> value;
  hn::Mask<D> clamped;
};

template <class D, class T = hn::TFromD<D>>
HWY_INLINE Factors<D> factors(D d, hn::Vec<D> squares, LengthClamp clamp) {
  const auto one = hn::Set(d, T{1});
  const auto least = hn::Set(d, static_cast<T>(clamp.least));
  const auto most = hn::Set(d, static_cast<T>(clamp.most));
  const auto short_sum = hn::Lt(squares, least);
  const auto value = hn::Div(one, hn::Sqrt(hn::IfThenElse(short_sum, least, squares)));
  const auto long_factor = hn::AndNot(short_sum, hn::Gt(value, most));
  return {hn::IfThenElse(long_factor, most, value), hn::Or(short_sum, long_factor)};
}

// What the gradient adds, as a factor of 2 x, in the order in which Keras rounds: dr/ds sum(x dy)
// for the sum s of squares.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> slopes(D d, const Factors<D>& r, hn::Vec<D> x_dy) {
  const auto cube = hn::Mul(hn::Mul(x_dy, r.value), hn::Mul(r.value, r.value));
  return hn::IfThenZeroElse(r.clamped, hn::Mul(cube, hn::Set(d, T{-0.5})));
}

// sum(x x) and sum(x dy), each product rounded as Keras does: without a fused addition. A short row
// is added up in its order.
template <class T, bool gradient>
HWY_INLINE void sums_of_row(const T* x, const T* dy, std::int64_t n, T* squares, T* x_dy) {
  constexpr std::int64_t short_row = 8;
  if (n < short_row) {
    for (std::int64_t i = 0; i < n; ++i) {
      *squares += x[i] * x[i];
      if (gradient) *x_dy += x[i] * dy[i];
    }
    return;
  }
  const hn::ScalableTag<T> d;
  const std::int64_t step = lanes(d);
  auto s0 = hn::Zero(d), s1 = s0, g0 = s0, g1 = s0;
  std::int64_t i = 0;
  for (; i + 2 * step <= n; i += 2 * step) {
    const auto a = hn::LoadU(d, x + i), b = hn::LoadU(d, x + i + step);
    s0 = hn::Add(hn::Mul(a, a), s0);
    s1 = hn::Add(hn::Mul(b, b), s1);
    if (gradient) {
      g0 = hn::Add(hn::Mul(a, hn::LoadU(d, dy + i)), g0);
      g1 = hn::Add(hn::Mul(b, hn::LoadU(d, dy + i + step)), g1);
    }
  }
  for (; i < n; i += step) {
    const std::int64_t left = n - i;
    const bool whole = left >= step;
    const auto a = whole ? hn::LoadU(d, x + i) : load_first(d, x + i, left);
    s0 = hn::Add(hn::Mul(a, a), s0);
    if (gradient) {
      const auto g = whole ? hn::LoadU(d, dy + i) : load_first(d, dy + i, left);
      g0 = hn::Add(hn::Mul(a, g), g0);
    }
  }
  *squares = hn::GetLane(hn::SumOfLanes(d, hn::Add(s0, s1)));
  if (gradient) *x_dy = hn::GetLane(hn::SumOfLanes(d, hn::Add(g0, g1)));
}

// r x, or r dy + slope 2 x.
template <bool gradient, class V>
HWY_INLINE V result_of(V x, V dy, V r, V slope) {
  return gradient ? hn::Add(hn::Mul(dy, r), hn::Mul(slope, hn::Add(x, x))) : hn::Mul(x, r);
}

template <class T, bool gradient>
HWY_INLINE void scale_row(const T* x, const T* dy, T* out, std::int64_t n, T factor, T times) {
  const hn::ScalableTag<T> d;
  const std::int64_t step = lanes(d);
  const auto r = hn::Set(d, factor), slope = hn::Set(d, times);
  std::int64_t i = 0;
  for (; i + step <= n; i += step) {
    const auto a = hn::LoadU(d, x + i);
    const auto g = gradient ? hn::LoadU(d, dy + i) : a;
    hn::StoreU(result_of<gradient>(a, g, r, slope), d, out + i);
  }
  if (i < n) {
    const auto a = load_first(d, x + i, n - i);
    const auto g = gradient ? load_first(d, dy + i, n - i) : a;
    store_first(d, result_of<gradient>(a, g, r, slope), out + i, n - i);
  }
}

// A few rows at a time, as many as a vector has lanes: their roots and quotients are taken
// together, and no row waits for the sum of the one before.
template <class T, bool gradient>
void all_rows(
    const T* x, const T* dy, T* out, std::int64_t count, std::int64_t n, LengthClamp clamp) {
  constexpr std::int64_t cached = 4096;  // elements
  const hn::ScalableTag<T> d;
  HWY_ALIGN T squares[hn::MaxLanes(d)] = {};
  HWY_ALIGN T x_dy[hn::MaxLanes(d)] = {};
  HWY_ALIGN T value[hn::MaxLanes(d)];
  HWY_ALIGN T slope[hn::MaxLanes(d)];
  const std::int64_t group = HWY_MAX(HWY_MIN(lanes(d), cached / n), std::int64_t{1});
  for (std::int64_t first = 0; first < count; first += group) {
    const std::int64_t rows = HWY_MIN(group, count - first);
    for (std::int64_t k = 0; k < rows; ++k) {
      const std::int64_t at = (first + k) * n;
      squares[k] = x_dy[k] = 0;
      sums_of_row<T, gradient>(x + at, gradient ? dy + at : nullptr, n, &squares[k], &x_dy[k]);
    }
    const auto r = factors(d, hn::Load(d, squares), clamp);
    hn::Store(r.value, d, value);
    hn::Store(slopes(d, r, hn::Load(d, x_dy)), d, slope);
    for (std::int64_t k = 0; k < rows; ++k) {
      const std::int64_t at = (first + k) * n;
      scale_row<T, gradient>(x + at, gradient ? dy + at : nullptr, out + at, n, value[k], slope[k]);
    }
  }
}

// One row in each lane of `width` lanes.
template <class T, bool gradient>
HWY_INLINE void lanes_of_rows(const T* x,
                              const T* dy,
                              T* out,
                              std::int64_t width,
                              std::int64_t n,
                              std::int64_t stride,
                              LengthClamp clamp) {
  const hn::ScalableTag<T> d;
  const bool whole = width == lanes(d);
  const auto load = [&](const T* from) HWY_ATTR {
    return whole ? hn::LoadU(d, from) : load_first(d, from, width);
  };
  auto squares = hn::Zero(d), x_dy = squares;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto a = load(x + i * stride);
    squares = hn::Add(hn::Mul(a, a), squares);
    if (gradient) x_dy = hn::Add(hn::Mul(a, load(dy + i * stride)), x_dy);
  }
  const auto r = factors(d, squares, clamp);
  const auto slope = slopes(d, r, x_dy);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto a = load(x + i * stride);
    const auto g = gradient ? load(dy + i * stride) : a;
    const auto y = result_of<gradient>(a, g, r.value, slope);
    if (whole)
      hn::StoreU(y, d, out + i * stride);
    else
      store_first(d, y, out + i * stride, width);
  }
}

template <class T>
void run_rows(const void* x_data,
              const void* dy_data,
              void* out_data,
              std::int64_t count,
              std::int64_t n,
              LengthClamp clamp) {
  const T* x = static_cast<const T*>(x_data);
  const T* dy = static_cast<const T*>(dy_data);
  T* out = static_cast<T*>(out_data);
  if (dy == nullptr) return all_rows<T, false>(x, dy, out, count, n, clamp);
  all_rows<T, true>(x, dy, out, count, n, clamp);
}

template <class T>
void run_columns(const void* x_data,
                 const void* dy_data,
                 void* out_data,
                 std::int64_t count,
                 std::int64_t n,
                 std::int64_t stride,
                 LengthClamp clamp) {
  const T* x = static_cast<const T*>(x_data);
  const T* dy = static_cast<const T*>(dy_data);
  T* out = static_cast<T*>(out_data);
  const std::int64_t step = lanes(hn::ScalableTag<T>());
  for (std::int64_t i = 0; i < count; i += step) {
    const std::int64_t width = HWY_MIN(step, count - i);
    if (dy == nullptr)
      lanes_of_rows<T, false>(x + i, dy, out + i, width, n, stride, clamp);
    else
      lanes_of_rows<T, true>(x + i, dy + i, out + i, width, n, stride, clamp);
  }
}

const NormalizeLoops* find_normalize(DType dtype) {
  static constexpr NormalizeLoops single = {run_rows<float>, run_columns<float>};
  static constexpr NormalizeLoops dual = {run_rows<double>, run_columns<double>};
  return dtype == DType::float32 ? &single : &dual;
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_normalize);

NormalizeLoops normalize_loops(DType dtype) { return *HWY_DYNAMIC_DISPATCH(find_normalize)(dtype); }

}  // namespace nyala::kernels
#endif
