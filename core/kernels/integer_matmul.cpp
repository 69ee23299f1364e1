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
void multiply_rows(std::int64_t begin, std::int64_t end, const IntegerProduct& p, T* c) {
  constexpr std::int64_t width = 1024;  // columns of c that stay in the nearest cache
  const T* a = static_cast<const T*>(p.a.data);
  const T* b = static_cast<const T*>(p.b.data);
  for (std::int64_t i = begin; i < end; ++i) {
    T* row = c + i * p.c_row_stride;
    std::fill_n(row, p.n, T{0});
    for (std::int64_t j = 0; j < p.n; j += width) {
      const std::int64_t run = std::min(width, p.n - j);
      for (std::int64_t q = 0; q < p.k; ++q) {
        const T factor = a[i * p.a.row_stride + q * p.a.col_stride];
        if (factor != 0) add_scaled(factor, b + q * p.b.row_stride + j, row + j, run);
      }
    }
  }
}

template <class T>
void multiply(IntegerProduct p, T* c) {
  std::vector<std::uint64_t> packed;  // holds any dtype, aligned
  if (p.b.col_stride != 1 && p.n > 1 && p.k > 0) {
    packed.resize(static_cast<std::size_t>(p.k * p.n) * sizeof(T) / 8 + 1);
    const std::array<std::int64_t, 2> shape = {p.k, p.n};
    const std::array<std::int64_t, 2> strides = {p.b.row_stride, p.b.col_stride};
    copy(p.dtype, shape, {p.b.data, strides.data()}, packed.data());
    p.b = {packed.data(), p.n, 1};
  }
  const std::int64_t work = std::max<std::int64_t>(p.n * p.k, 1);
  parallel_for(p.m,
               std::max<std::int64_t>(65536 / work, 1),
               [&](std::int64_t begin, std::int64_t end) { multiply_rows(begin, end, p, c); });
}

}  // namespace

void integer_matmul(const IntegerProduct& product, void* c) {
  visit_dtype(product.dtype, [&]<class T>() {
    if constexpr (std::is_integral_v<T>) multiply(product, static_cast<T*>(c));
  });
}

}  // namespace nyala::kernels
