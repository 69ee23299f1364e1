#pragma once
/// Reductions over axes.
#include <initializer_list>
#include <optional>
#include <vector>

#include <nyala/core/tensor.hpp>

namespace nyala {

/// None, one or several axes: `.axis = 1`, `.axis = {0, -1}`; none means all.
class Axes {
 public:
  Axes() = default;
  Axes(int axis) : axes_{axis}, given_(true) {}
  Axes(std::initializer_list<int> axes) : axes_(axes), given_(true) {}
  Axes(std::vector<int> axes) : axes_(std::move(axes)), given_(true) {}

  bool given() const { return given_; }
  const std::vector<int>& axes() const { return axes_; }
  /// One flag for each axis of the rank; throws IndexError, naming `who`, for an axis out of range
  /// and ValueError for one named twice.
  std::vector<bool> flags(int rank, const char* who) const;

  friend bool operator==(const Axes&, const Axes&) = default;

 private:
  std::vector<int> axes_;
  bool given_ = false;
};
struct ReduceArgs {
  Axes axis = {};
  bool keepdims = false;
};

namespace ops {

/// Bool is summed as int32; the sum of nothing is 0.
Tensor sum(const Tensor& x, const ReduceArgs& args = {});
/// Integers give floatx.
Tensor mean(const Tensor& x, const ReduceArgs& args = {});
Tensor prod(const Tensor& x, const ReduceArgs& args = {});
/// Where several elements are the largest they share the gradient.
Tensor max(const Tensor& x, const ReduceArgs& args = {});
Tensor min(const Tensor& x, const ReduceArgs& args = {});
Tensor any(const Tensor& x, const ReduceArgs& args = {});
Tensor all(const Tensor& x, const ReduceArgs& args = {});

}  // namespace ops
}  // namespace nyala
