#pragma once
/// Rows scaled to length one, along the middle axis of contiguous (outer, n, inner) arrays of
/// float32 or float64; other dtypes throw TypeError. `out` may be an input.
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// The factor of a row whose squares sum to s: the smaller of 1 / sqrt(s) and `most`, and one over
/// the root of at least `least`. A row that is clamped has a constant factor.
struct LengthClamp {
  double most;   ///< infinite for none
  double least;  ///< 0 for none
};

/// y = r x, for the row's factor r.
void l2_normalize(DType dtype,
                  std::int64_t outer,
                  std::int64_t n,
                  std::int64_t inner,
                  const void* x,
                  LengthClamp clamp,
                  void* y);
/// dx = r dy - r^3 sum(x dy) x; the second term only where the row is not clamped.
void l2_normalize_grad(DType dtype,
                       std::int64_t outer,
                       std::int64_t n,
                       std::int64_t inner,
                       const void* x,
                       const void* dy,
                       LengthClamp clamp,
                       void* dx);

}  // namespace nyala::kernels
