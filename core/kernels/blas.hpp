#pragma once
/// Matrix products in one call: `matmul.hpp` plans them and says what they do.
#include <cstdint>
#include <span>
#include <string_view>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// A matrix with any strides, in elements.
struct Matrix {
  const void* data;
  std::int64_t row_stride;
  std::int64_t col_stride;
};

/// c = a b, for a (m, k) and b (k, n); c is (m, n) with adjacent columns, and is overwritten. k ==
/// 0 gives zeros.
void matmul(DType dtype,
            std::int64_t m,
            std::int64_t n,
            std::int64_t k,
            Matrix a,
            Matrix b,
            void* c,
            std::int64_t c_row_stride);

/// One product for each element of `batch_shape`; `c` is contiguous (batch..., m, n). The batch
/// strides of `a` and `b` may be 0.
void batched_matmul(DType dtype,
                    std::span<const std::int64_t> batch_shape,
                    std::int64_t m,
                    std::int64_t n,
                    std::int64_t k,
                    const void* a,
                    const std::int64_t* a_batch_strides,
                    std::int64_t a_row,
                    std::int64_t a_col,
                    const void* b,
                    const std::int64_t* b_batch_strides,
                    std::int64_t b_row,
                    std::int64_t b_col,
                    void* c);

/// The name of the OpenBLAS kernels that run: "SkylakeX", "Haswell".
std::string_view blas_kernels();

}  // namespace nyala::kernels
