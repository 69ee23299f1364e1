#pragma once
/// Metrics made of true and false positives and negatives, counted at one threshold or several.
#include <nyala/models/metrics/options.hpp>

#pragma GCC visibility push(default)

namespace nyala::metrics {

#define NYALA_COUNT_METRIC(Class)                                                           \
  struct Class##Args {                                                                      \
    Thresholds thresholds = {};                                                             \
    NYALA_METRIC_OPTIONS({});                                                               \
    template <class A = Class##Args>                                                        \
    static constexpr auto fields() {                                                        \
      return std::tuple{                                                                    \
          NYALA_METRIC_FIELDS(A),                                                           \
          Field{"thresholds", &A::thresholds, "Above it a prediction is 1; 0.5 if null."}}; \
    }                                                                                       \
  }

/// The (weighted) number of samples of class 1 that are predicted as such.
NYALA_COUNT_METRIC(TruePositives);
/// Those of class 0 that are predicted as such.
NYALA_COUNT_METRIC(TrueNegatives);
/// Those of class 0 that are predicted as 1.
NYALA_COUNT_METRIC(FalsePositives);
/// Those of class 1 that are predicted as 0.
NYALA_COUNT_METRIC(FalseNegatives);
#undef NYALA_COUNT_METRIC

#define NYALA_RATIO_METRIC(Class)                                                                  \
  struct Class##Args {                                                                             \
    Thresholds thresholds = {};                                                                    \
    std::optional<int> top_k = {};                                                                 \
    std::optional<int> class_id = {};                                                              \
    NYALA_METRIC_OPTIONS({});                                                                      \
    template <class A = Class##Args>                                                               \
    static constexpr auto fields() {                                                               \
      return std::tuple{                                                                           \
          NYALA_METRIC_FIELDS(A),                                                                  \
          Field{"thresholds", &A::thresholds, "Above it a prediction is 1; 0.5 if null."},         \
          Field{"top_k", &A::top_k, "Only the k best classes are predicted.", Range::at_least(1)}, \
          Field{"class_id",                                                                        \
                &A::class_id,                                                                      \
                "The one class that counts; all if null.",                                         \
                Range::at_least(0)}};                                                              \
    }                                                                                              \
  }

/// true positives / (true positives + false positives)
NYALA_RATIO_METRIC(Precision);
/// true positives / (true positives + false negatives)
NYALA_RATIO_METRIC(Recall);
#undef NYALA_RATIO_METRIC

#define NYALA_TRADE_METRIC(Class, member, text)                                                   \
  struct Class##Args {                                                                            \
    Required<double> member;                                                                      \
    int num_thresholds = 200;                                                                     \
    std::optional<int> class_id = {};                                                             \
    NYALA_METRIC_OPTIONS({});                                                                     \
    template <class A = Class##Args>                                                              \
    static constexpr auto fields() {                                                              \
      return std::tuple{                                                                          \
          NYALA_METRIC_FIELDS(A),                                                                 \
          Field{"class_id",                                                                       \
                &A::class_id,                                                                     \
                "The one class that counts; all if null.",                                        \
                Range::at_least(0)},                                                              \
          Field{"num_thresholds", &A::num_thresholds, "How many are tried.", Range::at_least(1)}, \
          Field{#member, &A::member, text, Range::from_0_to_1()}};                                \
    }                                                                                             \
  }

/// The best sensitivity at any threshold whose specificity is at least the one given.
NYALA_TRADE_METRIC(SensitivityAtSpecificity, specificity, "The least specificity.");
/// The best specificity at any threshold whose sensitivity is at least the one given.
NYALA_TRADE_METRIC(SpecificityAtSensitivity, sensitivity, "The least sensitivity.");
/// The best precision at any threshold whose recall is at least the one given.
NYALA_TRADE_METRIC(PrecisionAtRecall, recall, "The least recall.");
/// The best recall at any threshold whose precision is at least the one given.
NYALA_TRADE_METRIC(RecallAtPrecision, precision, "The least precision.");
#undef NYALA_TRADE_METRIC

/// The area under the curve, from counts at `num_thresholds` thresholds.
struct AUCArgs {
  int num_thresholds = 200;
  std::string curve = "ROC";
  std::string summation_method = "interpolation";
  NYALA_METRIC_OPTIONS({});
  std::optional<std::vector<double>> thresholds = {};
  bool multi_label = false;
  std::optional<int> num_labels = {};
  std::optional<std::vector<double>> label_weights = {};
  bool from_logits = false;
  template <class A = AUCArgs>
  static constexpr auto fields() {
    return std::tuple{
        NYALA_METRIC_FIELDS(A),
        Field{"num_thresholds", &A::num_thresholds, "How many are tried.", Range::at_least(2)},
        Field{"curve", &A::curve, "\"ROC\", \"PR\" or \"PRGAIN\"."},
        Field{"summation_method",
              &A::summation_method,
              "\"interpolation\", \"minoring\" or \"majoring\"."},
        Field{"thresholds",
              &A::thresholds,
              "The thresholds between 0 and 1 in place of even ones.",
              Range::from_0_to_1()},
        Field{"multi_label", &A::multi_label, "Whether each column has a curve of its own."},
        Field{"num_labels", &A::num_labels, "Number of columns of multi_label."},
        Field{"label_weights", &A::label_weights, "Weights of the columns."},
        Field{"from_logits", &A::from_logits, "Whether y_pred is a logit."}};
  }
  static constexpr const char* kUnsaved = "thresholds";
};

}  // namespace nyala::metrics

#pragma GCC visibility pop
