#pragma once
/// Products of matrices whose rows are scaled to length one, for each sample of a batch: scaled
/// and multiplied while the sample lies in the cache. All arrays are contiguous, of float32 or
/// float64; other dtypes throw TypeError. Results do not depend on the number of threads.
#include <cstdint>

#include <nyala/core/dtype.hpp>
#include <nyala/core/kernels/normalize.hpp>

namespace nyala::kernels {

/// x holds `batch` samples of m rows of k elements and y as many of n rows.
struct NormalizedProduct {
  DType dtype;
  std::int64_t batch, m, n, k;
  LengthClamp clamp;
};

/// z (batch, m, n) = u v', for the rows u of x and v of y scaled as l2_normalize does.
void normalized_product(const NormalizedProduct& product, const void* x, const void* y, void* z);

/// The gradients dx and dy; null for one that is not asked for.
void normalized_product_grad(const NormalizedProduct& product,
                             const void* x,
                             const void* y,
                             const void* dz,
                             void* dx,
                             void* dy);

}  // namespace nyala::kernels
