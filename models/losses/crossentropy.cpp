#include <nyala/models/losses/classes.hpp>
#include <nyala/models/losses/functions.hpp>
#include <nyala/models/losses/support.hpp>

namespace nyala::losses {
namespace {

// max(x, 0) - x t + log(1 + exp(-|x|)): neither overflow nor cancellation for logits of any size.
// Written with `where` so that the gradient at 0 is sigmoid(0) - t.
Tensor logistic_loss(const Tensor& t, const Tensor& x) {
  const Tensor positive = x >= 0;
  const Tensor minus_size = ops::where(positive, -x, x);
  return ops::where(positive, x, 0) - x * t + ops::log1p(ops::exp(minus_size));
}

}  // namespace

Tensor kl_divergence(const Tensor& y_true, const Tensor& y_pred) {
  const Tensor t = ops::clip(ops::cast(y_true, y_pred.dtype()), kEpsilon, 1);
  const Tensor p = ops::clip(y_pred, kEpsilon, 1);
  return ops::sum(t * ops::log(t / p), {.axis = -1});
}

Tensor poisson(const Tensor& y_true, const Tensor& y_pred) {
  const Tensor t = ops::cast(y_true, y_pred.dtype());
  return ops::mean(y_pred - t * ops::log(y_pred + kEpsilon), {.axis = -1});
}

Tensor binary_crossentropy(const Tensor& y_true,
                           const Tensor& y_pred,
                           const CrossentropyOptions& options) {
  check_same_shape("binary_crossentropy", y_true, y_pred);
  Tensor t = ops::cast(y_true, y_pred.dtype());
  const double smooth = options.label_smoothing;
  if (smooth != 0) t = t * (1 - smooth) + 0.5 * smooth;
  if (options.from_logits) return ops::mean(logistic_loss(t, y_pred), {.axis = options.axis});
  const Tensor p = within_bounds(y_pred);
  return -ops::mean(t * ops::log(p) + (1 - t) * ops::log(1 - p), {.axis = options.axis});
}

Tensor categorical_crossentropy(const Tensor& y_true,
                                const Tensor& y_pred,
                                const CrossentropyOptions& options) {
  check_same_shape("categorical_crossentropy", y_true, y_pred);
  const Tensor t = smooth_labels(ops::cast(y_true, y_pred.dtype()), options.label_smoothing);
  const int axis = options.axis;
  if (options.from_logits)
    return -ops::sum(t * ops::log_softmax(y_pred, {.axis = axis}), {.axis = axis});
  const Tensor p = y_pred / ops::sum(y_pred, {.axis = axis, .keepdims = true});
  return -ops::sum(t * ops::log(within_bounds(p)), {.axis = axis});
}

Tensor sparse_categorical_crossentropy(const Tensor& y_true,
                                       const Tensor& y_pred,
                                       const SparseCrossentropyOptions& options) {
  constexpr const char* kWho = "sparse_categorical_crossentropy";
  if (y_pred.rank() == 0)
    throw ShapeError(std::string(kWho) +
                     ": received y_pred of shape (), expected an axis of classes");
  if (options.axis != -1 && options.axis != y_pred.rank() - 1) {
    throw ValueError(std::string(kWho) + ": received axis " + std::to_string(options.axis) +
                     " for shape " + y_pred.shape().str() + ", expected the last axis");
  }
  Tensor labels = y_true;
  if (labels.rank() == y_pred.rank() && labels.shape().back() == 1)
    labels = ops::squeeze(labels, {-1});
  check_same_shape(kWho, labels, y_pred, y_pred.rank() - 1);

  Tensor logits = y_pred;
  Tensor valid;
  if (options.ignore_class) {
    valid = ops::not_equal(labels, *options.ignore_class);
    labels = ops::where(valid, labels, 0);
    logits = ops::where(ops::expand_dims(valid, -1), logits, 0);
  }
  if (!options.from_logits) logits = ops::log(within_bounds(logits));
  const Tensor values = ops::sparse_crossentropy(logits, ops::cast(labels, DType::int64));
  if (!valid.defined()) return values;
  const Tensor kept = ops::where(valid, values, 0);
  kept.set_mask(valid);
  return kept;
}

Tensor categorical_generalized_cross_entropy(const Tensor& y_true, const Tensor& y_pred, double q) {
  Tensor labels = ops::cast(y_true, DType::int32);
  if (labels.rank() == y_pred.rank() && labels.rank() > 0 && labels.shape().back() == 1)
    labels = ops::squeeze(labels, {-1});
  check_same_shape("categorical_generalized_cross_entropy", labels, y_pred, y_pred.rank() - 1);
  const Tensor chosen = ops::one_hot(labels, y_pred.shape().back(), {.dtype = y_pred.dtype()});
  const Tensor p = ops::sum(y_pred * chosen, {.axis = -1});
  return (1 - ops::power(p, q)) / q;
}

NYALA_LOSS(KLDivergence, "", kl_divergence(t, p))
NYALA_LOSS(Poisson, "", poisson(t, p))
NYALA_LOSS(BinaryCrossentropy,
           "from_logits label_smoothing axis",
           binary_crossentropy(t, p, {args().from_logits, args().label_smoothing, args().axis}))
NYALA_LOSS(CategoricalCrossentropy,
           "from_logits label_smoothing axis",
           categorical_crossentropy(t,
                                    p,
                                    {args().from_logits, args().label_smoothing, args().axis}))
NYALA_LOSS(SparseCategoricalCrossentropy,
           "from_logits ignore_class",
           sparse_categorical_crossentropy(t,
                                           p,
                                           {args().from_logits, args().ignore_class, args().axis}))
NYALA_LOSS(CategoricalGeneralizedCrossEntropy,
           "q",
           categorical_generalized_cross_entropy(t, p, args().q))

void add_crossentropy_losses(LossEntries& entries) {
  entries.push_back({{"KLDivergence", "kl_divergence", "kld", "KLD", "kullback_leibler_divergence"},
                     KLDivergenceLoss::from_config});
  entries.push_back({{"Poisson", "poisson"}, PoissonLoss::from_config});
  entries.push_back({{"BinaryCrossentropy", "binary_crossentropy", "bce", "BCE"},
                     BinaryCrossentropyLoss::from_config});
  entries.push_back({{"CategoricalCrossentropy", "categorical_crossentropy"},
                     CategoricalCrossentropyLoss::from_config});
  entries.push_back({{"SparseCategoricalCrossentropy", "sparse_categorical_crossentropy"},
                     SparseCategoricalCrossentropyLoss::from_config});
  entries.push_back(
      {{"CategoricalGeneralizedCrossEntropy", "categorical_generalized_cross_entropy"},
       CategoricalGeneralizedCrossEntropyLoss::from_config});
}

}  // namespace nyala::losses
