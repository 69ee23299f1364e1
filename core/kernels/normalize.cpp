#include <nyala/core/kernels/normalize.hpp>

#include <algorithm>
#include <array>
#include <cmath>

#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Elements that a piece of parallel work reads.
constexpr std::int64_t kGrain = 16384;

// Calls f(offset of the first element) for each row.
template <class F>
void for_each_row(std::int64_t outer, std::int64_t n, std::int64_t inner, F&& f) {
  const std::int64_t grain = std::max<std::int64_t>(kGrain / std::max<std::int64_t>(n, 1), 1);
  parallel_for(outer * inner, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) f(row / inner * n * inner + row % inner);
  });
}

// sum(x y), in eight sums where the rows are contiguous: the compiler keeps them in one register.
template <class T>
T dot(const T* x, const T* y, std::int64_t n, std::int64_t stride) {
  T total = 0;
  std::int64_t i = 0;
  if (stride == 1) {
    std::array<T, 8> parts{};
    for (; i + 8 <= n; i += 8) {
      for (std::size_t j = 0; j < 8; ++j)
        parts[j] += x[i + static_cast<std::int64_t>(j)] * y[i + static_cast<std::int64_t>(j)];
    }
    for (std::size_t j = 0; j < 8; ++j) total += parts[j];
  }
  for (; i < n; ++i) total += x[i * stride] * y[i * stride];
  return total;
}

template <class T>
struct Factor {
  T value;
  bool clamped;
};

template <class T>
Factor<T> factor(T squares, LengthClamp clamp) {
  const T least = static_cast<T>(clamp.least);
  if (squares < least) return {T{1} / std::sqrt(least), true};
  const T value = T{1} / std::sqrt(squares);
  const T most = static_cast<T>(clamp.most);
  return value > most ? Factor<T>{most, true} : Factor<T>{value, false};
}

}  // namespace

void l2_normalize(DType dtype,
                  std::int64_t outer,
                  std::int64_t n,
                  std::int64_t inner,
                  const void* x_data,
                  LengthClamp clamp,
                  void* y_data) {
  visit_float(dtype, [&]<class T>() {
    for_each_row(outer, n, inner, [&](std::int64_t first) {
      const T* x = static_cast<const T*>(x_data) + first;
      T* y = static_cast<T*>(y_data) + first;
      const T scale = factor(dot(x, x, n, inner), clamp).value;
      for (std::int64_t i = 0; i < n; ++i) y[i * inner] = x[i * inner] * scale;
    });
  });
}

void l2_normalize_grad(DType dtype,
                       std::int64_t outer,
                       std::int64_t n,
                       std::int64_t inner,
                       const void* x_data,
                       const void* dy_data,
                       LengthClamp clamp,
                       void* dx_data) {
  visit_float(dtype, [&]<class T>() {
    for_each_row(outer, n, inner, [&](std::int64_t first) {
      const T* x = static_cast<const T*>(x_data) + first;
      const T* dy = static_cast<const T*>(dy_data) + first;
      T* dx = static_cast<T*>(dx_data) + first;
      const Factor<T> r = factor(dot(x, x, n, inner), clamp);
      // Of the sum of squares, in the order in which Keras rounds.
      T ds = 0;
      if (!r.clamped) ds = dot(x, dy, n, inner) * r.value * (r.value * r.value) * T{-0.5};
      for (std::int64_t i = 0; i < n; ++i)
        dx[i * inner] = dy[i * inner] * r.value + ds * (x[i * inner] * 2);
    });
  });
}

}  // namespace nyala::kernels
