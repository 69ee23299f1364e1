#include <cctype>

#include <nyala/models/metrics/classes.hpp>
#include <nyala/models/metrics/functions.hpp>
#include <nyala/models/metrics/support.hpp>

namespace nyala::metrics {
namespace {

using losses::LabelKind;
using losses::to_same_rank;

// Whether the class numbers are among the k best, in the shape of the class numbers.
Tensor among_best(const Tensor& labels, const Tensor& scores, int k) {
  const Tensor rows =
      scores.rank() > 2 ? ops::reshape(scores, {-1, scores.shape().back()}) : scores;
  const Tensor flat = labels.rank() > 1 ? ops::reshape(labels, {-1}) : labels;
  const Tensor matches = ops::cast(ops::in_top_k(flat, rows, k), floatx());
  return labels.rank() > 1 ? ops::reshape(matches, labels.shape()) : matches;
}

// "accuracy": the kind that fits the shapes.
class AnyAccuracy final : public MeanFunctionMetric {
 public:
  AnyAccuracy() : MeanFunctionMetric({.name = "accuracy", .direction = Direction::up}) {}
  std::string class_name() const override { return "accuracy"; }

 private:
  Tensor values(const Tensor& y_true, const Tensor& y_pred) const override {
    switch (losses::label_kind(y_true.shape(), y_pred.shape())) {
      case LabelKind::binary: return binary_accuracy(y_true, y_pred);
      case LabelKind::sparse: return sparse_categorical_accuracy(y_true, y_pred);
      default: return categorical_accuracy(y_true, y_pred);
    }
  }
};

bool means_accuracy(const std::string& name) {
  std::string lower;
  for (char c : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower == "accuracy" || lower == "acc";
}

std::shared_ptr<MetricBase> metric_from_name(const std::string& name) {
  std::shared_ptr<MetricBase> metric = means_accuracy(name)
                                           ? std::make_shared<AnyAccuracy>()
                                           : MetricBase::registry().from_name(name);
  metric->set_name(name);
  return metric;
}

}  // namespace

Tensor accuracy(const Tensor& y_true, const Tensor& y_pred) {
  const auto [t, p] = to_same_rank(ops::cast(y_true, y_pred.dtype()), y_pred);
  return ops::cast(ops::equal(t, p), floatx());
}

Tensor binary_accuracy(const Tensor& y_true, const Tensor& y_pred, double threshold) {
  const auto [t, p] = to_same_rank(y_true, y_pred);
  return ops::cast(ops::equal(t, ops::cast(p > threshold, t.dtype())), floatx());
}

// As Keras: y_true (one-hot) may have a rank more than y_pred only where that makes one column.
Tensor categorical_accuracy(const Tensor& y_true, const Tensor& y_pred) {
  Tensor t = ops::argmax(y_true, {.axis = -1});
  if (t.rank() == y_pred.rank() && t.rank() > 0) {
    if (t.shape().back() != 1 && t.shape().back() != None) {
      throw ShapeError("categorical_accuracy: received y_true of shape " + y_true.shape().str() +
                       " and y_pred of shape " + y_pred.shape().str() +
                       ", expected scores of one shape");
    }
    t = ops::squeeze(t, {-1});
  }
  return ops::cast(ops::equal(t, ops::argmax(y_pred, {.axis = -1})), floatx());
}

Tensor sparse_categorical_accuracy(const Tensor& y_true, const Tensor& y_pred) {
  Tensor t = ops::cast(y_true, y_pred.dtype());
  if (t.rank() == y_pred.rank() && t.rank() > 0 && t.shape().back() == 1) t = ops::squeeze(t, {-1});
  const Tensor best = ops::cast(ops::argmax(y_pred, {.axis = -1}), t.dtype());
  const Tensor matches = ops::cast(ops::equal(t, best), floatx());
  return matches.rank() > 1 && matches.shape().back() == 1 ? ops::squeeze(matches, {-1}) : matches;
}

Tensor top_k_categorical_accuracy(const Tensor& y_true, const Tensor& y_pred, int k) {
  return among_best(ops::cast(ops::argmax(y_true, {.axis = -1}), DType::int32), y_pred, k);
}

Tensor sparse_top_k_categorical_accuracy(const Tensor& y_true,
                                         const Tensor& y_pred,
                                         int k,
                                         bool from_sorted_ids) {
  if (!from_sorted_ids) return among_best(ops::cast(y_true, DType::int32), y_pred, k);
  const Tensor ids = ops::slice_axis(ops::reshape(y_pred, {-1, y_pred.shape().back()}), 1, 0, k);
  const Tensor labels = ops::reshape(ops::cast(y_true, y_pred.dtype()), {-1, 1});
  const Tensor matches = ops::cast(ops::any(ops::equal(labels, ids), {.axis = 1}), floatx());
  return ops::reshape(matches, y_true.shape());
}

Metric::Metric(const std::string& name) : Handle(metric_from_name(name)), identifier_(name) {}

Metric resolve_accuracy(const std::string& name,
                        const Shape& y_true_shape,
                        const Shape& y_pred_shape) {
  switch (losses::label_kind(y_true_shape, y_pred_shape)) {
    case LabelKind::binary: return BinaryAccuracy({.name = name});
    case LabelKind::sparse: return SparseCategoricalAccuracy({.name = name});
    default: return CategoricalAccuracy({.name = name});
  }
}

NYALA_MEAN_METRIC(Accuracy, up, accuracy(t, p))
NYALA_MEAN_METRIC(BinaryAccuracy, up, binary_accuracy(t, p, args().threshold))
NYALA_MEAN_METRIC(CategoricalAccuracy, up, categorical_accuracy(t, p))
NYALA_MEAN_METRIC(SparseCategoricalAccuracy, up, sparse_categorical_accuracy(t, p))
NYALA_MEAN_METRIC(TopKCategoricalAccuracy, up, top_k_categorical_accuracy(t, p, args().k))
NYALA_METRIC(
    SparseTopKCategoricalAccuracy,
    MeanFunctionMetric,
    up,
    Tensor values(const Tensor& t, const Tensor& p) const override {
      return sparse_top_k_categorical_accuracy(t, p, args().k, args().from_sorted_ids);
    } Config get_config() const override {
      Config config = MetricImpl::get_config();
      if (args().from_sorted_ids) config["from_sorted_ids"] = true;
      return config;
    })

}  // namespace nyala::metrics
