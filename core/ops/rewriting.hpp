#pragma once
/// Ops that compiled programs put in place of others.
#include <nyala/core/op.hpp>

namespace nyala::ops {

/// For a product, the addition of a row and (with `relu`) what of that is positive: see `linear`.
AnyOp linear_op(bool relu);
/// For what keeps the elements and their order.
AnyOp reshape_op(const Shape& shape);

}  // namespace nyala::ops
