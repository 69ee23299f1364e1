#pragma once
/// The inner loops of l2 normalisation.
#include <cstdint>

#include <nyala/core/dtype.hpp>
#include <nyala/core/kernels/normalize.hpp>

namespace nyala::kernels {

struct NormalizeLoops {
  /// `count` contiguous rows of n elements, one after the other. dy is null for y = r x, else the
  /// gradient is computed.
  void (*rows)(const void* x,
               const void* dy,
               void* out,
               std::int64_t count,
               std::int64_t n,
               LengthClamp clamp);
  /// `count` rows side by side, whose elements are `stride` apart.
  void (*columns)(const void* x,
                  const void* dy,
                  void* out,
                  std::int64_t count,
                  std::int64_t n,
                  std::int64_t stride,
                  LengthClamp clamp);
  /// Products of `count` pairs of contiguous rows. ddot is null for one product a pair, else the
  /// gradient of x is computed.
  void (*dots)(const void* x,
               const void* y,
               const void* ddot,
               void* out,
               std::int64_t count,
               std::int64_t n,
               LengthClamp clamp);
};

/// For float32 and float64.
NormalizeLoops normalize_loops(DType dtype);

}  // namespace nyala::kernels
