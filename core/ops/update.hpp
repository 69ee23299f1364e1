#pragma once
/// What optimizers compute for a weight, each in one pass over floats of one shape and dtype.
#include <nyala/core/tensor.hpp>

namespace nyala::ops {

/// x + (y - x) weight: a moving average, for a weight of one element.
Tensor lerp(const Tensor& x, const Tensor& y, const Tensor& weight);
Tensor lerp(const Tensor& x, const Tensor& y, Scalar weight);
/// x + (y^2 - x) weight: the moving average of squares.
Tensor lerp_square(const Tensor& x, const Tensor& y, Scalar weight);
/// x - y rate, for a rate of one element: a step downhill.
Tensor descend(const Tensor& x, const Tensor& y, const Tensor& rate);
/// x - m rate / (sqrt(v) + epsilon): the step of Adam (Kingma and Ba, 2014), for a rate of one
/// element.
Tensor root_step(
    const Tensor& x, const Tensor& m, const Tensor& v, const Tensor& rate, Scalar epsilon);

}  // namespace nyala::ops
