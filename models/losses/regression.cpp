#include <cmath>
#include <numbers>

#include <nyala/models/losses/classes.hpp>
#include <nyala/models/losses/functions.hpp>
#include <nyala/models/losses/support.hpp>

namespace nyala::losses {
namespace {

// y_true in the dtype of y_pred, both of one rank.
std::pair<Tensor, Tensor> prepare(const Tensor& y_true, const Tensor& y_pred) {
  return to_same_rank(ops::cast(y_true, y_pred.dtype()), y_pred);
}

}  // namespace

Tensor mean_squared_error(const Tensor& y_true, const Tensor& y_pred) {
  const auto [t, p] = prepare(y_true, y_pred);
  return ops::mean(ops::square(t - p), {.axis = -1});
}

Tensor mean_absolute_error(const Tensor& y_true, const Tensor& y_pred) {
  const auto [t, p] = prepare(y_true, y_pred);
  return ops::mean(ops::abs(t - p), {.axis = -1});
}

Tensor mean_absolute_percentage_error(const Tensor& y_true, const Tensor& y_pred) {
  const auto [t, p] = prepare(y_true, y_pred);
  const Tensor share = ops::abs((t - p) / ops::maximum(ops::abs(t), kEpsilon));
  return 100.0 * ops::mean(share, {.axis = -1});
}

Tensor mean_squared_logarithmic_error(const Tensor& y_true, const Tensor& y_pred) {
  const auto [t, p] = prepare(y_true, y_pred);
  const auto log_of = [](const Tensor& x) { return ops::log(ops::maximum(x, kEpsilon) + 1.0); };
  return ops::mean(ops::square(log_of(p) - log_of(t)), {.axis = -1});
}

Tensor huber(const Tensor& y_true, const Tensor& y_pred, double delta) {
  const auto [t, p] = prepare(y_true, y_pred);
  const Tensor error = p - t;
  const Tensor size = ops::abs(error);
  return ops::mean(
      ops::where(size <= delta, 0.5 * ops::square(error), delta * size - 0.5 * delta * delta),
      {.axis = -1});
}

Tensor log_cosh(const Tensor& y_true, const Tensor& y_pred) {
  const auto [t, p] = prepare(y_true, y_pred);
  const Tensor error = p - t;
  return ops::mean(error + ops::softplus(-2.0 * error) - std::numbers::ln2, {.axis = -1});
}

Tensor cosine_similarity(const Tensor& y_true, const Tensor& y_pred, int axis) {
  const auto [t, p] = prepare(y_true, y_pred);
  return -ops::sum(ops::l2_normalize(t, {.axis = axis}) * ops::l2_normalize(p, {.axis = axis}),
                   {.axis = axis});
}

NYALA_LOSS(MeanSquaredError, mean_squared_error(t, p))
NYALA_LOSS(MeanAbsoluteError, mean_absolute_error(t, p))
NYALA_LOSS(MeanAbsolutePercentageError, mean_absolute_percentage_error(t, p))
NYALA_LOSS(MeanSquaredLogarithmicError, mean_squared_logarithmic_error(t, p))
NYALA_LOSS(Huber, huber(t, p, args.delta))
NYALA_LOSS(LogCosh, log_cosh(t, p))
NYALA_LOSS(CosineSimilarity, cosine_similarity(t, p, args.axis))

}  // namespace nyala::losses
