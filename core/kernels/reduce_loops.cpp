#include <nyala/core/kernels/reduce_loops.hpp>

#include <algorithm>
#include <cmath>

#include <nyala/core/kernels/scalar.hpp>

namespace nyala::kernels {
namespace {

template <Reduce op, class T>
T combine(T x, T y) {
  if constexpr (op == Reduce::sum)
    return scalar::binary<Binary::add>(x, y);
  else if constexpr (op == Reduce::product)
    return scalar::binary<Binary::multiply>(x, y);
  else if constexpr (op == Reduce::max)
    return scalar::binary<Binary::maximum>(x, y);
  else
    return scalar::binary<Binary::minimum>(x, y);
}

// Halves long runs, so that the rounding error grows with the logarithm of n.
template <Reduce op, class T>
T combine_run(const T* x, std::int64_t n, std::int64_t stride) {
  constexpr std::int64_t block = 128;
  if (n > block) {
    const std::int64_t half = n / 2 / block * block + (n < 2 * block ? block : 0);
    return combine<op>(combine_run<op>(x, half, stride),
                       combine_run<op>(x + half * stride, n - half, stride));
  }
  T result = x[0];
  for (std::int64_t i = 1; i < n; ++i) result = combine<op>(result, x[i * stride]);
  return result;
}

template <Reduce op, class T>
void row(const void* x, std::int64_t n, void* out) {
  *static_cast<T*>(out) = combine_run<op>(static_cast<const T*>(x), n, 1);
}

template <Reduce op, class T>
void fold(const void* x_data, std::int64_t n, void* into_data) {
  const T* x = static_cast<const T*>(x_data);
  T* into = static_cast<T*>(into_data);
  for (std::int64_t i = 0; i < n; ++i) into[i] = combine<op>(into[i], x[i]);
}

template <Reduce op, class T>
void columns(
    const void* x_data, std::int64_t rows, std::int64_t stride, std::int64_t n, void* into_data) {
  const T* x = static_cast<const T*>(x_data);
  T* into = static_cast<T*>(into_data);
  for (std::int64_t i = 0; i < n; ++i)
    into[i] = combine<op>(into[i], combine_run<op>(x + i, rows, stride));
}

template <class T>
ReduceLoops find(Reduce op) {
  switch (op) {
    case Reduce::sum: return {row<Reduce::sum, T>, fold<Reduce::sum, T>, columns<Reduce::sum, T>};
    case Reduce::product:
      return {row<Reduce::product, T>, fold<Reduce::product, T>, columns<Reduce::product, T>};
    case Reduce::max: return {row<Reduce::max, T>, fold<Reduce::max, T>, columns<Reduce::max, T>};
    default: return {row<Reduce::min, T>, fold<Reduce::min, T>, columns<Reduce::min, T>};
  }
}

}  // namespace

ReduceLoops reduce_loops(Reduce op, DType dtype) {
  return visit_dtype(dtype, [&]<class T>() { return find<T>(op); });
}

}  // namespace nyala::kernels
