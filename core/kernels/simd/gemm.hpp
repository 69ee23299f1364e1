#pragma once
#include <nyala/core/kernels/matmul.hpp>

namespace nyala::kernels {

/// Sets `run_tile` and `run_batch` of a plan for float32 or float64 to loops over SIMD vectors that
/// suit its sizes and strides, which are set already; all sizes are at least 1.
void choose_simd_loops(MatmulPlan& plan);

/// At least `bytes` bytes for packed parts of a matrix, aligned to 64, kept by this thread.
void* matmul_workspace(std::size_t bytes);

}  // namespace nyala::kernels
