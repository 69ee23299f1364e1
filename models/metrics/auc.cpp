#include <algorithm>

#include <nyala/models/metrics/classes.hpp>
#include <nyala/models/metrics/support.hpp>

namespace nyala::metrics {
namespace {

using losses::divide_no_nan;

enum class Curve : std::uint8_t { roc, pr, prgain };
enum class Summation : std::uint8_t { interpolation, minoring, majoring };

Curve curve_from_name(const std::string& name) {
  if (name == "ROC" || name == "roc") return Curve::roc;
  if (name == "PR" || name == "pr") return Curve::pr;
  if (name == "PRGAIN" || name == "prgain") return Curve::prgain;
  throw ValueError("AUC: curve \"" + name + "\" is unknown; expected ROC, PR or PRGAIN");
}

Summation summation_from_name(const std::string& name) {
  if (name == "interpolation" || name == "Interpolation") return Summation::interpolation;
  if (name == "minoring" || name == "Minoring") return Summation::minoring;
  if (name == "majoring" || name == "Majoring") return Summation::majoring;
  throw ValueError("AUC: summation_method \"" + name +
                   "\" is unknown; expected interpolation, minoring or majoring");
}

const char* name_of_curve(Curve curve) {
  return curve == Curve::roc ? "ROC" : curve == Curve::pr ? "PR" : "PRGAIN";
}
const char* name_of_summation(Summation summation) {
  return summation == Summation::interpolation ? "interpolation"
         : summation == Summation::minoring    ? "minoring"
                                               : "majoring";
}

// Neighbours along the thresholds: all but the last, all but the first.
Tensor left(const Tensor& x) { return ops::slice_axis(x, 0, 0, x.shape()[0] - 1); }
Tensor right(const Tensor& x) { return ops::slice_axis(x, 0, 1, x.shape()[0]); }

class AUCImpl final : public MetricImpl<MetricBase, AUCArgs, AUCImpl> {
 public:
  static constexpr const char* kName = "AUC";
  static constexpr Direction kDirection = Direction::up;

  explicit AUCImpl(AUCArgs args)
      : MetricImpl(std::move(args)),
        curve_(curve_from_name(this->args().curve)),
        summation_(summation_from_name(this->args().summation_method)) {
    const AUCArgs& given = this->args();
    if (given.num_labels && !given.multi_label)
      throw ValueError("AUC: received num_labels without multi_label");
    set_thresholds();
    if (given.label_weights)
      label_weights_ = ops::cast(Tensor::from(*given.label_weights), dtype());
    // The labels are weighted when their areas are averaged.
    if (!given.multi_label) options_.label_weights = label_weights_;
    options_.multi_label = given.multi_label;
    if (!given.multi_label) build({num_thresholds()});
    if (given.num_labels) build({num_thresholds(), *given.num_labels});
  }

  void update_state(const Tensor& y_true, const Tensor& y_pred, const Tensor& weight) override {
    check_inputs(*this, y_true, y_pred);
    if (!counts_.true_positives.defined()) {
      if (y_pred.rank() != 2)
        throw ShapeError("AUC: received y_pred of shape " + y_pred.shape().str() +
                         ", expected (batch, labels) for multi_label");
      build({num_thresholds(), y_pred.shape()[1]});
    }
    count_confusion(
        counts_, y_true, args().from_logits ? ops::sigmoid(y_pred) : y_pred, weight, options_);
  }

  Tensor result() const override {
    if (!counts_.true_positives.defined())
      throw StateError("AUC: result comes after the first update_state when multi_label is set");
    const Tensor areas = curve_ == Curve::pr && summation_ == Summation::interpolation
                             ? interpolated_pr()
                             : rectangles();
    if (!args().multi_label) return ops::sum(areas);
    const Tensor by_label = ops::sum(areas, {.axis = 0});
    if (!label_weights_.defined()) return ops::mean(by_label);
    return divide_no_nan(ops::sum(by_label * label_weights_), ops::sum(label_weights_));
  }

  Config get_config() const override {
    Config config = MetricImpl::get_config();
    config["num_thresholds"] = num_thresholds();
    config["curve"] = name_of_curve(curve_);
    config["summation_method"] = name_of_summation(summation_);
    if (args().thresholds) {
      Config inner = Config::list();
      for (std::size_t i = 1; i + 1 < options_.thresholds.size(); ++i)
        inner.push_back(options_.thresholds[i]);
      config["thresholds"] = inner;
    }
    return config;
  }

 private:
  std::int64_t num_thresholds() const {
    return static_cast<std::int64_t>(options_.thresholds.size());
  }

  // The outer two lie beyond 0 and 1, so that rounding puts no prediction outside.
  void set_thresholds() {
    std::vector<double>& all = options_.thresholds;
    if (args().thresholds) {
      all = *args().thresholds;
      std::sort(all.begin(), all.end());
      all.insert(all.begin(), 0.0);
      all.push_back(1.0);
      options_.even = are_even(all);
    } else {
      all = even_thresholds(args().num_thresholds);
      options_.even = true;
    }
    all.front() = -kEpsilon;
    all.back() = 1 + kEpsilon;
  }

  void build(const Shape& shape) {
    counts_.true_positives = add_variable("true_positives", shape);
    counts_.false_positives = add_variable("false_positives", shape);
    counts_.true_negatives = add_variable("true_negatives", shape);
    counts_.false_negatives = add_variable("false_negatives", shape);
  }

  // The curve's points, from the first threshold to the last.
  std::pair<Tensor, Tensor> points() const {
    const Tensor tp = counts_.true_positives;
    const Tensor fp = counts_.false_positives;
    const Tensor tn = counts_.true_negatives;
    const Tensor fn = counts_.false_negatives;
    const Tensor recall = divide_no_nan(tp, tp + fn);
    if (curve_ == Curve::roc) return {divide_no_nan(fp, fp + tn), recall};
    if (curve_ == Curve::pr) return {recall, divide_no_nan(tp, tp + fp)};
    // Gains (Flach and Kull 2015); recall below the share of positives counts as none.
    const Tensor scale = divide_no_nan(tp + fn, tn + fp);
    const Tensor none = ops::equal(tp, 0);
    const Tensor recall_gain = ops::where(none, 0, 1 - scale * divide_no_nan(fn, tp));
    const Tensor precision_gain = ops::where(none, 1, 1 - scale * divide_no_nan(fp, tp));
    return {ops::maximum(recall_gain, 0), precision_gain};
  }

  Tensor rectangles() const {
    const auto [x, y] = points();
    const Tensor heights = summation_ == Summation::interpolation ? (left(y) + right(y)) / 2.0
                           : summation_ == Summation::minoring    ? ops::minimum(left(y), right(y))
                                                                  : ops::maximum(left(y), right(y));
    return (left(x) - right(x)) * heights;
  }

  // Between two points of the curve true positives grow linearly with predicted ones, precision
  // does not (Davis and Goadrich 2006).
  Tensor interpolated_pr() const {
    const Tensor tp = counts_.true_positives;
    const Tensor predicted = tp + counts_.false_positives;
    const Tensor from = left(predicted);
    const Tensor to = right(predicted);
    const Tensor gained = left(tp) - right(tp);
    const Tensor slope = divide_no_nan(gained, ops::maximum(from - to, 0));
    const Tensor intercept = right(tp) - slope * to;
    const Tensor ratio =
        ops::where(ops::logical_and(from > 0, to > 0), divide_no_nan(from, ops::maximum(to, 0)), 1);
    return divide_no_nan(slope * (gained + intercept * ops::log(ratio)),
                         ops::maximum(right(tp) + right(counts_.false_negatives), 0));
  }

  Curve curve_;
  Summation summation_;
  ConfusionOptions options_;
  ConfusionCounts counts_;
  Tensor label_weights_;
};

}  // namespace

NYALA_MAKE_METRIC(AUC)

}  // namespace nyala::metrics
