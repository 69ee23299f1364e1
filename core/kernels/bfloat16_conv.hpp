#pragma once
#include <nyala/core/kernels/conv_loops.hpp>

namespace nyala::kernels {

/// Loops for bfloat16 by the CPU's own instructions, where `multiplies_bfloat16()`. Sums are of
/// float32; numbers below the normal ones count as 0, as the instructions have it.
ConvLoops bfloat16_conv_loops();

/// to[i] is the pair of from[i] and from[i + apart]; the last `apart` of `count` stay alone, with
/// a zero.
void pair_up(const void* from, std::int64_t apart, std::int64_t count, void* to);

}  // namespace nyala::kernels
