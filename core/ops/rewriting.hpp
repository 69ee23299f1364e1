#pragma once
/// Ops that compiled programs put in place of others.
#include <nyala/core/op.hpp>

namespace nyala::ops {

/// The product of rows with a matrix plus a bias, then max(., 0) with `relu`: see `linear`.
AnyOp linear_op(bool relu);
/// For what keeps the elements and their order.
AnyOp reshape_op(const Shape& shape);

}  // namespace nyala::ops
