#pragma once
/// Layer normalisation of contiguous rows of float32 or float64; other dtypes throw TypeError.
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// What is normalised: `rows` rows of n elements.
struct LayerNormRows {
  DType dtype;
  std::int64_t rows, n;
  double epsilon;
};

/// y = h gamma + beta, where h is x less its row's mean, over sqrt(the row's variance + epsilon);
/// gamma and beta have n elements.
void layer_norm(
    const LayerNormRows& of, const void* x, const void* gamma, const void* beta, void* y);
/// The gradient by x, for dy by y. `dx` may be `dy`.
void layer_norm_grad(
    const LayerNormRows& of, const void* x, const void* gamma, const void* dy, void* dx);
/// The gradient by gamma: the sums of dy h over all rows. The same for any number of threads.
void layer_norm_scale_grad(const LayerNormRows& of, const void* x, const void* dy, void* dgamma);

}  // namespace nyala::kernels
