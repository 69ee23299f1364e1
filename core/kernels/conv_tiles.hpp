#pragma once
/// Convolutions by tiles of outputs and channels that stay in registers: grouped and depthwise ones
/// too.
#include <memory>

#include <nyala/core/kernels/conv.hpp>

namespace nyala::kernels {

/// Null for a shape that these loops do not take: an empty one, or one of too many taps.
std::unique_ptr<ConvPlan> plan_conv_by_tiles(DType dtype,
                                             ConvKind kind,
                                             const ConvShape& shape,
                                             ConvOptions options);

}  // namespace nyala::kernels
