#pragma once
/// Metrics that are the mean of a value for each sample: accuracies, and the losses as metrics.
#include <nyala/models/losses/functions.hpp>
#include <nyala/models/metrics/options.hpp>

#pragma GCC visibility push(default)

namespace nyala::metrics {

/// The (weighted) mean of the values that it is given.
NYALA_PLAIN_METRIC_ARGS(Mean, "mean");

/// The (weighted) sum of the values that it is given.
NYALA_PLAIN_METRIC_ARGS(Sum, "sum");

NYALA_PLAIN_METRIC_ARGS(MeanSquaredError, "mean_squared_error");
NYALA_PLAIN_METRIC_ARGS(RootMeanSquaredError, "root_mean_squared_error");
NYALA_PLAIN_METRIC_ARGS(MeanAbsoluteError, "mean_absolute_error");
NYALA_PLAIN_METRIC_ARGS(MeanAbsolutePercentageError, "mean_absolute_percentage_error");
NYALA_PLAIN_METRIC_ARGS(MeanSquaredLogarithmicError, "mean_squared_logarithmic_error");
NYALA_PLAIN_METRIC_ARGS(LogCoshError, "logcosh");
NYALA_PLAIN_METRIC_ARGS(Hinge, "hinge");
NYALA_PLAIN_METRIC_ARGS(SquaredHinge, "squared_hinge");
NYALA_PLAIN_METRIC_ARGS(CategoricalHinge, "categorical_hinge");
NYALA_PLAIN_METRIC_ARGS(KLDivergence, "kl_divergence");
NYALA_PLAIN_METRIC_ARGS(Poisson, "poisson");
/// How often y_pred equals y_true.
NYALA_PLAIN_METRIC_ARGS(Accuracy, "accuracy");
/// How often the largest score is that of the class that is 1 in y_true.
NYALA_PLAIN_METRIC_ARGS(CategoricalAccuracy, "categorical_accuracy");
/// The same for class numbers.
NYALA_PLAIN_METRIC_ARGS(SparseCategoricalAccuracy, "sparse_categorical_accuracy");

struct CosineSimilarityArgs {
  NYALA_METRIC_OPTIONS("cosine_similarity");
  int axis = -1;
  template <class A = CosineSimilarityArgs>
  static constexpr auto fields() {
    return std::tuple{NYALA_METRIC_FIELDS(A), Field{"axis", &A::axis, "Axis of the vectors."}};
  }
  static constexpr const char* kUnsaved = "axis";
};

struct BinaryCrossentropyArgs {
  NYALA_METRIC_OPTIONS("binary_crossentropy");
  bool from_logits = false;
  double label_smoothing = 0;
  template <class A = BinaryCrossentropyArgs>
  static constexpr auto fields() {
    return std::tuple{NYALA_METRIC_FIELDS(A),
                      Field{"from_logits", &A::from_logits, "Whether y_pred is a logit."},
                      Field{"label_smoothing",
                            &A::label_smoothing,
                            "How far labels move to 1/2.",
                            Range::from_0_to_1()}};
  }
};

struct CategoricalCrossentropyArgs {
  NYALA_METRIC_OPTIONS("categorical_crossentropy");
  NYALA_CROSSENTROPY_OPTIONS(NYALA_OPTION_MEMBER)
  template <class A = CategoricalCrossentropyArgs>
  static constexpr auto fields() {
    return std::tuple{NYALA_METRIC_FIELDS(A),
                      Field{"from_logits", &A::from_logits, "Whether y_pred is logits."},
                      Field{"label_smoothing",
                            &A::label_smoothing,
                            "How far labels move to the uniform distribution.",
                            Range::from_0_to_1()},
                      Field{"axis", &A::axis, "Axis of the classes."}};
  }
};

struct SparseCategoricalCrossentropyArgs {
  NYALA_METRIC_OPTIONS("sparse_categorical_crossentropy");
  bool from_logits = false;
  std::optional<int> ignore_class = {};
  int axis = -1;
  template <class A = SparseCategoricalCrossentropyArgs>
  static constexpr auto fields() {
    return std::tuple{NYALA_METRIC_FIELDS(A),
                      Field{"from_logits", &A::from_logits, "Whether y_pred is logits."},
                      Field{"ignore_class", &A::ignore_class, "Label that counts for nothing."},
                      Field{"axis", &A::axis, "Axis of the classes: the last."}};
  }
};

struct BinaryAccuracyArgs {
  NYALA_METRIC_OPTIONS("binary_accuracy");
  double threshold = 0.5;
  template <class A = BinaryAccuracyArgs>
  static constexpr auto fields() {
    return std::tuple{NYALA_METRIC_FIELDS(A),
                      Field{"threshold", &A::threshold, "Above it a prediction is 1."}};
  }
};

struct TopKCategoricalAccuracyArgs {
  int k = 5;
  NYALA_METRIC_OPTIONS("top_k_categorical_accuracy");
  template <class A = TopKCategoricalAccuracyArgs>
  static constexpr auto fields() {
    return std::tuple{NYALA_METRIC_FIELDS(A),
                      Field{"k", &A::k, "How many scores count.", Range::at_least(1)}};
  }
};

struct SparseTopKCategoricalAccuracyArgs {
  int k = 5;
  NYALA_METRIC_OPTIONS("sparse_top_k_categorical_accuracy");
  bool from_sorted_ids = false;
  template <class A = SparseTopKCategoricalAccuracyArgs>
  static constexpr auto fields() {
    return std::tuple{
        NYALA_METRIC_FIELDS(A),
        Field{"k", &A::k, "How many scores count.", Range::at_least(1)},
        Field{"from_sorted_ids", &A::from_sorted_ids, "Whether y_pred is classes, best first."}};
  }
  static constexpr const char* kUnsaved = "from_sorted_ids";
};

struct PearsonCorrelationArgs {
  NYALA_METRIC_OPTIONS("pearson_correlation");
  int axis = -1;
  template <class A = PearsonCorrelationArgs>
  static constexpr auto fields() {
    return std::tuple{NYALA_METRIC_FIELDS(A), Field{"axis", &A::axis, "Axis of the samples."}};
  }
};

struct ConcordanceCorrelationArgs {
  NYALA_METRIC_OPTIONS("concordance_correlation");
  int axis = -1;
  template <class A = ConcordanceCorrelationArgs>
  static constexpr auto fields() {
    return std::tuple{NYALA_METRIC_FIELDS(A), Field{"axis", &A::axis, "Axis of the samples."}};
  }
};

}  // namespace nyala::metrics

#pragma GCC visibility pop
