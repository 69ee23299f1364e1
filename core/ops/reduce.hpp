#pragma once
/// Reductions over axes.
#include <initializer_list>
#include <optional>
#include <vector>

#include <nyala/core/fields.hpp>
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
/// null, a number or a list; Keras 3 writes a tuple as {"class_name": "__tuple__", "items"}.
template <>
struct ConfigCodec<Axes> {
  static Config to(const Axes& axes) {
    if (!axes.given()) return {};
    if (axes.axes().size() == 1) return axes.axes()[0];
    return ConfigCodec<std::vector<int>>::to(axes.axes());
  }
  static Axes from(const Config& config) {
    if (config.is_null()) return {};
    if (config.is_int()) return Axes(ConfigCodec<int>::from(config));
    const Config* items = config.find("items");
    return Axes(ConfigCodec<std::vector<int>>::from(items != nullptr ? *items : config));
  }
};

struct ReduceArgs {
  Axes axis = {};
  bool keepdims = false;
};

struct ArgReduceArgs {
  std::optional<int> axis = {};
  bool keepdims = false;
};
struct AverageArgs {
  std::optional<int> axis = {};
  Tensor weights = {};
};
struct CumulativeArgs {
  std::optional<int> axis = {};  ///< without one, over all elements in row-major order
  bool reverse = false;          ///< from the end
  bool exclusive = false;        ///< each element itself left out
};
struct NormArgs {
  std::optional<double> ord = {};
  Axes axis = {};
  bool keepdims = false;
};
/// What `moments` gives.
struct Moments {
  Tensor mean;
  Tensor variance;
};

namespace ops {

/// Bool is summed as int32; the sum of nothing is 0.
Tensor sum(const Tensor& x, const ReduceArgs& args = {});
/// Integers give floatx.
Tensor mean(const Tensor& x, const ReduceArgs& args = {});
/// Its gradient is right where factors are 0.
Tensor prod(const Tensor& x, const ReduceArgs& args = {});
/// Where several elements are the largest they share the gradient.
Tensor max(const Tensor& x, const ReduceArgs& args = {});
Tensor min(const Tensor& x, const ReduceArgs& args = {});
Tensor any(const Tensor& x, const ReduceArgs& args = {});
Tensor all(const Tensor& x, const ReduceArgs& args = {});
inline Tensor amax(const Tensor& x, const ReduceArgs& args = {}) { return max(x, args); }
inline Tensor amin(const Tensor& x, const ReduceArgs& args = {}) { return min(x, args); }
/// Where the first largest (smallest) element stands, as int32; the first NaN counts as the
/// largest (smallest). Throws ValueError where there are no elements.
Tensor argmax(const Tensor& x, const ArgReduceArgs& args = {});
Tensor argmin(const Tensor& x, const ArgReduceArgs& args = {});
/// log(sum(exp(x))), without overflow.
Tensor logsumexp(const Tensor& x, const ReduceArgs& args = {});
/// The mean of the squared distances from the mean, and its square root.
Tensor var(const Tensor& x, const ReduceArgs& args = {});
Tensor std(const Tensor& x, const ReduceArgs& args = {});
Moments moments(const Tensor& x, const ReduceArgs& args = {});
/// The mean, weighted where weights are given: of x's shape, or one for each place of the axis.
Tensor average(const Tensor& x, const AverageArgs& args = {});
/// How many elements are not zero, as int32.
Tensor count_nonzero(const Tensor& x, const ReduceArgs& args = {});
/// The middle element in order; the mean of both where their number is even.
Tensor median(const Tensor& x, const ReduceArgs& args = {});
/// The number below which a share `q` (one number, or a rank-1 tensor of them, which gives a new
/// first axis) of the elements lies, interpolated between neighbours.
Tensor quantile(const Tensor& x, const Tensor& q, const ReduceArgs& args = {});
/// (sum |x|^ord)^(1/ord) over one axis; ord may be infinite (the largest) or 0 (how many are not
/// 0). Without ord the root of the sum of squares, over any axes. Over two axes with ord 1, -1 or
/// infinite it is the norm of matrices.
Tensor norm(const Tensor& x, const NormArgs& args = {});
/// Running sums and products.
Tensor cumsum(const Tensor& x, const CumulativeArgs& args = {});
Tensor cumprod(const Tensor& x, const CumulativeArgs& args = {});

}  // namespace ops
}  // namespace nyala
