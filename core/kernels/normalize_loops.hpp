#pragma once
/// The inner loops of l2 normalisation.
#include <cstdint>

#include <nyala/core/dtype.hpp>
#include <nyala/core/kernels/normalize.hpp>

namespace nyala::kernels {

/// dy is null for y = r x, else the gradient is computed. `factors`, which may be null, takes the
/// factor of each row, negative where it is constant; a gradient takes them from there.
struct NormalizeData {
  const void* x;
  const void* dy;
  void* out;
  void* factors;
  LengthClamp clamp;
};

struct NormalizeLoops {
  /// `count` contiguous rows of n elements, one after the other.
  void (*rows)(const NormalizeData& data, std::int64_t count, std::int64_t n);
  /// `count` rows side by side, whose elements are `stride` apart.
  void (*columns)(const NormalizeData& data,
                  std::int64_t count,
                  std::int64_t n,
                  std::int64_t stride);
};

/// Products of `count` pairs of contiguous rows. ddot is null for one product a pair, else the
/// gradient of x is computed.
using NormalizedDotLoop = void (*)(const void* x,
                                   const void* y,
                                   const void* ddot,
                                   void* out,
                                   std::int64_t count,
                                   std::int64_t n,
                                   LengthClamp clamp);

/// For float32 and float64.
NormalizeLoops normalize_loops(DType dtype);
NormalizedDotLoop normalized_dot_loop(DType dtype);

}  // namespace nyala::kernels
