#include <nyala/models/metrics/classes.hpp>
#include <nyala/models/metrics/support.hpp>

namespace nyala::metrics {
namespace {

using losses::divide_no_nan;

// What follows is a metric's number for one threshold, its numbers for several.
Tensor first_if_one(const Tensor& x) { return x.shape()[0] == 1 ? ops::reshape(x, {}) : x; }

Shape count_shape(const ConfusionOptions& options) {
  return {static_cast<std::int64_t>(options.thresholds.size())};
}

// One of the four counts.
template <class Args, class Self>
class CountMetric : public MetricImpl<MetricBase, Args, Self> {
 public:
  static constexpr Direction kDirection = Direction::none;

  explicit CountMetric(Args args)
      : MetricImpl<MetricBase, Args, Self>(std::move(args)),
        options_(thresholds_of(Self::kName, this->args().thresholds, 0.5)) {
    counts_.*Self::kCount = this->add_variable("accumulator", count_shape(options_));
  }
  void update_state(const Tensor& y_true, const Tensor& y_pred, const Tensor& weight) override {
    check_inputs(*this, y_true, y_pred);
    count_confusion(counts_, y_true, y_pred, weight, options_);
  }
  Tensor result() const override { return first_if_one(counts_.*Self::kCount); }

 private:
  ConfusionOptions options_;
  ConfusionCounts counts_;
};

#define NYALA_COUNT_METRIC(Name, count)                                           \
  class Name##Impl final : public CountMetric<Name##Args, Name##Impl> {           \
   public:                                                                        \
    using CountMetric::CountMetric;                                               \
    static constexpr const char* kName = #Name;                                   \
    static constexpr Variable ConfusionCounts::*kCount = &ConfusionCounts::count; \
  };
NYALA_COUNT_METRIC(TruePositives, true_positives)
NYALA_COUNT_METRIC(TrueNegatives, true_negatives)
NYALA_COUNT_METRIC(FalsePositives, false_positives)
NYALA_COUNT_METRIC(FalseNegatives, false_negatives)
#undef NYALA_COUNT_METRIC

// true positives / (true positives + another count)
template <class Args, class Self>
class RatioMetric : public MetricImpl<MetricBase, Args, Self> {
 public:
  static constexpr Direction kDirection = Direction::up;

  explicit RatioMetric(Args args)
      : MetricImpl<MetricBase, Args, Self>(std::move(args)), options_(make_options()) {
    counts_.true_positives = this->add_variable("true_positives", count_shape(options_));
    counts_.*Self::kOther = this->add_variable(Self::kOtherName, count_shape(options_));
  }
  void update_state(const Tensor& y_true, const Tensor& y_pred, const Tensor& weight) override {
    check_inputs(*this, y_true, y_pred);
    count_confusion(counts_, y_true, y_pred, weight, options_);
  }
  Tensor result() const override {
    const Tensor tp = counts_.true_positives;
    return first_if_one(divide_no_nan(tp, tp + counts_.*Self::kOther));
  }

 private:
  ConfusionOptions make_options() const {
    const Args& args = this->args();
    // With top_k alone, all of the k best are predictions.
    ConfusionOptions options =
        thresholds_of(Self::kName, args.thresholds, args.top_k ? -1e10 : 0.5);
    options.top_k = args.top_k;
    options.class_id = args.class_id;
    return options;
  }
  ConfusionOptions options_;
  ConfusionCounts counts_;
};

class PrecisionImpl final : public RatioMetric<PrecisionArgs, PrecisionImpl> {
 public:
  using RatioMetric::RatioMetric;
  static constexpr const char* kName = "Precision";
  static constexpr const char* kOtherName = "false_positives";
  static constexpr Variable ConfusionCounts::*kOther = &ConfusionCounts::false_positives;
};

class RecallImpl final : public RatioMetric<RecallArgs, RecallImpl> {
 public:
  using RatioMetric::RatioMetric;
  static constexpr const char* kName = "Recall";
  static constexpr const char* kOtherName = "false_negatives";
  static constexpr Variable ConfusionCounts::*kOther = &ConfusionCounts::false_negatives;
};

// The best of one rate where another one is at least the value given.
template <class Args, class Self>
class TradeMetric : public MetricImpl<MetricBase, Args, Self> {
 public:
  static constexpr Direction kDirection = Direction::up;

  explicit TradeMetric(Args args)
      : MetricImpl<MetricBase, Args, Self>(std::move(args)), options_(make_options()) {
    const Shape shape = count_shape(options_);
    counts_.true_positives = this->add_variable("true_positives", shape);
    counts_.false_positives = this->add_variable("false_positives", shape);
    counts_.true_negatives = this->add_variable("true_negatives", shape);
    counts_.false_negatives = this->add_variable("false_negatives", shape);
  }
  void update_state(const Tensor& y_true, const Tensor& y_pred, const Tensor& weight) override {
    check_inputs(*this, y_true, y_pred);
    count_confusion(counts_, y_true, y_pred, weight, options_);
  }
  Tensor result() const override {
    const auto [kept, wanted] = Self::rates(counts_);
    const Tensor good = kept >= (this->args().*Self::kValue).value;
    return ops::maximum(ops::max(ops::where(good, wanted, 0)), 0);
  }

 protected:
  static Tensor share(const Variable& of, const Variable& rest) {
    return divide_no_nan(of, of.value() + rest.value());
  }

 private:
  ConfusionOptions make_options() const {
    const int count = this->args().num_thresholds;
    return {
        .thresholds = even_thresholds(count), .even = count > 1, .class_id = this->args().class_id};
  }
  ConfusionOptions options_;
  ConfusionCounts counts_;
};

#define NYALA_TRADE_METRIC(Name, member, kept, wanted)                                          \
  class Name##Impl final : public TradeMetric<Name##Args, Name##Impl> {                         \
   public:                                                                                      \
    using TradeMetric::TradeMetric;                                                             \
    static constexpr const char* kName = #Name;                                                 \
    static constexpr auto kValue = &Name##Args::member;                                         \
    static std::pair<Tensor, Tensor> rates(const ConfusionCounts& c) { return {kept, wanted}; } \
  };
#define NYALA_SENSITIVITY share(c.true_positives, c.false_negatives)
#define NYALA_SPECIFICITY share(c.true_negatives, c.false_positives)
#define NYALA_PRECISION share(c.true_positives, c.false_positives)
NYALA_TRADE_METRIC(SensitivityAtSpecificity, specificity, NYALA_SPECIFICITY, NYALA_SENSITIVITY)
NYALA_TRADE_METRIC(SpecificityAtSensitivity, sensitivity, NYALA_SENSITIVITY, NYALA_SPECIFICITY)
NYALA_TRADE_METRIC(PrecisionAtRecall, recall, NYALA_SENSITIVITY, NYALA_PRECISION)
NYALA_TRADE_METRIC(RecallAtPrecision, precision, NYALA_PRECISION, NYALA_SENSITIVITY)
#undef NYALA_TRADE_METRIC
#undef NYALA_SENSITIVITY
#undef NYALA_SPECIFICITY
#undef NYALA_PRECISION

}  // namespace

NYALA_MAKE_METRIC(TruePositives)
NYALA_MAKE_METRIC(TrueNegatives)
NYALA_MAKE_METRIC(FalsePositives)
NYALA_MAKE_METRIC(FalseNegatives)
NYALA_MAKE_METRIC(Precision)
NYALA_MAKE_METRIC(Recall)
NYALA_MAKE_METRIC(SensitivityAtSpecificity)
NYALA_MAKE_METRIC(SpecificityAtSensitivity)
NYALA_MAKE_METRIC(PrecisionAtRecall)
NYALA_MAKE_METRIC(RecallAtPrecision)

}  // namespace nyala::metrics
