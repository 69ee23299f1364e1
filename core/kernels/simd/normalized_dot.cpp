#include <nyala/core/kernels/normalize_loops.hpp>
#include <nyala/core/kernels/simd/fewer_targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/normalized_dot.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/normalize-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

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

NormalizedDotLoop find_normalized_dot(DType dtype) {
  return select_float(dtype, &run_dots<float>, &run_dots<double>);
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_normalized_dot);

NormalizedDotLoop normalized_dot_loop(DType dtype) {
  return HWY_DYNAMIC_DISPATCH(find_normalized_dot)(dtype);
}

}  // namespace nyala::kernels
#endif
