#pragma once
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// A matrix with any strides, in elements.
struct Matrix {
  const void* data;
  std::int64_t row_stride;
  std::int64_t col_stride;
};

/// A product of a (m, k) and b (k, n), of bool or integers. k may be 0.
struct IntegerProduct {
  DType dtype;
  std::int64_t m, n, k;
  Matrix a, b;
  std::int64_t c_row_stride;
};
/// c = a b, exactly: integers wrap, bool is "or" of "and".
void integer_matmul(const IntegerProduct& product, void* c);

}  // namespace nyala::kernels
