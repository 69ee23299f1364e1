#include <limits>

#include <nyala/models/losses/classes.hpp>
#include <nyala/models/losses/functions.hpp>
#include <nyala/models/losses/support.hpp>

namespace nyala::losses {

Tensor dice(const Tensor& y_true, const Tensor& y_pred, const Axes& axis) {
  const Tensor t = ops::cast(y_true, y_pred.dtype());
  const Tensor overlap = ops::sum(t * y_pred, {.axis = axis});
  const Tensor total = ops::sum(t, {.axis = axis}) + ops::sum(y_pred, {.axis = axis});
  return 1 - 2.0 * overlap / (total + kEpsilon);
}

Tensor tversky(const Tensor& y_true, const Tensor& y_pred, const TverskyOptions& options) {
  const Axes& axis = options.axis;
  const Tensor t = ops::cast(y_true, y_pred.dtype());
  const Tensor overlap = ops::sum(t * y_pred, {.axis = axis});
  const Tensor missed = ops::sum((1 - y_pred) * t, {.axis = axis});
  const Tensor extra = ops::sum(y_pred * (1 - t), {.axis = axis});
  return 1 - overlap / (overlap + missed * options.alpha + extra * options.beta + kEpsilon);
}

Tensor circle(const Tensor& y_true, const Tensor& y_pred, const CircleOptions& options) {
  if (y_pred.rank() != 2)
    throw ShapeError("circle: received y_pred of shape " + y_pred.shape().str() +
                     ", expected (batch, size)");
  const DType dtype = y_pred.dtype();
  const Tensor labels = ops::reshape(ops::cast(y_true, DType::int32), {-1, 1});
  const Tensor same = ops::equal(labels, ops::transpose(labels));
  Tensor positive = same;
  if (options.remove_diagonal) {
    const Tensor self = ops::eye(y_pred.shape()[0], {}, {DType::bool_});
    positive = ops::logical_and(same, ops::logical_not(self));
  }
  const Tensor negative = ops::logical_not(same);

  const double margin = options.margin;
  const Tensor distance = ops::maximum(1 - ops::matmul(y_pred, ops::transpose(y_pred)), 0);
  const auto weight = [&](const Tensor& towards, const Tensor& mask) {
    return ops::maximum(towards * ops::cast(mask, dtype), 0);
  };
  const Tensor pull = -options.gamma * weight(margin + distance, positive) * (margin - distance);
  const Tensor push =
      options.gamma * weight(1 + margin - distance, negative) * (1 - margin - distance);

  constexpr double kNever = -std::numeric_limits<double>::infinity();
  const auto total = [&](const Tensor& mask, const Tensor& values) {
    return ops::logsumexp(ops::where(mask, values, kNever), {.axis = 1});
  };
  Tensor values = ops::softplus(total(positive, pull) + total(negative, push));
  values.set_mask(values > 0);
  return values;
}

NYALA_LOSS(Dice, dice(t, p, args.axis))
NYALA_LOSS(Tversky, tversky(t, p, {args.alpha, args.beta, args.axis}))
NYALA_LOSS(Circle, circle(t, p, {NYALA_CIRCLE_OPTIONS(NYALA_OPTION_COPY)}))

}  // namespace nyala::losses
