#pragma once
/// A dense layer's arithmetic in one kernel.
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala::ops {

/// x w + b for x (..., k), w (k, n) and b (n) of one floating dtype, and max(0, that) with `relu`.
/// Throws ShapeError for anything else.
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b, bool relu = false);

}  // namespace nyala::ops

#pragma GCC visibility pop
