#pragma once
#include <nyala/core/kernels/matmul.hpp>

namespace nyala::kernels {

/// Sets `run_tile` and `run_batch` of a plan for float32 or float64 to calls of BLAS on the calling
/// thread. Returns false, and changes nothing, where the backend chosen or its table wants SIMD
/// loops, or where BLAS takes no such strides or sizes.
bool choose_blas(MatmulPlan& plan);

}  // namespace nyala::kernels
