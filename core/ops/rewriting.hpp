#pragma once
/// Ops that compiled programs put in place of others.
#include <memory>

#include <nyala/core/op.hpp>

namespace nyala::kernels {
struct MatmulPlan;
}

namespace nyala::ops {

/// For a product, the addition of a row and (with `relu`) what of that is positive: see `linear`.
AnyOp linear_op(bool relu);
/// For a `conv` and what of it is positive: one `conv`.
AnyOp conv_with_relu(const AnyOp& conv);
/// For what keeps the elements and their order.
AnyOp reshape_op(const Shape& shape);

/// Whether the op gives a view of its one input, for an input of this layout; its `forward` then
/// never reads the elements.
bool gives_view(const AnyOp& op, const Tensor& input);

/// The product of two matrices that a `dot_general` or a `linear` is, for inputs that lie as these
/// do; null for other ops and other products. A third input is the bias.
std::shared_ptr<const kernels::MatmulPlan> product_of(const AnyOp& op, Inputs<Tensor> inputs);
std::shared_ptr<const kernels::MatmulPlan> linear_product(const AnyOp& op, Inputs<Tensor> inputs);

}  // namespace nyala::ops
