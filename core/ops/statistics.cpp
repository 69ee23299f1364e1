// Reductions made of other ops.
#include <cmath>

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

// The elements at place `at` of sorted rows, interpolated where it lies between two.
Tensor interpolate(const Tensor& sorted, double at) {
  const auto low = static_cast<std::int64_t>(std::floor(at));
  const auto high = static_cast<std::int64_t>(std::ceil(at));
  const Tensor below = slice_axis(sorted, -1, low, low + 1);
  if (low == high) return below;
  const Tensor above = slice_axis(sorted, -1, high, high + 1);
  const double share = at - static_cast<double>(low);
  return below * (1 - share) + above * share;
}

}  // namespace

Moments moments(const Tensor& x, const ReduceArgs& args) {
  const Tensor numbers = to_float(x);
  const Tensor center = mean(numbers, {args.axis, true});
  const Tensor variance = mean(square(numbers - center), args);
  return {args.keepdims ? center : reshape(center, variance.shape()), variance};
}

Tensor var(const Tensor& x, const ReduceArgs& args) { return moments(x, args).variance; }
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
  const Tensor numbers = to_float(x);
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
  const Flattened flat = flatten(to_float(x), args, "quantile");
  const Tensor sorted = sort(flat.rows);
  const std::int64_t last = sorted.shape()[-1] - 1;
  if (last < 0)
    throw ValueError("quantile: received shape " + x.shape().str() + ", which has no elements");
  std::vector<Tensor> results;
  for (double share : cast(q, DType::float64).to_vector<double>()) {
    if (!(share >= 0 && share <= 1))
      throw ValueError("quantile: received q = " + std::to_string(share) +
                       ", expected between 0 and 1");
    results.push_back(reshape(interpolate(sorted, share * static_cast<double>(last)), flat.shape));
  }
  return q.rank() == 0 ? results[0] : stack(results);
}

Tensor norm(const Tensor& x, const NormArgs& args) {
  const Tensor numbers = to_float(x);
  const ReduceArgs over{args.axis, args.keepdims};
  if (args.ord == 2) return sqrt(sum(square(numbers), over));
  const Tensor size = abs(numbers);
  if (args.ord == 1) return sum(size, over);
  if (args.ord == 0) return cast(count_nonzero(numbers, over), numbers.dtype());
  if (std::isinf(args.ord)) return args.ord > 0 ? max(size, over) : min(size, over);
  if (std::isnan(args.ord)) throw ValueError("norm: received ord = nan");
  return power(sum(power(size, args.ord), over), 1 / args.ord);
}

}  // namespace nyala::ops
