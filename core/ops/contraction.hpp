#pragma once
/// Sums of products.
#include <utility>
#include <vector>

#include <nyala/core/tensor.hpp>

namespace nyala::ops {

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

}  // namespace nyala::ops
