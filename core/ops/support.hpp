#pragma once
/// What the files of ops share. Not part of the public API.
#include <string>

#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/op.hpp>
#include <nyala/core/ops.hpp>

namespace nyala::ops {

inline kernels::In in(const Tensor& x) { return {x.data(), x.strides().data()}; }

/// Strides that make `x` look like `shape`: 0 along what is repeated.
Shape broadcast_strides(const Tensor& x, const Shape& shape);

/// x and y in the dtype that Keras computes both in.
std::pair<Tensor, Tensor> promote(const Tensor& x, const Tensor& y);
/// The same for a plain number, which takes the tensor's dtype.
Tensor scalar_beside(Scalar value, const Tensor& other);
/// x, cast to floatx when it is bool or integer.
Tensor to_float(const Tensor& x);
/// Sums a gradient over what broadcasting repeated.
Tensor sum_to(const Tensor& dy, const Shape& shape);

/// An op without options.
struct NoOptions {
  static constexpr auto fields() { return std::tuple{}; }
};

}  // namespace nyala::ops
