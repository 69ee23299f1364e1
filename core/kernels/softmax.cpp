#include <algorithm>
#include <cmath>
#include <limits>

#include <nyala/core/kernels/nn.hpp>
#include <nyala/core/kernels/scalar.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

constexpr std::int64_t kGrain = 8192;

// Calls f(line, offset of its first element) for each line along the middle axis of (outer, n,
// inner).
template <class F>
void for_each_line(std::int64_t outer, std::int64_t n, std::int64_t inner, F&& f) {
  const std::int64_t grain = std::max<std::int64_t>(kGrain / std::max<std::int64_t>(n, 1), 1);
  parallel_for(outer * inner, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t line = begin; line < end; ++line)
      f(line, line / inner * n * inner + line % inner);
  });
}

template <class T>
T line_max(const T* x, std::int64_t n, std::int64_t stride) {
  T result = -std::numeric_limits<T>::infinity();
  for (std::int64_t i = 0; i < n; ++i)
    result = scalar::binary<Binary::maximum>(result, x[i * stride]);
  return result;
}

template <class T>
T line_logsumexp(const T* x, std::int64_t n, std::int64_t stride) {
  const T max = line_max(x, n, stride);
  if (std::isinf(max)) return max;
  T sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += std::exp(x[i * stride] - max);
  return max + std::log(sum);
}

}  // namespace

void softmax(DType dtype,
             std::int64_t outer,
             std::int64_t n,
             std::int64_t inner,
             const void* x_data,
             void* y_data) {
  visit_float(dtype, [&]<class T>() {
    for_each_line(outer, n, inner, [&](std::int64_t, std::int64_t first) {
      const T* x = static_cast<const T*>(x_data) + first;
      T* y = static_cast<T*>(y_data) + first;
      const T max = line_max(x, n, inner);
      T sum = 0;
      for (std::int64_t i = 0; i < n; ++i) sum += y[i * inner] = std::exp(x[i * inner] - max);
      for (std::int64_t i = 0; i < n; ++i) y[i * inner] /= sum;
    });
  });
}

void log_softmax(DType dtype,
                 std::int64_t outer,
                 std::int64_t n,
                 std::int64_t inner,
                 const void* x_data,
                 void* y_data) {
  visit_float(dtype, [&]<class T>() {
    for_each_line(outer, n, inner, [&](std::int64_t, std::int64_t first) {
      const T* x = static_cast<const T*>(x_data) + first;
      T* y = static_cast<T*>(y_data) + first;
      const T max = line_max(x, n, inner);
      T sum = 0;
      for (std::int64_t i = 0; i < n; ++i) sum += std::exp(x[i * inner] - max);
      const T log_sum = std::log(sum);
      for (std::int64_t i = 0; i < n; ++i) y[i * inner] = x[i * inner] - max - log_sum;
    });
  });
}

void softmax_grad(DType dtype,
                  std::int64_t outer,
                  std::int64_t n,
                  std::int64_t inner,
                  const void* y_data,
                  const void* dy_data,
                  void* dx_data) {
  visit_float(dtype, [&]<class T>() {
    for_each_line(outer, n, inner, [&](std::int64_t, std::int64_t first) {
      const T* y = static_cast<const T*>(y_data) + first;
      const T* dy = static_cast<const T*>(dy_data) + first;
      T* dx = static_cast<T*>(dx_data) + first;
      T dot = 0;
      for (std::int64_t i = 0; i < n; ++i) dot += y[i * inner] * dy[i * inner];
      for (std::int64_t i = 0; i < n; ++i) dx[i * inner] = y[i * inner] * (dy[i * inner] - dot);
    });
  });
}

void log_softmax_grad(DType dtype,
                      std::int64_t outer,
                      std::int64_t n,
                      std::int64_t inner,
                      const void* y_data,
                      const void* dy_data,
                      void* dx_data) {
  visit_float(dtype, [&]<class T>() {
    for_each_line(outer, n, inner, [&](std::int64_t, std::int64_t first) {
      const T* y = static_cast<const T*>(y_data) + first;
      const T* dy = static_cast<const T*>(dy_data) + first;
      T* dx = static_cast<T*>(dx_data) + first;
      T sum = 0;
      for (std::int64_t i = 0; i < n; ++i) sum += dy[i * inner];
      for (std::int64_t i = 0; i < n; ++i)
        dx[i * inner] = dy[i * inner] - std::exp(y[i * inner]) * sum;
    });
  });
}

void logsumexp(DType dtype,
               std::int64_t outer,
               std::int64_t n,
               std::int64_t inner,
               const void* x_data,
               void* out_data) {
  visit_float(dtype, [&]<class T>() {
    for_each_line(outer, n, inner, [&](std::int64_t line, std::int64_t first) {
      static_cast<T*>(out_data)[line] =
          line_logsumexp(static_cast<const T*>(x_data) + first, n, inner);
    });
  });
}

}  // namespace nyala::kernels
