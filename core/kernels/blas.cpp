#include <nyala/core/kernels/blas.hpp>
#include <nyala/core/kernels/matmul.hpp>

namespace nyala::kernels {

void matmul(DType dtype,
            std::int64_t m,
            std::int64_t n,
            std::int64_t k,
            Matrix a,
            Matrix b,
            void* c,
            std::int64_t c_row_stride) {
  const MatmulPlan plan = plan_matmul(
      dtype, m, n, k, {a.row_stride, a.col_stride}, {b.row_stride, b.col_stride}, c_row_stride);
  plan(a.data, b.data, c);
}

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
                    void* c) {
  const BatchedMatmulPlan plan = plan_batched_matmul(dtype,
                                                     batch_shape,
                                                     a_batch_strides,
                                                     b_batch_strides,
                                                     m,
                                                     n,
                                                     k,
                                                     {a_row, a_col},
                                                     {b_row, b_col});
  plan(a, b, c);
}

}  // namespace nyala::kernels
