#include <nyala/models/losses/functions.hpp>
#include <nyala/models/metrics/classes.hpp>
#include <nyala/models/metrics/functions.hpp>
#include <nyala/models/metrics/support.hpp>

namespace nyala::metrics {
namespace {

// Mean and Sum take (values, sample_weight) where others take (y_true, y_pred, sample_weight).
void check_values(const MetricBase& metric, const Tensor& values, const Tensor& extra) {
  if (values.defined() && !extra.defined()) return;
  throw TypeError("metric \"" + metric.name() + "\": update_state wants values and their weights");
}

// The mean of a plain base, whose update is its own.
class MeanBase : public MeanMetric {
 protected:
  using MeanMetric::MeanMetric;
};

class SumBase : public MetricBase {
 public:
  Tensor result() const override { return total_; }

 protected:
  explicit SumBase(MetricOptions options, std::string_view class_name)
      : MetricBase(std::move(options), class_name), total_(add_variable("total", {})) {}
  Variable total_;
};

std::pair<Tensor, Tensor> floats_of_one_rank(const Tensor& y_true, const Tensor& y_pred) {
  return losses::to_same_rank(ops::cast(y_true, y_pred.dtype()), y_pred);
}

// Keras writes a smoothing of 0 as a whole number here.
void write_smoothing(Config& config, double share) {
  if (share == 0) config["label_smoothing"] = 0;
}

}  // namespace

Tensor cosine_similarity(const Tensor& y_true, const Tensor& y_pred, int axis) {
  return -losses::cosine_similarity(y_true, y_pred, axis);
}

Tensor pearson_correlation(const Tensor& y_true, const Tensor& y_pred, int axis) {
  const auto [t, p] = floats_of_one_rank(y_true, y_pred);
  const auto standard = [axis](const Tensor& x) {
    const ReduceArgs over{.axis = axis, .keepdims = true};
    const Tensor centred = x - ops::mean(x, over);
    return centred / ops::std(centred, over);
  };
  return ops::mean(standard(t) * standard(p), {.axis = axis});
}

Tensor concordance_correlation(const Tensor& y_true, const Tensor& y_pred, int axis) {
  const auto [t, p] = floats_of_one_rank(y_true, y_pred);
  const ReduceArgs over{.axis = axis, .keepdims = true};
  const Tensor t_mean = ops::mean(t, over);
  const Tensor p_mean = ops::mean(p, over);
  const Tensor covariance = (t - p_mean) * (p - p_mean);
  const Tensor norm = ops::var(t, over) + ops::var(p, over) + ops::square(t_mean - p_mean);
  return ops::mean(2.0 * covariance / (norm + kEpsilon), {.axis = axis});
}

// clang-format off
NYALA_METRIC(Mean, MeanBase, none,
    void update_state(const Tensor& values, const Tensor& weight, const Tensor& extra) override {
      check_values(*this, values, extra);
      add(values, weight);
    })
NYALA_METRIC(Sum, SumBase, none,
    void update_state(const Tensor& values, const Tensor& weight, const Tensor& extra) override {
      check_values(*this, values, extra);
      total_.assign_add(ops::sum(samplewise(values, weight, &ops::sum, dtype()).first));
    })
NYALA_METRIC(RootMeanSquaredError, MeanBase, down,
    void update_state(const Tensor& y_true, const Tensor& y_pred, const Tensor& weight) override {
      check_inputs(*this, y_true, y_pred);
      const auto [t, p] =
          losses::to_same_rank(ops::cast(y_true, dtype()), ops::cast(y_pred, dtype()));
      add(ops::square(p - t), weight);
    }
    Tensor result() const override { return ops::sqrt(MeanMetric::result()); })
NYALA_METRIC(BinaryCrossentropy, MeanFunctionMetric, down,
    Tensor values(const Tensor& t, const Tensor& p) const override {
      return losses::binary_crossentropy(t, p, {args().from_logits, args().label_smoothing});
    }
    Config get_config() const override {
      Config config = MetricImpl::get_config();
      write_smoothing(config, args().label_smoothing);
      return config;
    })
NYALA_METRIC(CategoricalCrossentropy, MeanFunctionMetric, down,
    Tensor values(const Tensor& t, const Tensor& p) const override {
      return losses::categorical_crossentropy(
          t, p, {args().from_logits, args().label_smoothing, args().axis});
    }
    Config get_config() const override {
      Config config = MetricImpl::get_config();
      write_smoothing(config, args().label_smoothing);
      return config;
    })
NYALA_MEAN_METRIC(SparseCategoricalCrossentropy, down,
    losses::sparse_categorical_crossentropy(
        t, p, {args().from_logits, args().ignore_class, args().axis}))
NYALA_MEAN_METRIC(MeanSquaredError, down, losses::mean_squared_error(t, p))
NYALA_MEAN_METRIC(MeanAbsoluteError, down, losses::mean_absolute_error(t, p))
NYALA_MEAN_METRIC(MeanAbsolutePercentageError, down,
    losses::mean_absolute_percentage_error(t, p))
NYALA_MEAN_METRIC(MeanSquaredLogarithmicError, down,
    losses::mean_squared_logarithmic_error(t, p))
NYALA_MEAN_METRIC(LogCoshError, down, losses::log_cosh(t, p))
NYALA_MEAN_METRIC(Hinge, down, losses::hinge(t, p))
NYALA_MEAN_METRIC(SquaredHinge, down, losses::squared_hinge(t, p))
NYALA_MEAN_METRIC(CategoricalHinge, down, losses::categorical_hinge(t, p))
NYALA_MEAN_METRIC(KLDivergence, down, losses::kl_divergence(t, p))
NYALA_MEAN_METRIC(Poisson, down, losses::poisson(t, p))
NYALA_MEAN_METRIC(CosineSimilarity, up, cosine_similarity(t, p, args().axis))
NYALA_MEAN_METRIC(PearsonCorrelation, up,
    pearson_correlation(t, p, args().axis))
NYALA_MEAN_METRIC(ConcordanceCorrelation, up,
    concordance_correlation(t, p, args().axis))
// clang-format on

}  // namespace nyala::metrics
