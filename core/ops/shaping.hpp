#pragma once
/// Shapes: most of these look at the same elements anew and copy nothing.
#include <optional>
#include <string>
#include <vector>

#include <nyala/core/ops/reduce.hpp>
#include <nyala/core/tensor.hpp>

namespace nyala::ops {

/// The same elements in row-major order under another shape; one size may be -1. A view where the
/// strides allow. Throws ShapeError.
Tensor reshape(const Tensor& x, const Shape& shape);
/// Axes in the given order; reversed without one. A view.
Tensor transpose(const Tensor& x, const std::vector<int>& axes = {});
Tensor swapaxes(const Tensor& x, int axis1, int axis2);
Tensor moveaxis(const Tensor& x, int source, int destination);
/// Repeated along axes of size 1 and new leading ones. A view.
Tensor broadcast_to(const Tensor& x, const Shape& shape);
Tensor expand_dims(const Tensor& x, int axis);
/// Without axes of size 1: all, or the given ones. Throws ValueError where the size is not 1.
Tensor squeeze(const Tensor& x, const Axes& axis = {});

/// Elements start, start + step, ... before stop along one axis, as Python's x[start:stop:step].
struct Range1 {
  std::optional<std::int64_t> start = {};
  std::optional<std::int64_t> stop = {};
  std::int64_t step = 1;
};
/// Python's slicing: a range for each leading axis. A view.
Tensor slice(const Tensor& x, const std::vector<Range1>& ranges);
/// Slices along one axis.
Tensor slice_axis(
    const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step = 1);

}  // namespace nyala::ops
