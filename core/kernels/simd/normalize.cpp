#include <nyala/core/kernels/normalize_loops.hpp>
#include <nyala/core/kernels/simd/fewer_targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/normalize.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/normalize-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// As they are kept for the gradient: negative where they are constant.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> with_sign(D, const Factors<D>& r) {
  return hn::IfThenElse(r.clamped, hn::Neg(r.value), r.value);
}
template <class D>
HWY_INLINE Factors<D> kept_factors(D d, hn::Vec<D> kept) {
  return {hn::Abs(kept), hn::Lt(kept, hn::Zero(d))};
}

// sum(x y) of `rows` rows, one in each lane, each product rounded as Keras does: without a fused
// addition.
template <class D, class T>
HWY_INLINE hn::Vec<D> sums_of_rows(
    D d, const T* x, const T* y, std::int64_t rows, std::int64_t n, T* parts) {
  using V = hn::Vec<D>;
  const std::int64_t step = lanes(d);
  const auto product = [](V a, V b) HWY_ATTR { return hn::Mul(a, b); };
  for (std::int64_t k = 0; k < rows; ++k)
    hn::Store(parts_of_row(d, x + k * n, y + k * n, n, product), d, parts + k * step);
  for (std::int64_t k = rows; k < step; ++k) hn::Store(hn::Zero(d), d, parts + k * step);
  return sums_of_parts(d, parts);
}

template <class T, bool gradient>
HWY_INLINE void scale_row(const T* x, const T* dy, T* out, std::int64_t n, T factor, T times) {
  const hn::ScalableTag<T> d;
  const std::int64_t step = lanes(d);
  const auto r = hn::Set(d, factor), slope = hn::Set(d, times);
  const auto put = [&](std::int64_t at) HWY_ATTR {
    const auto a = hn::LoadU(d, x + at);
    const auto g = gradient ? hn::LoadU(d, dy + at) : a;
    hn::StoreU(result_of<gradient>(a, g, r, slope), d, out + at);
  };
  std::int64_t i = 0;
  for (; i + 2 * step <= n; i += 2 * step) {
    put(i);
    put(i + step);
  }
  if (i + step <= n) {
    put(i);
    i += step;
  }
  if (i < n) {
    const auto a = load_first(d, x + i, n - i);
    const auto g = gradient ? load_first(d, dy + i, n - i) : a;
    store_first(d, result_of<gradient>(a, g, r, slope), out + i, n - i);
  }
}

// Rows of one operand: dy is null for y = r x. `kept`, where it is not null, takes the factors, or
// gives them to the gradient.
template <class T>
struct NormalizeRows {
  const T* x;
  const T* dy;
  T* out;
  T* kept;
  LengthClamp clamp;

  NormalizeRows from(std::int64_t element, std::int64_t row) const {
    return {x + element,
            dy == nullptr ? dy : dy + element,
            out + element,
            kept == nullptr ? kept : kept + row,
            clamp};
  }
};

// The factors of up to a vector of rows and, for a gradient, the slopes.
template <class T, bool gradient>
HWY_INLINE void factors_of_rows(
    const NormalizeRows<T>& part, std::int64_t rows, std::int64_t n, T* value, T* slope) {
  const hn::ScalableTag<T> d;
  constexpr std::size_t most = hn::MaxLanes(d);
  HWY_ALIGN T parts[most * most];
  const bool is_given = gradient && part.kept != nullptr;
  const auto r = is_given ? kept_factors(d, load_up_to(d, part.kept, rows))
                          : factors(d, sums_of_rows(d, part.x, part.x, rows, n, parts), part.clamp);
  if (!gradient && part.kept != nullptr) store_up_to(d, with_sign(d, r), part.kept, rows);
  hn::Store(r.value, d, value);
  if (gradient) hn::Store(slopes(d, r, sums_of_rows(d, part.x, part.dy, rows, n, parts)), d, slope);
}

// A few rows at a time, which stay in the cache. The roots and quotients of a vector of them are
// taken together, and no row waits for the sum of the one before.
template <class T, bool gradient>
void all_rows(const NormalizeRows<T>& all, std::int64_t count, std::int64_t n) {
  constexpr std::int64_t cached = 4096;  // elements
  const hn::ScalableTag<T> d;
  constexpr std::int64_t vectors = 4;
  HWY_ALIGN T value[vectors * hn::MaxLanes(d)];
  HWY_ALIGN T slope[vectors * hn::MaxLanes(d)] = {};
  const std::int64_t step = lanes(d);
  const std::int64_t group = HWY_MAX(HWY_MIN(vectors * step, cached / n), std::int64_t{1});
  for (std::int64_t first = 0; first < count; first += group) {
    const NormalizeRows<T> part = all.from(first * n, first);
    const std::int64_t rows = HWY_MIN(group, count - first);
    for (std::int64_t k = 0; k < rows; k += step) {
      factors_of_rows<T, gradient>(
          part.from(k * n, k), HWY_MIN(step, rows - k), n, value + k, slope + k);
    }
    for (std::int64_t k = 0; k < rows; ++k) {
      const NormalizeRows<T> row = part.from(k * n, k);
      scale_row<T, gradient>(row.x, row.dy, row.out, n, value[k], slope[k]);
    }
  }
}

// One row in each lane of `width` lanes.
template <class T, bool gradient>
HWY_INLINE void lanes_of_rows(const NormalizeRows<T>& rows,
                              std::int64_t width,
                              std::int64_t n,
                              std::int64_t stride) {
  const hn::ScalableTag<T> d;
  const bool whole = width == lanes(d);
  const auto load = [&](const T* from) HWY_ATTR {
    return whole ? hn::LoadU(d, from) : load_first(d, from, width);
  };
  const bool is_given = gradient && rows.kept != nullptr;
  auto squares = hn::Zero(d), x_dy = squares;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto a = load(rows.x + i * stride);
    if (!is_given) squares = hn::Add(hn::Mul(a, a), squares);
    if (gradient) x_dy = hn::Add(hn::Mul(a, load(rows.dy + i * stride)), x_dy);
  }
  const auto r = is_given ? kept_factors(d, load(rows.kept)) : factors(d, squares, rows.clamp);
  if (!gradient && rows.kept != nullptr) store_up_to(d, with_sign(d, r), rows.kept, width);
  const auto slope = slopes(d, r, x_dy);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto a = load(rows.x + i * stride);
    const auto g = gradient ? load(rows.dy + i * stride) : a;
    store_up_to(d, result_of<gradient>(a, g, r.value, slope), rows.out + i * stride, width);
  }
}

template <class T>
NormalizeRows<T> rows_of(const NormalizeData& data) {
  return {static_cast<const T*>(data.x),
          static_cast<const T*>(data.dy),
          static_cast<T*>(data.out),
          static_cast<T*>(data.factors),
          data.clamp};
}

template <class T>
void run_rows(const NormalizeData& data, std::int64_t count, std::int64_t n) {
  const NormalizeRows<T> rows = rows_of<T>(data);
  if (rows.dy == nullptr) return all_rows<T, false>(rows, count, n);
  all_rows<T, true>(rows, count, n);
}

template <class T>
void run_columns(const NormalizeData& data,
                 std::int64_t count,
                 std::int64_t n,
                 std::int64_t stride) {
  const NormalizeRows<T> rows = rows_of<T>(data);
  const std::int64_t step = lanes(hn::ScalableTag<T>());
  for (std::int64_t i = 0; i < count; i += step) {
    const std::int64_t width = HWY_MIN(step, count - i);
    if (rows.dy == nullptr)
      lanes_of_rows<T, false>(rows.from(i, i), width, n, stride);
    else
      lanes_of_rows<T, true>(rows.from(i, i), width, n, stride);
  }
}

const NormalizeLoops* find_normalize(DType dtype) {
  static constexpr NormalizeLoops single = {run_rows<float>, run_columns<float>};
  static constexpr NormalizeLoops dual = {run_rows<double>, run_columns<double>};
  return &select_float(dtype, single, dual);
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
