#pragma once
/// Pooling and its gradients. Arrays are contiguous, (batch, spatial..., channels); float32 and
/// float64.
#include <cstdint>

#include <nyala/core/dtype.hpp>
#include <nyala/core/kernels/window.hpp>

namespace nyala::kernels {

struct PoolShape {
  Window window;
  std::int64_t channels = 1;
};

/// The largest of each window; a NaN is larger than any number.
void max_pool(DType dtype, const PoolShape& shape, const void* x, void* y);
/// Each window's element of `from` where x is largest; of equal ones, the first.
void max_pool_pick(DType dtype, const PoolShape& shape, const void* x, const void* from, void* y);
/// The way back: dy added where x is largest in its window.
void max_pool_spread(DType dtype, const PoolShape& shape, const void* x, const void* dy, void* dx);
/// The mean of the elements of each window that exist; 0 where none does.
void average_pool(DType dtype, const PoolShape& shape, const void* x, void* y);
/// The way back: each window's share of dy added to its elements.
void average_pool_spread(DType dtype, const PoolShape& shape, const void* dy, void* dx);

}  // namespace nyala::kernels
