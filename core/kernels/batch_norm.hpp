#pragma once
/// Batch normalisation of contiguous (outer, n, inner) arrays of float32 or float64, channel by
/// channel; other dtypes throw TypeError. What has one number for each channel has n elements. The
/// same for any number of threads.
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// An axis of channels with what lies before and after it.
struct Channels {
  std::int64_t outer = 1, n = 1, inner = 1;
};

/// The mean and the variance (biased) of each channel; NaN for channels of no elements.
void channel_moments(DType dtype, const Channels& size, const void* x, void* mean, void* variance);

struct BatchNormArrays {
  const void *x, *mean, *variance, *gamma, *beta;
  void* y;
};
/// y = (x - mean) / sqrt(variance + epsilon) gamma + beta
void batch_norm(DType dtype, const Channels& size, const BatchNormArrays& arrays, double epsilon);

/// With h = (x - mean) factor and factor = 1 / sqrt(variance + epsilon), for channels of m
/// elements: dgamma = sum(dy h), dbeta = sum(dy), and dx = gamma factor (dy - dbeta / m - h dgamma
/// / m) + dmean / m + 2 (x - mean) dvariance / m, which is the gradient by x when mean and variance
/// are those of x and have gradients of their own. `dx` may be `dy`.
struct BatchNormGradArrays {
  const void *x, *gamma, *mean, *variance, *dy, *dmean, *dvariance;
  void *dx, *dgamma, *dbeta;
};
void batch_norm_grad(DType dtype,
                     const Channels& size,
                     const BatchNormGradArrays& arrays,
                     double epsilon);

}  // namespace nyala::kernels
