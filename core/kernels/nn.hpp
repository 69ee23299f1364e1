#pragma once
/// Softmax and its kin along the middle axis of contiguous (outer, n, inner) arrays of float32 or
/// float64; other dtypes throw TypeError. `out` may be an input.
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// exp(x - max) over its sum. A row of -inf alone gives NaN, as NumPy and Keras do.
void softmax(
    DType dtype, std::int64_t outer, std::int64_t n, std::int64_t inner, const void* x, void* y);
/// x - logsumexp(x), without forming the softmax.
void log_softmax(
    DType dtype, std::int64_t outer, std::int64_t n, std::int64_t inner, const void* x, void* y);
/// dx = y (dy - sum(dy y)), for y = softmax(x).
void softmax_grad(DType dtype,
                  std::int64_t outer,
                  std::int64_t n,
                  std::int64_t inner,
                  const void* y,
                  const void* dy,
                  void* dx);
/// dx = dy - exp(y) sum(dy), for y = log_softmax(x).
void log_softmax_grad(DType dtype,
                      std::int64_t outer,
                      std::int64_t n,
                      std::int64_t inner,
                      const void* y,
                      const void* dy,
                      void* dx);
/// log(sum(exp(x))) for each of outer x inner; -inf of nothing and of -inf alone, inf with an inf.
void logsumexp(
    DType dtype, std::int64_t outer, std::int64_t n, std::int64_t inner, const void* x, void* out);

}  // namespace nyala::kernels
