#pragma once
/// Batch normalisation in one kernel each way.
#include <nyala/core/ops/reduce.hpp>

#pragma GCC visibility push(default)

namespace nyala::ops {

struct BatchNormArgs {
  int axis = -1;  ///< of the channels
  double epsilon = 1e-3;
};

/// x less the mean of its channel, over the root of the channel's variance + epsilon, times gamma,
/// plus beta, which have one number for each channel; all of one floating dtype. Throws ShapeError
/// for others, IndexError for an axis that x does not have.
Tensor batch_norm(const Tensor& x,
                  const Moments& moments,
                  const Tensor& gamma,
                  const Tensor& beta,
                  const BatchNormArgs& args);

/// The same with the mean and the variance (biased) of x itself, which come with it: NaN where
/// there are no elements.
struct BatchNormResult {
  Tensor y;
  Moments moments;
};
BatchNormResult batch_norm(const Tensor& x,
                           const Tensor& gamma,
                           const Tensor& beta,
                           const BatchNormArgs& args);

}  // namespace nyala::ops

#pragma GCC visibility pop
