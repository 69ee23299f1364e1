#include <nyala/models/losses/support.hpp>

namespace nyala::losses {

std::pair<Tensor, Tensor> to_same_rank(const Tensor& a, const Tensor& b, bool expand_rank_1) {
  if (a.rank() == b.rank() + 1 && a.shape().back() == 1) {
    if (b.rank() == 1 && expand_rank_1) return {a, ops::expand_dims(b, -1)};
    return {ops::squeeze(a, {-1}), b};
  }
  if (b.rank() == a.rank() + 1 && b.shape().back() == 1) {
    if (a.rank() == 1 && expand_rank_1) return {ops::expand_dims(a, -1), b};
    return {a, ops::squeeze(b, {-1})};
  }
  return {a, b};
}

Tensor divide_no_nan(const Tensor& a, const Tensor& b) {
  const Tensor none = ops::equal(b, 0);
  return ops::where(none, 0, a / ops::where(none, 1, b));
}

Tensor count_elements(const Tensor& x, DType dtype) {
  if (x.shape().is_known()) return Tensor::scalar(x.size(), dtype);
  return ops::sum(ops::ones_like(x, {dtype}));
}

Tensor apply_mask(const Tensor& sample_weight, const Tensor& mask, DType dtype, bool scale_up) {
  Tensor weight = sample_weight.defined() ? ops::cast(sample_weight, dtype) : Tensor();
  if (!mask.defined()) return weight;
  Tensor kept = ops::cast(mask, dtype);
  if (scale_up) kept = kept * divide_no_nan(count_elements(mask, dtype), ops::sum(kept));
  if (!weight.defined()) return kept;
  const auto [m, w] = to_same_rank(kept, weight);
  return w * m;
}

void check_same_shape(const char* who, const Tensor& y_true, const Tensor& y_pred, int axes) {
  const int count = axes < 0 ? y_pred.rank() : axes;
  bool same = y_true.rank() == count;
  for (int i = 0; same && i < count; ++i) {
    const std::int64_t a = y_true.shape()[i];
    const std::int64_t b = y_pred.shape()[i];
    same = a == b || a == None || b == None;
  }
  if (!same) {
    throw ShapeError(std::string(who) + ": received y_true of shape " + y_true.shape().str() +
                     " and y_pred of shape " + y_pred.shape().str() +
                     (axes < 0 ? ", expected equal shapes"
                               : ", expected equal shapes up to the axis of classes"));
  }
}

LabelKind label_kind(const Shape& y_true, const Shape& y_pred) {
  if (y_pred.rank() > 0 && y_pred.back() == 1) return LabelKind::binary;
  if (y_true.rank() < y_pred.rank()) return LabelKind::sparse;
  if (y_true.rank() > 0 && y_true.back() == 1 && y_pred.back() > 1) return LabelKind::sparse;
  return LabelKind::categorical;
}

Tensor smooth_labels(const Tensor& y_true, double share) {
  if (share == 0) return y_true;
  return y_true * (1 - share) + share / static_cast<double>(y_true.shape().back());
}

Tensor within_bounds(const Tensor& p) { return ops::clip(p, kEpsilon, 1 - kEpsilon); }

}  // namespace nyala::losses
