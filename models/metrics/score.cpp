#include <nyala/models/metrics/classes.hpp>
#include <nyala/models/metrics/support.hpp>

namespace nyala::metrics {
namespace {

// The columns of (batch, columns), of which both tensors must have the same number.
std::int64_t columns_of(const MetricBase& metric, const Tensor& y_true, const Tensor& y_pred) {
  if (y_true.rank() != 2 || y_pred.rank() != 2 || y_true.shape()[1] != y_pred.shape()[1]) {
    throw ShapeError("metric \"" + metric.name() + "\": received y_true of shape " +
                     y_true.shape().str() + " and y_pred of shape " + y_pred.shape().str() +
                     ", expected (batch, columns) of both");
  }
  return y_pred.shape()[1];
}

void check_built(const MetricBase& metric, const Variable& variable) {
  if (variable.defined()) return;
  throw StateError("metric \"" + metric.name() + "\": result comes after the first update_state");
}

class R2ScoreImpl final : public MetricImpl<MetricBase, R2ScoreArgs, R2ScoreImpl> {
 public:
  static constexpr const char* kName = "R2Score";
  static constexpr Direction kDirection = Direction::up;

  explicit R2ScoreImpl(R2ScoreArgs args)
      : MetricImpl(std::move(args)), num_samples_(add_variable("num_samples", {})) {
    const auto& how = this->args().class_aggregation;
    if (how && *how != "uniform_average" && *how != "variance_weighted_average") {
      throw ValueError(
          "R2Score: class_aggregation \"" + *how +
          "\" is unknown; expected uniform_average, variance_weighted_average or null");
    }
  }

  void update_state(const Tensor& y_true, const Tensor& y_pred, const Tensor& weight) override {
    check_inputs(*this, y_true, y_pred);
    const auto [t, p] =
        losses::to_same_rank(ops::cast(y_true, dtype()), ops::cast(y_pred, dtype()));
    const Shape columns{columns_of(*this, t, p)};
    if (!sum_.defined()) {
      squared_sum_ = add_variable("squared_sum", columns);
      sum_ = add_variable("sum", columns);
      residual_ = add_variable("residual", columns);
      count_ = add_variable("count", columns);
    }
    Tensor w = weight.defined() ? ops::cast(weight, dtype()) : Tensor::scalar(1, dtype());
    if (w.rank() == 1) w = ops::expand_dims(w, 1);
    w = ops::broadcast_to(w, t.shape());
    const ReduceArgs samples{.axis = 0};
    sum_.assign_add(ops::sum(t * w, samples));
    squared_sum_.assign_add(ops::sum(t * t * w, samples));
    residual_.assign_add(ops::sum(ops::square(t - p) * w, samples));
    count_.assign_add(ops::sum(w, samples));
    num_samples_.assign_add(losses::count_elements(t, dtype()));
  }

  Tensor result() const override {
    check_built(*this, sum_);
    const Tensor sum = sum_;
    const Tensor total = squared_sum_.value() - sum * (sum / count_.value());
    Tensor scores = 1 - residual_.value() / total;
    scores = ops::where(ops::isinf(scores), 0, scores);
    if (!args().class_aggregation) return adjusted(scores);
    if (*args().class_aggregation == "uniform_average") return adjusted(ops::mean(scores));
    return adjusted(ops::sum(total * scores) / ops::sum(total));
  }

 private:
  // The plain score where there are too few samples for the adjusted one.
  Tensor adjusted(const Tensor& score) const {
    if (args().num_regressors == 0) return score;
    const Tensor n = num_samples_;
    const Tensor freedom = n - (args().num_regressors + 1);
    const Tensor enough = freedom > 0;
    const Tensor value = 1 - (1 - score) * (n - 1) / ops::where(enough, freedom, 1);
    return ops::where(enough, value, score);
  }

  Variable num_samples_, squared_sum_, sum_, residual_, count_;
};

// F scores, whose options differ in beta alone.
class FScoreBase : public MetricBase {
 public:
  void update_state(const Tensor& y_true, const Tensor& y_pred, const Tensor& weight) override {
    check_inputs(*this, y_true, y_pred);
    const Tensor t = ops::cast(y_true, dtype());
    const Tensor p = ops::cast(y_pred, dtype());
    build(columns_of(*this, t, p));
    const Tensor said = ops::cast(decide(p), dtype());
    const auto add = [&](const Variable& variable, const Tensor& values) {
      Tensor v = values;
      if (weight.defined()) v = v * ops::expand_dims(ops::cast(weight, dtype()), 1);
      variable.assign_add(ops::sum(v, {.axis = average_ == "micro" ? Axes() : Axes(0)}));
    };
    add(true_positives_, said * t);
    add(false_positives_, said * (1 - t));
    add(false_negatives_, (1 - said) * t);
    add(intermediate_weights_, t);
  }

  Tensor result() const override {
    check_built(*this, true_positives_);
    const Tensor tp = true_positives_;
    const Tensor precision = tp / (tp + false_positives_.value() + kEpsilon);
    const Tensor recall = tp / (tp + false_negatives_.value() + kEpsilon);
    const double square = beta_ * beta_;
    Tensor score = precision * recall / (square * precision + recall + kEpsilon) * (1 + square);
    if (!average_.has_value()) return score;
    if (*average_ != "weighted") return ops::mean(score);
    const Tensor w = intermediate_weights_;
    return ops::sum(score * (w / (ops::sum(w) + kEpsilon)));
  }

 protected:
  using MetricBase::MetricBase;
  void configure(const std::optional<std::string>& average,
                 double beta,
                 std::optional<double> threshold) {
    if (average && *average != "micro" && *average != "macro" && *average != "weighted") {
      throw ValueError("metric \"" + name() + "\": average \"" + *average +
                       "\" is unknown; expected micro, macro, weighted or null");
    }
    average_ = average;
    beta_ = beta;
    threshold_ = threshold;
  }

 private:
  // Without a threshold the largest score of a row is predicted, unless all are 0.
  Tensor decide(const Tensor& p) const {
    if (threshold_) return p > *threshold_;
    return ops::logical_and(p >= ops::max(p, {.axis = -1, .keepdims = true}), ops::abs(p) > 1e-9);
  }
  void build(std::int64_t classes) {
    if (true_positives_.defined()) return;
    const Shape shape = average_ == "micro" ? Shape{} : Shape{classes};
    true_positives_ = add_variable("true_positives", shape);
    false_positives_ = add_variable("false_positives", shape);
    false_negatives_ = add_variable("false_negatives", shape);
    intermediate_weights_ = add_variable("intermediate_weights", shape);
  }

  std::optional<std::string> average_;
  double beta_ = 1;
  std::optional<double> threshold_;
  Variable true_positives_, false_positives_, false_negatives_, intermediate_weights_;
};

class FBetaScoreImpl final : public MetricImpl<FScoreBase, FBetaScoreArgs, FBetaScoreImpl> {
 public:
  static constexpr const char* kName = "FBetaScore";
  static constexpr Direction kDirection = Direction::up;
  explicit FBetaScoreImpl(FBetaScoreArgs args) : MetricImpl(std::move(args)) {
    configure(this->args().average, this->args().beta, this->args().threshold);
  }
};

class F1ScoreImpl final : public MetricImpl<FScoreBase, F1ScoreArgs, F1ScoreImpl> {
 public:
  static constexpr const char* kName = "F1Score";
  static constexpr Direction kDirection = Direction::up;
  explicit F1ScoreImpl(F1ScoreArgs args) : MetricImpl(std::move(args)) {
    configure(this->args().average, 1, this->args().threshold);
  }
};

}  // namespace

NYALA_MAKE_METRIC(R2Score)
NYALA_MAKE_METRIC(FBetaScore)
NYALA_MAKE_METRIC(F1Score)

}  // namespace nyala::metrics
