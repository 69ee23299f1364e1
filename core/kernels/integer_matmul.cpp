#include <nyala/core/kernels/integer_matmul.hpp>

#include <algorithm>
#include <array>
#include <vector>

#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/kernels/scalar.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// c[0, n) += factor * b[0, n); for bool "or" and "and".
template <class T>
void add_scaled(T factor, const T* b, T* c, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) {
    if constexpr (std::is_same_v<T, bool>) {
      c[j] = c[j] | (factor & b[j]);
    } else {
      using U = scalar::Wrap<T>;
      c[j] = static_cast<T>(static_cast<U>(c[j]) + static_cast<U>(factor) * static_cast<U>(b[j]));
    }
  }
}

// Rows [begin, end) of c, for a b whose columns are adjacent.
template <class T>
void multiply_rows(std::int64_t begin,
                   std::int64_t end,
                   std::int64_t n,
                   std::int64_t k,
                   Matrix a,
                   const T* b,
                   std::int64_t b_row,
                   T* c,
                   std::int64_t c_row) {
  constexpr std::int64_t width = 1024;  // columns of c that stay in the nearest cache
  const T* a_data = static_cast<const T*>(a.data);
  for (std::int64_t i = begin; i < end; ++i) {
    std::fill_n(c + i * c_row, n, T{0});
    for (std::int64_t j = 0; j < n; j += width) {
      const std::int64_t run = std::min(width, n - j);
      for (std::int64_t p = 0; p < k; ++p) {
        const T factor = a_data[i * a.row_stride + p * a.col_stride];
        if (factor != 0) add_scaled(factor, b + p * b_row + j, c + i * c_row + j, run);
      }
    }
  }
}

template <class T>
void multiply(DType dtype,
              std::int64_t m,
              std::int64_t n,
              std::int64_t k,
              Matrix a,
              Matrix b,
              T* c,
              std::int64_t c_row) {
  std::vector<std::uint64_t> packed;  // holds any dtype, aligned
  if (b.col_stride != 1 && n > 1 && k > 0) {
    packed.resize(static_cast<std::size_t>(k * n) * sizeof(T) / 8 + 1);
    const std::array<std::int64_t, 2> shape = {k, n}, strides = {b.row_stride, b.col_stride};
    copy(dtype, shape, {b.data, strides.data()}, packed.data());
    b = {packed.data(), n, 1};
  }
  const std::int64_t grain = std::max<std::int64_t>(65536 / std::max<std::int64_t>(n * k, 1), 1);
  parallel_for(m, grain, [&](std::int64_t begin, std::int64_t end) {
    multiply_rows(begin, end, n, k, a, static_cast<const T*>(b.data), b.row_stride, c, c_row);
  });
}

}  // namespace

void integer_matmul(DType dtype,
                    std::int64_t m,
                    std::int64_t n,
                    std::int64_t k,
                    Matrix a,
                    Matrix b,
                    void* c,
                    std::int64_t c_row_stride) {
  visit_dtype(dtype, [&]<class T>() {
    if constexpr (std::is_integral_v<T>)
      multiply(dtype, m, n, k, a, b, static_cast<T*>(c), c_row_stride);
  });
}

}  // namespace nyala::kernels
