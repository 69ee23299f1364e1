#pragma once
/// Dense systems: batches of row-major n x n matrices of float32 or float64, computed in double by
/// OpenBLAS's LAPACK. Other dtypes throw TypeError.
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// x of a x = b for each of `batch` systems with `k` right sides, by elimination with row pivots.
/// False when a matrix is singular.
bool solve(DType dtype,
           std::int64_t batch,
           std::int64_t n,
           std::int64_t k,
           const void* a,
           const void* b,
           void* x);
void determinant(DType dtype, std::int64_t batch, std::int64_t n, const void* a, void* out);
/// The lower factor; reads the lower triangle. False when a matrix is not positive definite.
bool cholesky(DType dtype, std::int64_t batch, std::int64_t n, const void* a, void* out);
/// The inverse of erf for n numbers: infinite at -1 and 1, NaN beyond.
void erfinv(DType dtype, std::int64_t n, const void* x, void* out);

}  // namespace nyala::kernels
