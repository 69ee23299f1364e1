#pragma once
/// Reductions over axes: all without any, or those of `.axis`, or those that stand second.
/// `sum(x, 1)` is `sum(x, {.axis = 1})`, `sum(x, {0, 2}, {.keepdims = true})` is
/// `sum(x, {.axis = {0, 2}, .keepdims = true})`.
#include <initializer_list>
#include <optional>

#include <nyala/core/ops/axes.hpp>

#pragma GCC visibility push(default)

namespace nyala {

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
/// Where several elements are the largest they share the gradient. Throws ValueError where there
/// are no elements to choose from, as NumPy.
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
/// The middle element in order; the mean of both where their number is even. NaN where one is.
Tensor median(const Tensor& x, const ReduceArgs& args = {});
/// The number below which a share `q` (one number, or a rank-1 tensor of them, which gives a new
/// first axis) of the elements lies, interpolated between neighbours. NaN where an element is.
Tensor quantile(const Tensor& x, const Tensor& q, const ReduceArgs& args = {});
/// (sum |x|^ord)^(1/ord) over one axis; ord may be infinite (the largest) or 0 (how many are not
/// 0). Without ord the root of the sum of squares, over any axes. Over two axes with ord 1, -1 or
/// infinite it is the norm of matrices.
Tensor norm(const Tensor& x, const NormArgs& args = {});
/// Running sums and products.
Tensor cumsum(const Tensor& x, const CumulativeArgs& args = {});
Tensor cumprod(const Tensor& x, const CumulativeArgs& args = {});

// ---- the axis second ----

#define NYALA_AXES_SECOND(Result, name)                                                    \
  template <class A>                                                                       \
  Result name(const Tensor& x, const A& axis, const KeepDims& args = {}) {                 \
    return name(x, ReduceArgs{detail::axes_from(axis), args.keepdims});                    \
  }                                                                                        \
  template <detail::AxisNumber A>                                                          \
  Result name(const Tensor& x, std::initializer_list<A> axes, const KeepDims& args = {}) { \
    return name(x, ReduceArgs{detail::axes_from(axes), args.keepdims});                    \
  }
NYALA_AXES_SECOND(Tensor, sum)
NYALA_AXES_SECOND(Tensor, mean)
NYALA_AXES_SECOND(Tensor, prod)
NYALA_AXES_SECOND(Tensor, max)
NYALA_AXES_SECOND(Tensor, min)
NYALA_AXES_SECOND(Tensor, amax)
NYALA_AXES_SECOND(Tensor, amin)
NYALA_AXES_SECOND(Tensor, any)
NYALA_AXES_SECOND(Tensor, all)
NYALA_AXES_SECOND(Tensor, logsumexp)
NYALA_AXES_SECOND(Tensor, var)
NYALA_AXES_SECOND(Tensor, std)
NYALA_AXES_SECOND(Moments, moments)
NYALA_AXES_SECOND(Tensor, count_nonzero)
NYALA_AXES_SECOND(Tensor, median)
#undef NYALA_AXES_SECOND

template <class A>
Tensor argmax(const Tensor& x, const A& axis, const KeepDims& args = {}) {
  return argmax(x, ArgReduceArgs{detail::axis_from(axis), args.keepdims});
}
template <class A>
Tensor argmin(const Tensor& x, const A& axis, const KeepDims& args = {}) {
  return argmin(x, ArgReduceArgs{detail::axis_from(axis), args.keepdims});
}
template <class A>
Tensor average(const Tensor& x, const A& axis, const Tensor& weights = {}) {
  return average(x, AverageArgs{detail::axis_from(axis), weights});
}
template <class A>
Tensor quantile(const Tensor& x, const Tensor& q, const A& axis, const KeepDims& args = {}) {
  return quantile(x, q, ReduceArgs{detail::axes_from(axis), args.keepdims});
}
template <class A>
Tensor cumsum(const Tensor& x, const A& axis) {
  return cumsum(x, CumulativeArgs{.axis = detail::axis_from(axis)});
}
template <class A>
Tensor cumprod(const Tensor& x, const A& axis) {
  return cumprod(x, CumulativeArgs{.axis = detail::axis_from(axis)});
}

}  // namespace ops
}  // namespace nyala

#pragma GCC visibility pop
