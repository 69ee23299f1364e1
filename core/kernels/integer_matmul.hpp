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

/// c = a b for bool and integers, exactly (integers wrap, bool is "or" of "and"). k may be 0.
void integer_matmul(DType dtype,
                    std::int64_t m,
                    std::int64_t n,
                    std::int64_t k,
                    Matrix a,
                    Matrix b,
                    void* c,
                    std::int64_t c_row_stride);

}  // namespace nyala::kernels
