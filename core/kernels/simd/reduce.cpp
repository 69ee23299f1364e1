#include <limits>

#include <nyala/core/kernels/reduce_loops.hpp>
#include <nyala/core/kernels/scalar.hpp>
#include <nyala/core/kernels/simd/fewer_targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/reduce.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/vector-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

constexpr Binary binary_of(Reduce op) {
  switch (op) {
    case Reduce::sum: return Binary::add;
    case Reduce::product: return Binary::multiply;
    case Reduce::max: return Binary::maximum;
    default: return Binary::minimum;
  }
}

template <Reduce op, class T>
HWY_INLINE T combine(T x, T y) {
  return scalar::binary<binary_of(op)>(x, y);
}

template <Reduce op, class V>
HWY_INLINE V combine_vectors(V x, V y) {
  if constexpr (op == Reduce::sum)
    return hn::Add(x, y);
  else if constexpr (op == Reduce::product)
    return hn::Mul(x, y);
  else if constexpr (op == Reduce::max)
    return hn::IfThenElse(hn::Or(hn::Gt(x, y), hn::IsNaN(x)), x, y);
  else
    return hn::IfThenElse(hn::Or(hn::Lt(x, y), hn::IsNaN(x)), x, y);
}

// A vector of the value that changes nothing.
template <Reduce op, class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> neutral(D d) {
  constexpr T inf = std::numeric_limits<T>::infinity();
  if constexpr (op == Reduce::sum)
    return hn::Zero(d);
  else if constexpr (op == Reduce::product)
    return hn::Set(d, T{1});
  else
    return hn::Set(d, op == Reduce::max ? -inf : inf);
}

template <Reduce op, class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_part(D d, const T* x, std::int64_t n) {
  if constexpr (op == Reduce::sum) return load_first(d, x, n);
  const auto part = hn::FirstN(d, static_cast<std::size_t>(n));
  return hn::IfThenElse(part, load_first(d, x, n), neutral<op>(d));
}

template <Reduce op, class D, class T = hn::TFromD<D>>
HWY_INLINE T combine_lanes(D d, hn::Vec<D> v) {
  if constexpr (op == Reduce::sum) return hn::GetLane(hn::SumOfLanes(d, v));
  if constexpr (op == Reduce::product) {
    HWY_ALIGN T lane[hn::MaxLanes(d)];
    hn::Store(v, d, lane);
    T result = lane[0];
    for (std::size_t i = 1; i < hn::Lanes(d); ++i) result *= lane[i];
    return result;
  }
  if (!hn::AllFalse(d, hn::IsNaN(v))) return std::numeric_limits<T>::quiet_NaN();
  return hn::GetLane(op == Reduce::max ? hn::MaxOfLanes(d, v) : hn::MinOfLanes(d, v));
}

// Runs of up to kRun elements are combined in four vectors; longer ones are halved, so that the
// rounding error of a sum grows with the logarithm of its length.
constexpr std::int64_t kRun = 2048;

template <Reduce op, class T>
T run_of_vectors(const T* x, std::int64_t n) {
  if (n > kRun) {
    const std::int64_t half = (n / 2 + kRun - 1) / kRun * kRun;
    return combine<op>(run_of_vectors<op>(x, half), run_of_vectors<op>(x + half, n - half));
  }
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const std::int64_t step = lanes(d);
  if (n < step) return combine_lanes<op>(d, load_part<op>(d, x, n));
  V a = neutral<op>(d), b = a, c = a, e = a;
  std::int64_t i = 0;
  for (; i + 4 * step <= n; i += 4 * step) {
    a = combine_vectors<op>(hn::LoadU(d, x + i), a);
    b = combine_vectors<op>(hn::LoadU(d, x + i + step), b);
    c = combine_vectors<op>(hn::LoadU(d, x + i + 2 * step), c);
    e = combine_vectors<op>(hn::LoadU(d, x + i + 3 * step), e);
  }
  for (; i + step <= n; i += step) a = combine_vectors<op>(hn::LoadU(d, x + i), a);
  if (i < n) b = combine_vectors<op>(load_part<op>(d, x + i, n - i), b);
  return combine_lanes<op>(
      d, combine_vectors<op>(combine_vectors<op>(a, b), combine_vectors<op>(c, e)));
}

template <Reduce op, class T>
void row(const void* x_data, std::int64_t n, void* out) {
  const T* x = static_cast<const T*>(x_data);
  if constexpr (std::is_floating_point_v<T>) {
    *static_cast<T*>(out) = run_of_vectors<op>(x, n);
  } else {
    T result = x[0];
    for (std::int64_t i = 1; i < n; ++i) result = combine<op>(result, x[i]);
    *static_cast<T*>(out) = result;
  }
}

template <Reduce op, class T>
void fold(const void* x_data, std::int64_t n, void* into_data) {
  const T* x = static_cast<const T*>(x_data);
  T* into = static_cast<T*>(into_data);
  for (std::int64_t i = 0; i < n; ++i) into[i] = combine<op>(into[i], x[i]);
}

// One vector of columns (`last` lanes of it where that is fewer), row after row.
template <Reduce op, int vectors, class T>
HWY_INLINE void column_vectors(const T* x, std::int64_t rows, std::int64_t stride, T* into) {
  const hn::ScalableTag<T> d;
  const std::int64_t step = lanes(d);
  hn::Vec<decltype(d)> sum[vectors];
  for (int v = 0; v < vectors; ++v) sum[v] = hn::LoadU(d, into + v * step);
  for (std::int64_t i = 0; i < rows; ++i, x += stride) {
    for (int v = 0; v < vectors; ++v) {
      sum[v] = combine_vectors<op>(hn::LoadU(d, x + v * step), sum[v]);
    }
  }
  for (int v = 0; v < vectors; ++v) hn::StoreU(sum[v], d, into + v * step);
}

template <Reduce op, class T>
HWY_INLINE void column_part(
    const T* x, std::int64_t rows, std::int64_t stride, std::int64_t n, T* into) {
  const hn::ScalableTag<T> d;
  auto sum = load_first(d, into, n);
  for (std::int64_t i = 0; i < rows; ++i, x += stride) {
    sum = combine_vectors<op>(load_first(d, x, n), sum);
  }
  store_first(d, sum, into, n);
}

template <Reduce op, class T>
void few_rows(const T* x, std::int64_t rows, std::int64_t stride, std::int64_t n, T* into) {
  const hn::ScalableTag<T> d;
  const std::int64_t step = lanes(d);
  std::int64_t i = 0;
  for (; i + 4 * step <= n; i += 4 * step) column_vectors<op, 4>(x + i, rows, stride, into + i);
  for (; i + step <= n; i += step) column_vectors<op, 1>(x + i, rows, stride, into + i);
  if (i < n) column_part<op>(x + i, rows, stride, n - i, into + i);
}

// Halves many rows, as above. At most kColumns columns.
template <Reduce op, class T>
void many_rows(const T* x, std::int64_t rows, std::int64_t stride, std::int64_t n, T* into) {
  constexpr std::int64_t few = 128;
  if (rows <= few) return few_rows<op>(x, rows, stride, n, into);
  const std::int64_t half = (rows / 2 + few - 1) / few * few;
  T part[kColumns];
  for (std::int64_t i = 0; i < n; ++i) part[i] = x[half * stride + i];
  many_rows<op>(x, half, stride, n, into);
  many_rows<op>(x + (half + 1) * stride, rows - half - 1, stride, n, part);
  fold<op, T>(part, n, into);
}

template <Reduce op, class T>
void columns(
    const void* x_data, std::int64_t rows, std::int64_t stride, std::int64_t n, void* into_data) {
  const T* x = static_cast<const T*>(x_data);
  T* into = static_cast<T*>(into_data);
  if constexpr (std::is_floating_point_v<T>) {
    many_rows<op>(x, rows, stride, n, into);
  } else {
    for (std::int64_t i = 0; i < rows; ++i) fold<op, T>(x + i * stride, n, into);
  }
}

template <Reduce op, class T>
constexpr ReduceLoops entry() {
  return {row<op, T>, fold<op, T>, columns<op, T>};
}

const ReduceLoops* find_reduce(Reduce op, DType dtype) {
  return visit_dtype(dtype, [op]<class T>() {
    static constexpr ReduceLoops loops[] = {entry<Reduce::sum, T>(),
                                            entry<Reduce::product, T>(),
                                            entry<Reduce::max, T>(),
                                            entry<Reduce::min, T>()};
    return &loops[static_cast<std::size_t>(op)];
  });
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_reduce);

ReduceLoops reduce_loops(Reduce op, DType dtype) {
  return *HWY_DYNAMIC_DISPATCH(find_reduce)(op, dtype);
}

}  // namespace nyala::kernels
#endif
