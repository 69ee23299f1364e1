#include <nyala/models/losses/classes.hpp>
#include <nyala/models/losses/functions.hpp>
#include <nyala/models/losses/support.hpp>

namespace nyala::losses {

Tensor binary_focal_crossentropy(const Tensor& y_true,
                                 const Tensor& y_pred,
                                 const BinaryFocalOptions& options) {
  check_same_shape("binary_focal_crossentropy", y_true, y_pred);
  Tensor t = ops::cast(y_true, y_pred.dtype());
  const double smooth = options.label_smoothing;
  if (smooth != 0) t = t * (1 - smooth) + 0.5 * smooth;
  const Tensor p = options.from_logits ? ops::sigmoid(y_pred) : y_pred;
  const Tensor bounded = within_bounds(p);
  const Tensor entropy = -(t * ops::log(bounded) + (1 - t) * ops::log(1 - bounded));
  const Tensor hit = t * p + (1 - t) * (1 - p);
  Tensor values = ops::power(1 - hit, options.gamma) * entropy;
  if (options.apply_class_balancing)
    values = (t * options.alpha + (1 - t) * (1 - options.alpha)) * values;
  return ops::mean(values, {.axis = options.axis});
}

Tensor categorical_focal_crossentropy(const Tensor& y_true,
                                      const Tensor& y_pred,
                                      const CategoricalFocalOptions& options) {
  check_same_shape("categorical_focal_crossentropy", y_true, y_pred);
  const int axis = options.axis;
  const Tensor t = smooth_labels(ops::cast(y_true, y_pred.dtype()), options.label_smoothing);
  const Tensor raw = options.from_logits ? ops::softmax(y_pred, {.axis = axis}) : y_pred;
  const Tensor p = within_bounds(raw / ops::sum(raw, {.axis = axis, .keepdims = true}));
  const Tensor weight = options.alpha * ops::power(1 - p, options.gamma);
  return -ops::sum(weight * t * ops::log(p), {.axis = axis});
}

NYALA_LOSS(BinaryFocalCrossentropy,
           binary_focal_crossentropy(t, p, {NYALA_BINARY_FOCAL_OPTIONS(NYALA_OPTION_COPY)}))
NYALA_LOSS(CategoricalFocalCrossentropy,
           categorical_focal_crossentropy(t,
                                          p,
                                          {NYALA_CATEGORICAL_FOCAL_OPTIONS(NYALA_OPTION_COPY)}))

}  // namespace nyala::losses
