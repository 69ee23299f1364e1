#include <nyala/models/losses/classes.hpp>
#include <nyala/models/losses/functions.hpp>
#include <nyala/models/losses/support.hpp>

namespace nyala::losses {
namespace {

// 0 and 1 become -1 and 1; labels of which any is another stay.
Tensor signed_labels(const Tensor& y_true, DType dtype) {
  const Tensor t = ops::cast(y_true, dtype);
  const Tensor binary = ops::all(ops::logical_or(ops::equal(t, 0), ops::equal(t, 1)));
  return ops::where(binary, 2.0 * t - 1.0, t);
}

Tensor shortfall(const Tensor& y_true, const Tensor& y_pred) {
  return ops::maximum(1.0 - signed_labels(y_true, y_pred.dtype()) * y_pred, 0);
}

}  // namespace

Tensor hinge(const Tensor& y_true, const Tensor& y_pred) {
  return ops::mean(shortfall(y_true, y_pred), {.axis = -1});
}

Tensor squared_hinge(const Tensor& y_true, const Tensor& y_pred) {
  return ops::mean(ops::square(shortfall(y_true, y_pred)), {.axis = -1});
}

Tensor categorical_hinge(const Tensor& y_true, const Tensor& y_pred) {
  const Tensor t = ops::cast(y_true, y_pred.dtype());
  const Tensor pos = ops::sum(t * y_pred, {.axis = -1});
  const Tensor neg = ops::max((1.0 - t) * y_pred, {.axis = -1});
  return ops::maximum(neg - pos + 1.0, 0);
}

NYALA_LOSS(Hinge, hinge(t, p))
NYALA_LOSS(SquaredHinge, squared_hinge(t, p))
NYALA_LOSS(CategoricalHinge, categorical_hinge(t, p))

}  // namespace nyala::losses
