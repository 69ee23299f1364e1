#pragma once
/// What several ops make, in one kernel: for layers that compute it.
#include <utility>

#include <nyala/core/tensor.hpp>

namespace nyala::ops {

/// sum(l2_normalize(x) l2_normalize(y)) along the last axis: (..., n) with (..., n) to (...), of
/// one floating dtype. Throws ShapeError for other shapes.
Tensor normalized_dot(const Tensor& x, const Tensor& y);
/// batch_dot of l2_normalize of both along the axes that are summed over, which count from the
/// start. Both are floating.
Tensor normalized_batch_dot(const Tensor& x, const Tensor& y, std::pair<int, int> axes);

}  // namespace nyala::ops
