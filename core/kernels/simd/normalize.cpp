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

// The sums of as many rows as a vector has lanes, from one vector of parts for each.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> sums_of_parts(D d, T* parts) {
  const std::int64_t step = lanes(d);
  std::int64_t width = step;
  for (; width >= 4; width /= 4) {
    for (std::int64_t i = 0; i < width / 4; ++i) {
      hn::Vec<D> a, b, c, e;
      hn::LoadInterleaved4(d, parts + i * 4 * step, a, b, c, e);
      hn::Store(hn::Add(hn::Add(a, b), hn::Add(c, e)), d, parts + i * step);
    }
  }
  if (width == 2) {
    hn::Vec<D> a, b;
    hn::LoadInterleaved2(d, parts, a, b);
    hn::Store(hn::Add(a, b), d, parts);
  }
  return hn::Load(d, parts);
}

// The sum of term(vector of x, vector of y) along a row, as a vector of parts. A short row is added
// up in its order.
template <class D, class T, class F>
HWY_INLINE hn::Vec<D> parts_of_row(D d, const T* x, const T* y, std::int64_t n, F&& term) {
  constexpr std::int64_t short_row = 8;
  const std::int64_t step = lanes(d);
  auto sum = hn::Zero(d);
  if (n < short_row) {
    for (std::int64_t i = 0; i < n; ++i)
      sum = hn::Add(term(hn::Set(d, x[i]), hn::Set(d, y[i])), sum);
    return hn::IfThenElseZero(hn::FirstN(d, 1), sum);
  }
  for (std::int64_t i = 0; i < n; i += step)
    sum = hn::Add(term(load_up_to(d, x + i, n - i), load_up_to(d, y + i, n - i)), sum);
  return sum;
}

// A group of pairs of rows, one for each lane, and the vectors that belong to it.
template <class T>
struct RowPairs {
  const T* x;
  const T* y;
  const T* ddot;
  T* out;
  std::int64_t rows, n;
};

// What l2_normalize of both rows, their product and its gradient would give, in that order of
// rounding.
template <class T, bool gradient>
HWY_NOINLINE void dots_in_order(const RowPairs<T>& pairs, LengthClamp clamp) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const std::int64_t step = lanes(d), n = pairs.n;
  constexpr std::size_t most = hn::MaxLanes(d);
  HWY_ALIGN T parts[most * most] = {};
  HWY_ALIGN T other_parts[most * most] = {};
  HWY_ALIGN T of_x[most];
  HWY_ALIGN T of_y[most];
  HWY_ALIGN T of_dot[most] = {};
  HWY_ALIGN T slope[most];
  const auto square = [](V a, V) HWY_ATTR { return hn::Mul(a, a); };
  for (std::int64_t k = 0; k < pairs.rows; ++k) {
    const T* a = pairs.x + k * n;
    const T* b = pairs.y + k * n;
    hn::Store(parts_of_row(d, a, a, n, square), d, parts + k * step);
    hn::Store(parts_of_row(d, b, b, n, square), d, other_parts + k * step);
  }
  const auto r = factors(d, sums_of_parts(d, parts), clamp);
  hn::Store(r.value, d, of_x);
  hn::Store(factors(d, sums_of_parts(d, other_parts), clamp).value, d, of_y);
  if (gradient) hn::Store(load_up_to(d, pairs.ddot, pairs.rows), d, of_dot);
  for (std::int64_t k = 0; k < pairs.rows; ++k) {
    const V u = hn::Set(d, of_x[k]), v = hn::Set(d, of_y[k]), times = hn::Set(d, of_dot[k]);
    const auto term = [&](V a, V b) HWY_ATTR {
      return gradient ? hn::Mul(a, hn::Mul(hn::Mul(b, v), times))
                      : hn::Mul(hn::Mul(a, u), hn::Mul(b, v));
    };
    hn::Store(parts_of_row(d, pairs.x + k * n, pairs.y + k * n, n, term), d, parts + k * step);
  }
  const V sums = sums_of_parts(d, parts);
  if (!gradient) return store_up_to(d, sums, pairs.out, pairs.rows);
  hn::Store(slopes(d, r, sums), d, slope);
  for (std::int64_t k = 0; k < pairs.rows; ++k) {
    const V u = hn::Set(d, of_x[k]), v = hn::Set(d, of_y[k]), times = hn::Set(d, of_dot[k]);
    const V w = hn::Set(d, slope[k]);
    for (std::int64_t i = k * n; i < (k + 1) * n; i += step) {
      const std::int64_t width = (k + 1) * n - i;
      const V dy = hn::Mul(hn::Mul(load_up_to(d, pairs.y + i, width), v), times);
      store_up_to(
          d, result_of<true>(load_up_to(d, pairs.x + i, width), dy, u, w), pairs.out + i, width);
    }
  }
}

// The same in one reading of the rows for all three sums; gives false where lengths are so far from
// one that it might overflow or be seen to round in another order.
template <class T, bool gradient>
HWY_INLINE bool dots_at_once(const RowPairs<T>& pairs, LengthClamp clamp) {
  const hn::ScalableTag<T> d;
  const std::int64_t step = lanes(d), n = pairs.n;
  constexpr std::size_t most = hn::MaxLanes(d);
  HWY_ALIGN T xx[most * most];
  HWY_ALIGN T yy[most * most];
  HWY_ALIGN T xy[most * most];
  for (std::int64_t k = 0; k < pairs.rows; ++k) {
    auto of_x = hn::Zero(d), of_y = of_x, of_both = of_x;
    for (std::int64_t i = k * n; i < (k + 1) * n; i += step) {
      const auto a = load_up_to(d, pairs.x + i, (k + 1) * n - i);
      const auto b = load_up_to(d, pairs.y + i, (k + 1) * n - i);
      of_x = hn::MulAdd(a, a, of_x);
      of_y = hn::MulAdd(b, b, of_y);
      of_both = hn::MulAdd(a, b, of_both);
    }
    hn::Store(of_x, d, xx + k * step);
    hn::Store(of_y, d, yy + k * step);
    hn::Store(of_both, d, xy + k * step);
  }
  const auto zero = hn::Zero(d), one = hn::Set(d, T{1});
  for (std::int64_t k = pairs.rows; k < step; ++k) {
    hn::Store(one, d, xx + k * step);
    hn::Store(one, d, yy + k * step);
    hn::Store(zero, d, xy + k * step);
  }
  const auto squares = sums_of_parts(d, xx), other_squares = sums_of_parts(d, yy);
  const auto low = hn::Set(d, T{1e-6F}), high = hn::Set(d, T{1e6F});
  const auto least = hn::Min(squares, other_squares), largest = hn::Max(squares, other_squares);
  const auto dot = sums_of_parts(d, xy);
  const auto near_one = hn::And(hn::Gt(least, low), hn::Lt(largest, high));
  if (!hn::AllTrue(d, hn::AndNot(hn::IsNaN(hn::Add(least, largest)), near_one))) return false;
  const auto r = factors(d, squares, clamp);
  const auto both = hn::Mul(r.value, factors(d, other_squares, clamp).value);
  if (!gradient) {
    store_up_to(d, hn::Mul(dot, both), pairs.out, pairs.rows);
    return true;
  }
  const auto times = load_up_to(d, pairs.ddot, pairs.rows);
  const auto cube = hn::Mul(hn::Mul(dot, both), hn::Mul(r.value, r.value));
  hn::Store(hn::IfThenZeroElse(r.clamped, hn::Neg(hn::Mul(cube, times))), d, xx);
  hn::Store(hn::Mul(both, times), d, yy);
  for (std::int64_t k = 0; k < pairs.rows; ++k) {
    const auto u = hn::Set(d, xx[k]), v = hn::Set(d, yy[k]);
    for (std::int64_t i = k * n; i < (k + 1) * n; i += step) {
      const std::int64_t width = (k + 1) * n - i;
      const auto of_y = hn::Mul(v, load_up_to(d, pairs.y + i, width));
      store_up_to(d, hn::MulAdd(u, load_up_to(d, pairs.x + i, width), of_y), pairs.out + i, width);
    }
  }
  return true;
}

// Rows in groups, as in all_rows.
template <class T, bool gradient>
void dots_of_rows(const T* x,
                  const T* y,
                  const T* ddot,
                  T* out,
                  std::int64_t count,
                  std::int64_t n,
                  LengthClamp clamp) {
  constexpr std::int64_t short_row = 8;
  const std::int64_t step = lanes(hn::ScalableTag<T>());
  for (std::int64_t first = 0; first < count; first += step) {
    const std::int64_t at = first * n;
    const RowPairs<T> pairs = {x + at,
                               y + at,
                               gradient ? ddot + first : nullptr,
                               out + (gradient ? at : first),
                               HWY_MIN(step, count - first),
                               n};
    if (n < short_row || !dots_at_once<T, gradient>(pairs, clamp))
      dots_in_order<T, gradient>(pairs, clamp);
  }
}

template <class T>
void run_dots(const void* x_data,
              const void* y_data,
              const void* ddot_data,
              void* out_data,
              std::int64_t count,
              std::int64_t n,
              LengthClamp clamp) {
  const T* x = static_cast<const T*>(x_data);
  const T* y = static_cast<const T*>(y_data);
  const T* ddot = static_cast<const T*>(ddot_data);
  T* out = static_cast<T*>(out_data);
  if (ddot == nullptr) return dots_of_rows<T, false>(x, y, ddot, out, count, n, clamp);
  dots_of_rows<T, true>(x, y, ddot, out, count, n, clamp);
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
  static constexpr NormalizeLoops single = {run_rows<float>, run_columns<float>, run_dots<float>};
  static constexpr NormalizeLoops dual = {run_rows<double>, run_columns<double>, run_dots<double>};
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
