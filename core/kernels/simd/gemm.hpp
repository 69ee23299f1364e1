#pragma once
#include <nyala/core/kernels/blas.hpp>

namespace nyala::kernels {

/// Whether a product of floats is small enough for `small_matmul`: decided by its size alone.
bool is_small_matmul(std::int64_t m, std::int64_t n, std::int64_t k);

/// c = a b for float32 and float64, without packing or threads; all sizes at least 1. For products
/// that `is_small_matmul` accepts.
void small_matmul(DType dtype,
                  std::int64_t m,
                  std::int64_t n,
                  std::int64_t k,
                  Matrix a,
                  Matrix b,
                  void* c,
                  std::int64_t c_row_stride);

}  // namespace nyala::kernels
