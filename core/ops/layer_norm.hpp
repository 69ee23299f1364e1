#pragma once
/// Layer normalisation in one kernel each way.
#include <nyala/core/tensor.hpp>

namespace nyala::ops {

/// x less the mean of its row (the last axis), over the root of the row's variance + epsilon, times
/// gamma, plus beta, which have one number for each column; all of one floating dtype. Throws
/// ShapeError for others.
Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon);

}  // namespace nyala::ops
