#pragma once
#include <nyala/core/kernels/blas.hpp>

namespace nyala::kernels {

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
