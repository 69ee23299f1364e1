#include <cmath>
#include <string>

#include <nyala/models/metrics/support.hpp>

namespace nyala::metrics {
namespace {

// Scores so low that no threshold is below them.
constexpr double kNever = -1e10;

Tensor keep_top_k(const Tensor& scores, int k) {
  const Tensor places = ops::top_k(scores, k).indices;
  const Tensor chosen = ops::sum(
      ops::one_hot(places, scores.shape().back(), {.dtype = scores.dtype()}), {.axis = -2});
  return scores * chosen + kNever * (1 - chosen);
}

Tensor column(const Tensor& x, int index) { return ops::slice_axis(x, -1, index, index + 1); }

void add_to(const Variable& variable, const Tensor& delta) {
  if (variable.defined()) variable.assign_add(delta);
}

// Weights of samples and labels in the shape of y_pred; undefined without any.
Tensor weights_in_shape(const Tensor& sample_weight,
                        const Tensor& label_weights,
                        const Tensor& y_pred) {
  Tensor weights;
  if (sample_weight.defined()) weights = ops::broadcast_to(sample_weight, y_pred.shape());
  if (!label_weights.defined()) return weights;
  const Tensor labels = ops::broadcast_to(ops::cast(label_weights, y_pred.dtype()), y_pred.shape());
  return weights.defined() ? weights * labels : labels;
}

// Even thresholds: each sample falls into one bucket between two of them, and sums from the last
// bucket down give the counts at every threshold. Works on (labels, samples).
struct Buckets {
  Tensor numbers;  // of the samples' buckets
  std::int64_t count;

  Tensor sums(const Tensor& weights) const {
    const std::int64_t labels = weights.shape()[0];
    const Tensor offsets = ops::reshape(ops::arange(labels), {labels, 1}) * count;
    // A sample below the first threshold has bucket -1, which counts nowhere.
    const Tensor places = ops::where(numbers < 0, -1, numbers + offsets);
    const Tensor sums = ops::segment_sum(
        ops::reshape(weights, {-1}), ops::reshape(places, {-1}), {.num_segments = labels * count});
    return ops::cumsum(ops::reshape(sums, {labels, count}), {.axis = 1, .reverse = true});
  }
};

void count_even(const ConfusionCounts& counts,
                const Tensor& y_true,
                const Tensor& y_pred,
                const Tensor& weights,
                const ConfusionOptions& options) {
  const bool several = options.multi_label;
  const auto rows = [&](const Tensor& x) {
    return several ? ops::transpose(x) : ops::reshape(x, {1, -1});
  };
  const auto count = static_cast<std::int64_t>(options.thresholds.size());
  const Tensor label = ops::cast(ops::not_equal(y_true, 0), y_pred.dtype());
  Tensor positive = rows(label);
  Tensor negative = 1 - positive;
  if (weights.defined()) {
    positive = positive * rows(weights);
    negative = negative * rows(weights);
  }
  // A prediction has to be above its threshold, hence the ceiling; a first threshold below 0 is
  // below all predictions.
  Tensor bucket = ops::ceil(ops::clip(rows(y_pred), 0, 1) * static_cast<double>(count - 1)) - 1.0;
  if (options.thresholds.front() < 0) bucket = ops::maximum(bucket, 0);
  const Buckets buckets{ops::cast(bucket, DType::int64), count};
  // (labels, thresholds) as the variables have it.
  const auto shaped = [&](const Tensor& x) {
    return several ? ops::transpose(x) : ops::reshape(x, {-1});
  };
  const Tensor tp = buckets.sums(positive);
  const Tensor fp = buckets.sums(negative);
  const ReduceArgs samples{.axis = 1, .keepdims = true};
  add_to(counts.true_positives, shaped(tp));
  add_to(counts.false_positives, shaped(fp));
  if (counts.true_negatives.defined())
    add_to(counts.true_negatives, shaped(ops::sum(negative, samples) - fp));
  if (counts.false_negatives.defined())
    add_to(counts.false_negatives, shaped(ops::sum(positive, samples) - tp));
}

// Any thresholds: every prediction is compared with each of them.
void count_each(const ConfusionCounts& counts,
                const Tensor& y_true,
                const Tensor& y_pred,
                const Tensor& weights,
                const ConfusionOptions& options) {
  const DType dtype = y_pred.dtype();
  const auto rows = [&](const Tensor& x) {
    return options.multi_label ? ops::expand_dims(x, 0) : ops::reshape(x, {1, -1});
  };
  const auto count = static_cast<std::int64_t>(options.thresholds.size());
  const Tensor thresholds = ops::cast(
      Tensor::from(options.thresholds, options.multi_label ? Shape{count, 1, 1} : Shape{count, 1}),
      dtype);
  const Tensor predicted = rows(y_pred) > thresholds;
  const Tensor label = rows(ops::not_equal(y_true, 0));
  const auto add = [&](const Variable& variable, const Tensor& is, const Tensor& said) {
    if (!variable.defined()) return;
    Tensor hits = ops::cast(ops::logical_and(is, said), dtype);
    if (weights.defined()) hits = hits * rows(weights);
    add_to(variable, ops::sum(hits, {.axis = 1}));
  };
  const Tensor not_predicted = ops::logical_not(predicted);
  const Tensor not_label = ops::logical_not(label);
  add(counts.true_positives, label, predicted);
  add(counts.false_positives, not_label, predicted);
  add(counts.true_negatives, not_label, not_predicted);
  add(counts.false_negatives, label, not_predicted);
}

DType dtype_of_counts(const ConfusionCounts& counts) {
  for (const Variable* variable : {&counts.true_positives,
                                   &counts.false_positives,
                                   &counts.true_negatives,
                                   &counts.false_negatives}) {
    if (variable->defined()) return variable->dtype();
  }
  return floatx();
}

}  // namespace

void count_confusion(const ConfusionCounts& counts,
                     const Tensor& y_true,
                     const Tensor& y_pred,
                     const Tensor& sample_weight,
                     const ConfusionOptions& options) {
  const DType dtype = dtype_of_counts(counts);
  auto [p, t] = losses::to_same_rank(ops::cast(y_pred, dtype), ops::cast(y_true, dtype));
  losses::check_same_shape("confusion metric", t, p);
  Tensor weight;
  if (sample_weight.defined()) {
    weight = ops::expand_dims(ops::cast(sample_weight, dtype), -1);
    weight = losses::to_same_rank(t, weight, false).second;
  }
  if (options.top_k) p = keep_top_k(p, *options.top_k);
  if (options.class_id) {
    if (p.rank() < 2 || *options.class_id >= p.shape().back()) {
      throw ShapeError("confusion metric: class_id " + std::to_string(*options.class_id) +
                       " wants y_pred of shape (batch, classes), received " + p.shape().str());
    }
    t = column(t, *options.class_id);
    p = column(p, *options.class_id);
  }
  const Tensor weights = weights_in_shape(weight, options.label_weights, p);
  if (options.even)
    count_even(counts, t, p, weights, options);
  else
    count_each(counts, t, p, weights, options);
}

ConfusionOptions thresholds_of(const char* who, const Thresholds& thresholds, double fallback) {
  if (!thresholds.given()) return {.thresholds = {fallback}};
  if (thresholds.values().empty())
    throw ValueError(std::string(who) + ": received no thresholds, expected at least one");
  for (double value : thresholds.values()) {
    if (!(value >= 0 && value <= 1)) {
      throw ValueError(std::string(who) + ": received threshold " + std::to_string(value) +
                       ", expected one in [0, 1]");
    }
  }
  return {.thresholds = thresholds.values(), .even = are_even(thresholds.values())};
}

std::vector<double> even_thresholds(int count) {
  if (count == 1) return {0.5};
  std::vector<double> thresholds;
  for (int i = 0; i < count; ++i) thresholds.push_back(static_cast<double>(i) / (count - 1));
  return thresholds;
}

bool are_even(const std::vector<double>& thresholds) {
  if (thresholds.size() < 3) return false;
  const std::vector<double> even = even_thresholds(static_cast<int>(thresholds.size()));
  for (std::size_t i = 0; i < even.size(); ++i) {
    if (std::abs(thresholds[i] - even[i]) > kEpsilon + 1e-5 * even[i]) return false;
  }
  return true;
}

}  // namespace nyala::metrics
