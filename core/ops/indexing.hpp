#pragma once
/// Reading and writing by index, and the order of elements. Indices are integers of any dtype;
/// negative ones count from the end. One out of bounds is an IndexError.
#include <optional>
#include <vector>

#include <nyala/core/ops/shaping.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct OneHotArgs {
  int axis = -1;
  DTypeLike dtype = DType::float32;
};
struct SortArgs {
  int axis = -1;
  bool descending = false;
};
struct ArgSortArgs {
  std::optional<int> axis = -1;
  bool descending = false;
};
/// The largest elements of each row, in descending order, and where they stand (int32).
struct TopK {
  Tensor values;
  Tensor indices;
};
struct SegmentArgs {
  /// How many segments the result has; without it, one more than the largest number.
  std::optional<std::int64_t> num_segments = {};
};
struct BincountArgs {
  Tensor weights = {};
  std::int64_t minlength = 0;
};

namespace ops {

/// The elements of an axis at `indices`, whose shape takes the axis's place; without an axis, of
/// all elements in row-major order.
Tensor take(const Tensor& x, const Tensor& indices, const AnyAxis& args = {});
/// One element for each index: out[i][j] = x[i][indices[i][j]] for axis 1. The other axes
/// broadcast.
Tensor take_along_axis(const Tensor& x, const Tensor& indices, const AnyAxis& args = {});
/// Zeros of `shape` to which `updates` are added at `indices` along an axis: what take takes, put
/// back. Updates of one index are added in their order.
Tensor scatter_add(const Tensor& indices,
                   const Tensor& updates,
                   const Shape& shape,
                   const FirstAxis& args = {});
/// The same for take_along_axis.
Tensor scatter_add_along_axis(const Tensor& indices,
                              const Tensor& updates,
                              const Shape& shape,
                              const FirstAxis& args = {});
/// 1 at each index, 0 elsewhere, along a new axis. An index out of range gives zeros, as in Keras;
/// floats count by their whole part. Throws IndexError for NaN.
Tensor one_hot(const Tensor& indices, std::int64_t num_classes, const OneHotArgs& args = {});
/// 1 for each class that occurs in a row.
Tensor multi_hot(const Tensor& indices, std::int64_t num_classes, const OneHotArgs& args = {});

/// In order along an axis, NaN last.
Tensor sort(const Tensor& x, const SortArgs& args = {});
/// The places (int32) that the elements in order come from; equal ones stay in their order.
Tensor argsort(const Tensor& x, const ArgSortArgs& args = {});
/// The k largest of the last axis.
TopK top_k(const Tensor& x, std::int64_t k);
/// Whether the score of each target class is among the row's k largest.
Tensor in_top_k(const Tensor& targets, const Tensor& predictions, std::int64_t k);

/// Sums (or the largest) of the rows of x that have the same segment number. Empty segments give 0
/// (or the lowest number). Rows with a number out of range are left out.
Tensor segment_sum(const Tensor& x, const Tensor& segment_ids, const SegmentArgs& args = {});
Tensor segment_max(const Tensor& x, const Tensor& segment_ids, const SegmentArgs& args = {});
/// How often each number occurs in a rank-1 tensor (int32), or the sum of their weights.
Tensor bincount(const Tensor& x, const BincountArgs& args = {});
/// How many of the ascending `sorted` come before each value (int32); `right`: those equal to it
/// too.
Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right = false);
/// The bin (int32) that each element falls into, between ascending boundaries.
Tensor digitize(const Tensor& x, const Tensor& bins);
/// The index along each axis of the elements at row-major places `indices`. Throws IndexError for
/// a place that the shape does not have.
std::vector<Tensor> unravel_index(const Tensor& indices, const Shape& shape);
/// The places (int32) of the elements that are not zero, one tensor for each axis.
std::vector<Tensor> nonzero(const Tensor& x);

// The axis as in keras.ops, behind what it applies to: `sort(x, 0)`, `take(x, indices, 1)`.
template <class A>
Tensor sort(const Tensor& x, const A& axis) {
  return sort(x, SortArgs{.axis = detail::axis_from(axis)});
}
template <class A>
Tensor argsort(const Tensor& x, const A& axis) {
  return argsort(x, ArgSortArgs{.axis = detail::axis_from(axis)});
}
template <class A>
Tensor take(const Tensor& x, const Tensor& indices, const A& axis) {
  return take(x, indices, AnyAxis{detail::axis_from(axis)});
}
template <class A>
Tensor take_along_axis(const Tensor& x, const Tensor& indices, const A& axis) {
  return take_along_axis(x, indices, AnyAxis{detail::axis_from(axis)});
}
template <class A>
Tensor one_hot(const Tensor& indices, std::int64_t num_classes, const A& axis) {
  return one_hot(indices, num_classes, OneHotArgs{.axis = detail::axis_from(axis)});
}

}  // namespace ops
}  // namespace nyala

#pragma GCC visibility pop
