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

/// What is scaled: the rows along the middle axis of (outer, n, inner).
struct NormalizedLines {
  DType dtype;
  std::int64_t outer, n, inner;
  LengthClamp clamp;
};

/// y = r x, for the row's factor r. `factors`, where it is not null, takes those of all (outer,
/// inner) rows for the gradient: negative where they are constant.
void l2_normalize(const NormalizedLines& of, const void* x, void* y, void* factors = nullptr);
/// dx = r dy - r^3 sum(x dy) x; the second term only where the row is not clamped.
void l2_normalize_grad(const NormalizedLines& of, const void* x, const void* dy, void* dx);
/// The same from the factors that l2_normalize gave; the clamp does not count.
void l2_normalize_grad(
    const NormalizedLines& of, const void* x, const void* dy, const void* factors, void* dx);

/// dot[i] = sum(x y) r s for contiguous rows (inner is 1), with the factors r of row x[i] and s of
/// y[i]: the product of rows scaled to length one.
void normalized_dot(const NormalizedLines& of, const void* x, const void* y, void* dot);
/// dx[i] = (r s y - r^3 s sum(x y) x) ddot[i]; the second term only where x[i] is not clamped.
void normalized_dot_grad(
    const NormalizedLines& of, const void* x, const void* y, const void* ddot, void* dx);

}  // namespace nyala::kernels
