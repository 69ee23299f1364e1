// Reductions made of other ops.
#include <cmath>
#include <limits>

#include <nyala/core/ops/support.hpp>

namespace nyala::ops {
namespace {

// x with the reduced axes brought to the end as one, and the shape that the result has.
struct Flattened {
  Tensor rows;
  Shape shape;
};
Flattened flatten(const Tensor& x, const ReduceArgs& args, const char* who) {
  const std::vector<bool> flags = args.axis.flags(x.rank(), who);
  Flattened result;
  Shape flat;
  for (int i = 0; i < x.rank(); ++i) {
    const bool reduced = flags[static_cast<std::size_t>(i)];
    if (!reduced) flat.push_back(x.shape()[i]);
    if (!reduced || args.keepdims) result.shape.push_back(reduced ? 1 : x.shape()[i]);
  }
  flat.push_back(merged_size(x.shape(), flags));
  result.rows = reshape(transpose(x, reduced_last(flags)), flat);
  return result;
}

}  // namespace

namespace {

Moments float_moments(const Tensor& x, const ReduceArgs& args) {
  const DType dtype = to_float(x).dtype();
  const Tensor numbers = computable(to_float(x));
  const Tensor center = mean(numbers, {args.axis, true});
  const Tensor variance = mean(square(numbers - center), args);
  return {cast(args.keepdims ? center : reshape(center, variance.shape()), dtype),
          cast(variance, dtype)};
}

}  // namespace

Moments moments(const Tensor& x, const ReduceArgs& args) {
  Moments found = float_moments(x, args);
  if (!is_integer(x.dtype())) return found;
  return {cast(found.mean, x.dtype()), cast(found.variance, x.dtype())};
}

Tensor var(const Tensor& x, const ReduceArgs& args) { return float_moments(x, args).variance; }
Tensor std(const Tensor& x, const ReduceArgs& args) { return sqrt(var(x, args)); }

Tensor average(const Tensor& x, const AverageArgs& args) {
  const ReduceArgs over{args.axis ? Axes(*args.axis) : Axes(), false};
  if (!args.weights.defined()) return mean(x, over);
  Tensor weights = args.weights;
  if (weights.rank() == 1 && x.rank() > 1) {
    if (!args.axis) throw ValueError("average: weights of rank 1 need an axis");
    Shape shape = Shape::filled(x.rank(), 1);
    shape[normalize_axis(*args.axis, x.rank(), "average")] = weights.shape()[0];
    weights = reshape(weights, shape);
  }
  const Tensor numbers = promote(to_float(x), weights).first;
  const Tensor spread = broadcast_to(cast(weights, numbers.dtype()), x.shape());
  return sum(numbers * spread, over) / sum(spread, over);
}

Tensor count_nonzero(const Tensor& x, const ReduceArgs& args) {
  return sum(cast(not_equal(x, 0), DType::int32), args);
}

Tensor median(const Tensor& x, const ReduceArgs& args) {
  return quantile(x, Tensor::scalar(0.5, to_float(x).dtype()), args);
}

Tensor quantile(const Tensor& x, const Tensor& q, const ReduceArgs& args) {
  if (q.rank() > 1)
    throw ShapeError("quantile: received q of shape " + q.shape().str() +
                     ", expected one number or rank 1");
  if (!q.is_abstract() && !all(logical_and(q >= 0, q <= 1)).item<bool>())
    throw ValueError("quantile: received a share outside [0, 1]");
  const Flattened flat = flatten(to_float(x), args, "quantile");
  const Tensor sorted = sort(flat.rows);
  const std::int64_t last = sorted.shape()[-1] - 1;
  if (last == -1)
    throw ValueError("quantile: received shape " + x.shape().str() + ", which has no elements");
  const Tensor at = cast(q, computed_in(sorted.dtype())) * last;
  const Tensor low = floor(at);
  const Tensor share = at - low;
  const Tensor below = take(sorted, cast(low, DType::int64), {.axis = -1});
  const Tensor above = take(sorted, cast(ceil(at), DType::int64), {.axis = -1});
  // A place between two infinities is not weighed: 0 times infinity is NaN. NaN is sorted last.
  const Tensor between = where(share > 0, below * (1 - share) + above * share, below);
  Tensor has_nan = isnan(slice_axis(sorted, -1, last, last + 1));
  if (q.rank() == 0) has_nan = squeeze(has_nan, -1);
  const Tensor result =
      cast(where(has_nan, std::numeric_limits<double>::quiet_NaN(), between), sorted.dtype());
  if (q.rank() == 0) return reshape(result, flat.shape);
  Shape shape = flat.shape;
  shape.insert(0, q.shape()[0]);
  return reshape(moveaxis(result, -1, 0), shape);
}

}  // namespace nyala::ops
