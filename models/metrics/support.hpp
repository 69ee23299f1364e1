#pragma once
/// What the files of metrics share. Not part of the public API.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nyala/core/ops.hpp>
#include <nyala/models/losses/support.hpp>
#include <nyala/models/metrics/metric.hpp>
#include <nyala/models/metrics/options.hpp>

namespace nyala::metrics {

/// A metric of Keras: its Args on top of a base. `Self` has `kName` and `kDirection`.
template <class Base, class Args, class Self>
class MetricImpl : public Base {
 public:
  explicit MetricImpl(Args args)
      : Base({args.name, args.dtype, Self::kDirection}, Self::kName), args_(std::move(args)) {
    check_fields(Self::kName, args_);
  }
  std::string class_name() const override { return Self::kName; }
  Config get_config() const override {
    Config config = losses::saved_options(args_);
    config["name"] = this->name();
    config["dtype"] = name_of(this->dtype());
    return config;
  }
  const Args& args() const { return args_; }

 private:
  Args args_;
};

/// Throws TypeError when y_pred is missing.
void check_inputs(const MetricBase& metric, const Tensor& y_true, const Tensor& y_pred);

/// The mean of `values(y_true, y_pred)`.
class MeanFunctionMetric : public MeanMetric {
 public:
  void update_state(const Tensor& y_true,
                    const Tensor& y_pred,
                    const Tensor& sample_weight) override;

 protected:
  explicit MeanFunctionMetric(MetricOptions options, const char* class_name = "")
      : MeanMetric(std::move(options), class_name) {}
  virtual Tensor values(const Tensor& y_true, const Tensor& y_pred) const = 0;
};

/// Values of (batch, ...) as (batch,), and their weights in the same shape or undefined.
std::pair<Tensor, Tensor> samplewise(const Tensor& values,
                                     const Tensor& sample_weight,
                                     Tensor (*reduce)(const Tensor&, const ReduceArgs&),
                                     DType dtype);

/// The counts that a metric keeps, one for each threshold (and label); others are undefined.
struct ConfusionCounts {
  Variable true_positives;
  Variable false_positives;
  Variable true_negatives;
  Variable false_negatives;
};

struct ConfusionOptions {
  std::vector<double> thresholds;  ///< ascending
  bool even = false;               ///< whether they are i / (n - 1)
  std::optional<int> top_k = {};
  std::optional<int> class_id = {};
  bool multi_label = false;
  Tensor label_weights = {};
};

/// Adds a batch to the counts. Throws ShapeError when shapes do not fit.
void count_confusion(const ConfusionCounts& counts,
                     const Tensor& y_true,
                     const Tensor& y_pred,
                     const Tensor& sample_weight,
                     const ConfusionOptions& options);

/// The thresholds that an option gives, `fallback` without one; throws ValueError outside [0, 1].
ConfusionOptions thresholds_of(const char* who, const Thresholds& thresholds, double fallback);
/// `count` thresholds from 0 to 1.
std::vector<double> even_thresholds(int count);
/// Whether a list is those, within rounding.
bool are_even(const std::vector<double>& thresholds);

}  // namespace nyala::metrics

/// How `Name##Impl` is made from `Name##Args`.
#define NYALA_MAKE_METRIC(Name)                              \
  std::shared_ptr<MetricBase> make_object(Name##Args args) { \
    return std::make_shared<Name##Impl>(std::move(args));    \
  }

/// The class `Name##Impl` of `Name##Args` over a base, and how it is made.
#define NYALA_METRIC(Name, Base, direction, ...)                             \
  class Name##Impl final : public MetricImpl<Base, Name##Args, Name##Impl> { \
   public:                                                                   \
    using MetricImpl::MetricImpl;                                            \
    static constexpr const char* kName = #Name;                              \
    static constexpr Direction kDirection = Direction::direction;            \
    __VA_ARGS__                                                              \
  };                                                                         \
  NYALA_MAKE_METRIC(Name)

/// A metric that is the mean of an expression of `t`, `p` and `args()`.
#define NYALA_MEAN_METRIC(Name, direction, expression) \
  NYALA_METRIC(                                        \
      Name,                                            \
      MeanFunctionMetric,                              \
      direction,                                       \
      Tensor values(const Tensor& t, const Tensor& p) const override { return expression; })
