#pragma once
/// Sums of products.
#include <string_view>
#include <utility>
#include <vector>

#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// The axes that `tensordot` pairs: `2` for the last two of x with the first two of y, or a list
/// for each.
struct DotAxes {
  DotAxes(int count_) : count(count_) {}
  DotAxes(std::vector<int> x_, std::vector<int> y_) : x(std::move(x_)), y(std::move(y_)) {}

  int count = -1;
  std::vector<int> x;
  std::vector<int> y;
};

namespace ops {

/// Which axes a contraction pairs: `batch` axes stay, `contract` axes are summed over. The result
/// has the batch axes, then what is left of x, then what is left of y.
struct DotDims {
  std::vector<int> x_batch = {};
  std::vector<int> y_batch = {};
  std::vector<int> x_contract = {};
  std::vector<int> y_contract = {};
};
/// The general sum of products. All others here are made of it, and it copies no operand whose axes
/// can be walked with one stride. Integers are exact (they wrap). Throws ShapeError.
Tensor dot_general(const Tensor& x, const Tensor& y, const DotDims& dims);

/// NumPy's matmul: the last two axes multiplied, those before broadcast.
Tensor matmul(const Tensor& x, const Tensor& y);
/// Sample by sample, the sum of products over one axis of each: Keras's batch_dot. x is (batch,
/// ...), y is (batch, ...); the result (batch, x's other axes, y's other axes), and (batch, 1) when
/// none is left. Axes count from 0 and may be negative.
Tensor batch_dot(const Tensor& x, const Tensor& y, std::pair<int, int> axes);

/// Einstein's sum, as NumPy writes it: `einsum("bij,bjk->bik", {x, y})`. Labels that the result
/// lacks are summed over; a label twice in one operand takes its diagonal; `...` stands for axes
/// that broadcast. Throws ValueError for an expression that does not fit, ShapeError for sizes that
/// differ.
Tensor einsum(std::string_view expression, Inputs<Tensor> operands);
/// Sums over pairs of axes; what is left of x, then of y.
Tensor tensordot(const Tensor& x, const Tensor& y, const DotAxes& axes = 2);
/// NumPy's dot: the last axis of x with the last but one of y; a product where one is a number.
Tensor dot(const Tensor& x, const Tensor& y);
/// The last axis of each.
Tensor inner(const Tensor& x, const Tensor& y);
/// All products of an element of x and one of y.
Tensor outer(const Tensor& x, const Tensor& y);
/// The sum of products of all elements.
Tensor vdot(const Tensor& x, const Tensor& y);
/// The vector product along the last axis, of size 3 (or 2, where the third is taken as 0; with two
/// such the result is a number).
Tensor cross(const Tensor& x, const Tensor& y);
/// The Kronecker product.
Tensor kron(const Tensor& x, const Tensor& y);

}  // namespace ops
}  // namespace nyala

#pragma GCC visibility pop
