#pragma once
#include <nyala/core/kernels/matmul.hpp>

namespace nyala::kernels {

/// Whether the CPU multiplies numbers of bfloat16 (AVX512-BF16). Elsewhere products of bfloat16 are
/// computed in float32.
bool multiplies_bfloat16();

/// Sets `run_tile` and `run` of a plan for bfloat16, all sizes being at least 1. Sums are of
/// float32 and rounded once, after the bias; their order depends on k alone. Numbers below the
/// normal ones count as 0, as the instructions have it.
void choose_bfloat16(MatmulPlan& plan);

}  // namespace nyala::kernels
