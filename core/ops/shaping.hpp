#pragma once
/// Shapes: most of these look at the same elements anew and copy nothing.
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nyala/core/ops/reduce.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// An axis, the first by default.
struct FirstAxis {
  int axis = 0;
};
/// An axis, the last by default.
struct LastAxis {
  int axis = -1;
};
/// An axis; without one, all elements in row-major order.
struct AnyAxis {
  std::optional<int> axis = {};
};

/// Where `split` cuts: `3` for so many equal parts, `{2, 5}` for cuts before elements 2 and 5.
struct SplitPoints {
  SplitPoints(int sections_) : sections(sections_) {}
  SplitPoints(std::int64_t sections_) : sections(sections_) {}
  SplitPoints(std::initializer_list<std::int64_t> indices_) : indices(indices_) {}
  SplitPoints(std::vector<std::int64_t> indices_) : indices(std::move(indices_)) {}

  std::optional<std::int64_t> sections;
  std::vector<std::int64_t> indices;
};
/// How often `repeat` takes each element: one number for all, or one for each.
struct Repeats {
  Repeats(int times) : counts{times} {}
  Repeats(std::int64_t times) : counts{times} {}
  Repeats(std::initializer_list<std::int64_t> counts_) : counts(counts_) {}
  Repeats(std::vector<std::int64_t> counts_) : counts(std::move(counts_)) {}

  std::vector<std::int64_t> counts;
};
/// What `pad` adds before and after an axis.
struct PadWidth {
  std::int64_t before = 0;
  std::int64_t after = 0;
};
struct PadArgs {
  /// "constant", "reflect" (the edge not repeated) or "symmetric" (the edge repeated).
  std::string mode = "constant";
  double constant_values = 0;
};

namespace ops {

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
/// keras.ops.slice: `sizes` elements of each axis from `starts` on (-1: all that follow).
Tensor slice(const Tensor& x,
             const std::vector<std::int64_t>& starts,
             const std::vector<std::int64_t>& sizes);

/// One after the other along an axis that exists already; promoted to one dtype. Throws ShapeError
/// where other axes differ.
Tensor concatenate(Inputs<Tensor> tensors, const FirstAxis& args = {});
/// One after the other along a new axis.
Tensor stack(Inputs<Tensor> tensors, const FirstAxis& args = {});
/// The rows along an axis, which goes. Views.
std::vector<Tensor> unstack(const Tensor& x, const FirstAxis& args = {});
/// Parts of an axis: views. Throws ValueError where the sections do not divide the size, or a cut
/// lies outside the axis.
std::vector<Tensor> split(const Tensor& x, const SplitPoints& points, const FirstAxis& args = {});
/// More elements around: one width for each axis, or one for all.
Tensor pad(const Tensor& x, const std::vector<PadWidth>& widths, const PadArgs& args = {});
/// The whole, repeated along each axis.
Tensor tile(const Tensor& x, const std::vector<std::int64_t>& repeats);
/// Each element, repeated.
Tensor repeat(const Tensor& x, const Repeats& repeats, const AnyAxis& args = {});
/// In reverse along the axes, all without one. A view.
Tensor flip(const Tensor& x, const Axes& axis = {});
/// Shifted towards the end; what leaves there comes back at the start.
Tensor roll(const Tensor& x, std::int64_t shift, const AnyAxis& args = {});
/// A quarter turn, `k` times, from the first axis towards the second.
Tensor rot90(const Tensor& x, int k = 1, std::pair<int, int> axes = {0, 1});
/// Zero below (triu) or above (tril) the k-th diagonal of the last two axes.
Tensor triu(const Tensor& x, int k = 0);
Tensor tril(const Tensor& x, int k = 0);
/// Rank 1: a matrix with x on its k-th diagonal. Rank 2: that diagonal.
Tensor diag(const Tensor& x, int k = 0);
/// The k-th diagonal over two axes, as a new last axis.
Tensor diagonal(const Tensor& x, int k = 0, std::pair<int, int> axes = {0, 1});
/// The sum of that diagonal.
Tensor trace(const Tensor& x, int k = 0, std::pair<int, int> axes = {0, 1});
/// Differences of neighbours, `n` times over.
Tensor diff(const Tensor& x, int n = 1, const LastAxis& args = {});

// The axis as in keras.ops, behind what it applies to: `concatenate({x, y}, 1)`, `roll(x, 2, 0)`.
template <class A>
Tensor concatenate(Inputs<Tensor> tensors, const A& axis) {
  return concatenate(tensors, FirstAxis{detail::axis_from(axis)});
}
template <class A>
Tensor stack(Inputs<Tensor> tensors, const A& axis) {
  return stack(tensors, FirstAxis{detail::axis_from(axis)});
}
template <class A>
std::vector<Tensor> split(const Tensor& x, const SplitPoints& points, const A& axis) {
  return split(x, points, FirstAxis{detail::axis_from(axis)});
}
template <class A>
Tensor repeat(const Tensor& x, const Repeats& repeats, const A& axis) {
  return repeat(x, repeats, AnyAxis{detail::axis_from(axis)});
}
template <class A>
Tensor roll(const Tensor& x, std::int64_t shift, const A& axis) {
  return roll(x, shift, AnyAxis{detail::axis_from(axis)});
}
template <class A>
Tensor diff(const Tensor& x, int n, const A& axis) {
  return diff(x, n, LastAxis{detail::axis_from(axis)});
}

}  // namespace ops
}  // namespace nyala

#pragma GCC visibility pop
