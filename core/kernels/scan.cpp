#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <nyala/core/kernels/reduce.hpp>
#include <nyala/core/kernels/scalar.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

constexpr std::int64_t kGrain = 32768;

template <class T>
bool is_nan(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::isnan(x);
  else
    return false;
}

// Calls f(offset of the first element) for each line along the middle axis of (outer, n, inner).
template <class F>
void for_each_line(std::int64_t outer, std::int64_t n, std::int64_t inner, F&& f) {
  const std::int64_t grain = std::max<std::int64_t>(kGrain / std::max<std::int64_t>(n, 1), 1);
  parallel_for(outer * inner, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line)
      f(line, line / inner * n * inner + line % inner);
  });
}

template <class T>
std::int64_t extreme(bool max, const T* x, std::int64_t n, std::int64_t stride) {
  std::int64_t best = 0;
  if (is_nan(x[0])) return 0;
  for (std::int64_t i = 1; i < n; ++i) {
    const T value = x[i * stride];
    if (is_nan(value)) return i;
    if (max ? value > x[best * stride] : value < x[best * stride]) best = i;
  }
  return best;
}

template <class T>
void run_along(
    bool use_product, const T* x, T* out, std::int64_t n, std::int64_t stride, bool exclusive) {
  T total = use_product ? T{1} : T{0};
  for (std::int64_t i = 0; i < n; ++i, x += stride, out += stride) {
    const T next = use_product ? scalar::binary<Binary::multiply>(total, *x)
                               : scalar::binary<Binary::add>(total, *x);
    *out = exclusive ? total : next;
    total = next;
  }
}

template <class T>
void sort_line(
    const T* x, std::int64_t* indices, std::int64_t n, std::int64_t stride, bool descending) {
  std::iota(indices, indices + n, std::int64_t{0});
  std::stable_sort(indices, indices + n, [&](std::int64_t i, std::int64_t j) {
    const T a = x[i * stride], b = x[j * stride];
    if (is_nan(b)) return !is_nan(a);
    return descending ? a > b : a < b;
  });
}

}  // namespace

void argreduce(bool max,
               DType dtype,
               std::int64_t outer,
               std::int64_t n,
               std::int64_t inner,
               const void* x_data,
               std::int64_t* out) {
  visit_dtype(dtype, [&]<class T>() {
    const T* x = static_cast<const T*>(x_data);
    for_each_line(outer, n, inner, [&](std::int64_t line, std::int64_t first) {
      out[line] = extreme(max, x + first, n, inner);
    });
  });
}

void cumulative(const Cumulation& how,
                DType dtype,
                std::int64_t outer,
                std::int64_t n,
                std::int64_t inner,
                const void* x_data,
                void* out_data) {
  if (n == 0) return;
  visit_dtype(dtype, [&]<class T>() {
    const T* x = static_cast<const T*>(x_data);
    T* out = static_cast<T*>(out_data);
    const std::int64_t last = how.reverse ? (n - 1) * inner : 0;
    for_each_line(outer, n, inner, [&](std::int64_t, std::int64_t first) {
      run_along(how.product,
                x + first + last,
                out + first + last,
                n,
                how.reverse ? -inner : inner,
                how.exclusive);
    });
  });
}

void linear_recurrence(DType dtype,
                       std::int64_t outer,
                       std::int64_t n,
                       std::int64_t inner,
                       const void* a_data,
                       const void* b_data,
                       void* out_data) {
  visit_float(dtype, [&]<class T>() {
    for_each_line(outer, n, inner, [&](std::int64_t, std::int64_t first) {
      const T* a = static_cast<const T*>(a_data) + first;
      const T* b = static_cast<const T*>(b_data) + first;
      T* out = static_cast<T*>(out_data) + first;
      T last = 0;
      for (std::int64_t i = 0; i < n; ++i)
        out[i * inner] = last = (i == 0 ? T{0} : a[i * inner] * last) + b[i * inner];
    });
  });
}

void sort_indices(DType dtype,
                  std::int64_t outer,
                  std::int64_t n,
                  std::int64_t inner,
                  const void* x_data,
                  std::int64_t* indices,
                  bool descending) {
  visit_dtype(dtype, [&]<class T>() {
    const T* x = static_cast<const T*>(x_data);
    for_each_line(outer, n, inner, [&](std::int64_t, std::int64_t first) {
      if (inner == 1) return sort_line(x + first, indices + first, n, 1, descending);
      std::vector<std::int64_t> order(static_cast<std::size_t>(n));
      sort_line(x + first, order.data(), n, inner, descending);
      for (std::int64_t i = 0; i < n; ++i)
        indices[first + i * inner] = order[static_cast<std::size_t>(i)];
    });
  });
}

}  // namespace nyala::kernels
