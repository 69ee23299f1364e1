#pragma once
/// Square matrices: the last two axes; those before are batch axes.
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala::ops {

/// The determinant.
Tensor det(const Tensor& x);
/// The inverse. Throws ValueError for a singular matrix.
Tensor inv(const Tensor& x);
/// The solution x of a x = b, for b of shape (..., n) or (..., n, k). Throws ValueError for a
/// singular matrix.
Tensor solve(const Tensor& a, const Tensor& b);
/// The factor L of x = L L^T: lower triangular, or with `upper` its transpose. Throws ValueError
/// for a matrix that is not positive definite.
Tensor cholesky(const Tensor& x, bool upper = false);

}  // namespace nyala::ops

#pragma GCC visibility pop
