#include <nyala/models/losses/classes.hpp>
#include <nyala/models/losses/functions.hpp>
#include <nyala/models/losses/support.hpp>

namespace nyala::losses {
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
  const Tensor values = ops::binary_crossentropy(t, y_pred, options.from_logits);
  return ops::mean(values, {.axis = options.axis});
}

Tensor categorical_crossentropy(const Tensor& y_true,
                                const Tensor& y_pred,
                                const CrossentropyOptions& options) {
  check_same_shape("categorical_crossentropy", y_true, y_pred);
  const Tensor t = smooth_labels(ops::cast(y_true, y_pred.dtype()), options.label_smoothing);
  return ops::categorical_crossentropy(t, y_pred, {options.from_logits, options.axis});
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
  Tensor labels = ops::cast(y_true, DType::int64);
  if (labels.rank() == y_pred.rank() && labels.shape().back() == 1)
    labels = ops::squeeze(labels, {-1});
  check_same_shape(kWho, labels, y_pred, y_pred.rank() - 1);

  Tensor output = y_pred;
  Tensor valid;
  if (options.ignore_class) {
    valid = ops::not_equal(labels, *options.ignore_class);
    labels = ops::where(valid, labels, 0);
    output = ops::where(ops::expand_dims(valid, -1), output, 0);
  }
  Tensor values =
      ops::sparse_categorical_crossentropy(labels, output, {.from_logits = options.from_logits});
  if (!valid.defined()) return values;
  Tensor kept = ops::where(valid, values, 0);
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

NYALA_LOSS(KLDivergence, kl_divergence(t, p))
NYALA_LOSS(Poisson, poisson(t, p))
NYALA_LOSS(BinaryCrossentropy,
           binary_crossentropy(t, p, {NYALA_CROSSENTROPY_OPTIONS(NYALA_OPTION_COPY)}))
NYALA_LOSS(CategoricalCrossentropy,
           categorical_crossentropy(t, p, {NYALA_CROSSENTROPY_OPTIONS(NYALA_OPTION_COPY)}))
NYALA_LOSS(SparseCategoricalCrossentropy,
           sparse_categorical_crossentropy(t, p, {args.from_logits, args.ignore_class, args.axis}))
NYALA_LOSS(CategoricalGeneralizedCrossEntropy, categorical_generalized_cross_entropy(t, p, args.q))

}  // namespace nyala::losses
