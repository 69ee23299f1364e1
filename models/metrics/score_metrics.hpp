#pragma once
/// Scores of several outputs or classes: R2, F, and overlap of classes.
#include <nyala/models/metrics/options.hpp>

#pragma GCC visibility push(default)

namespace nyala::metrics {

/// 1 - (squared error) / (variance) of each column of (batch, outputs), averaged.
struct R2ScoreArgs {
  std::optional<std::string> class_aggregation = "uniform_average";
  int num_regressors = 0;
  NYALA_METRIC_OPTIONS("r2_score");
  template <class A = R2ScoreArgs>
  static constexpr auto fields() {
    return std::tuple{
        NYALA_METRIC_FIELDS(A),
        Field{"class_aggregation",
              &A::class_aggregation,
              "\"uniform_average\", \"variance_weighted_average\", or null for each."},
        Field{"num_regressors",
              &A::num_regressors,
              "Predictors of the adjusted score; 0 for the plain one.",
              Range::at_least(0)}};
  }
};

#define NYALA_F_FIELDS \
  Field { "average", &A::average, "\"micro\", \"macro\", \"weighted\", or null for each class." }
#define NYALA_F_THRESHOLD                                                                   \
  Field {                                                                                   \
    "threshold", &A::threshold, "Above it a prediction is 1; the largest if null.", Range { \
      .min = 0, .max = 1, .open_min = true                                                  \
    }                                                                                       \
  }

/// (1 + beta^2) precision recall / (beta^2 precision + recall) of (batch, classes).
struct FBetaScoreArgs {
  std::optional<std::string> average = {};
  double beta = 1;
  std::optional<double> threshold = {};
  NYALA_METRIC_OPTIONS("fbeta_score");
  template <class A = FBetaScoreArgs>
  static constexpr auto fields() {
    return std::tuple{NYALA_METRIC_FIELDS(A),
                      NYALA_F_FIELDS,
                      Field{"beta", &A::beta, "How much recall counts.", Range::positive()},
                      NYALA_F_THRESHOLD};
  }
};

/// 2 precision recall / (precision + recall) of (batch, classes).
struct F1ScoreArgs {
  std::optional<std::string> average = {};
  std::optional<double> threshold = {};
  NYALA_METRIC_OPTIONS("f1_score");
  template <class A = F1ScoreArgs>
  static constexpr auto fields() {
    return std::tuple{NYALA_METRIC_FIELDS(A), NYALA_F_FIELDS, NYALA_F_THRESHOLD};
  }
};
#undef NYALA_F_FIELDS
#undef NYALA_F_THRESHOLD

// Intersection over union of the pixels (or samples) of a class and those predicted as it. Class
// numbers, or scores of which the largest along `axis` counts. The counts are whole numbers, and
// weights are cut to such, unless the dtype is a floating one.

/// The mean over the target classes that occur.
struct IoUArgs {
  Required<int> num_classes;
  Required<std::vector<int>> target_class_ids;
  NYALA_METRIC_OPTIONS({});
  std::optional<int> ignore_class = {};
  bool sparse_y_true = true;
  bool sparse_y_pred = true;
  int axis = -1;
  template <class A = IoUArgs>
  static constexpr auto fields() {
    return std::tuple{NYALA_METRIC_FIELDS(A),
                      Field{"num_classes", &A::num_classes, "Classes.", Range::at_least(1)},
                      Field{"target_class_ids", &A::target_class_ids, "Those that count."},
                      Field{"ignore_class", &A::ignore_class, "Label that counts for nothing."},
                      Field{"sparse_y_true", &A::sparse_y_true, "Whether y_true is numbers."},
                      Field{"sparse_y_pred", &A::sparse_y_pred, "Whether y_pred is numbers."},
                      Field{"axis", &A::axis, "Axis of the classes where there are scores."}};
  }
};

/// The mean over all classes that occur.
struct MeanIoUArgs {
  Required<int> num_classes;
  NYALA_METRIC_OPTIONS({});
  std::optional<int> ignore_class = {};
  bool sparse_y_true = true;
  bool sparse_y_pred = true;
  int axis = -1;
  template <class A = MeanIoUArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"num_classes", &A::num_classes, "Classes.", Range::at_least(1)},
                      NYALA_METRIC_FIELDS(A),
                      Field{"ignore_class", &A::ignore_class, "Label that counts for nothing."},
                      Field{"sparse_y_true", &A::sparse_y_true, "Whether y_true is numbers."},
                      Field{"sparse_y_pred", &A::sparse_y_pred, "Whether y_pred is numbers."},
                      Field{"axis", &A::axis, "Axis of the classes where there are scores."}};
  }
};

/// Two classes, with predictions of at least the threshold taken as 1.
struct BinaryIoUArgs {
  std::vector<int> target_class_ids = {0, 1};
  double threshold = 0.5;
  NYALA_METRIC_OPTIONS({});
  template <class A = BinaryIoUArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"target_class_ids", &A::target_class_ids, "Those that count."},
                      Field{"threshold", &A::threshold, "From it on a prediction is 1."},
                      NYALA_METRIC_FIELDS(A)};
  }
};

/// IoU of one-hot labels and scores.
struct OneHotIoUArgs {
  Required<int> num_classes;
  Required<std::vector<int>> target_class_ids;
  NYALA_METRIC_OPTIONS({});
  std::optional<int> ignore_class = {};
  bool sparse_y_pred = false;
  int axis = -1;
  template <class A = OneHotIoUArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"num_classes", &A::num_classes, "Classes.", Range::at_least(1)},
                      Field{"target_class_ids", &A::target_class_ids, "Those that count."},
                      NYALA_METRIC_FIELDS(A),
                      Field{"ignore_class", &A::ignore_class, "Label that counts for nothing."},
                      Field{"sparse_y_pred", &A::sparse_y_pred, "Whether y_pred is numbers."},
                      Field{"axis", &A::axis, "Axis of the classes where there are scores."}};
  }
};

/// MeanIoU of one-hot labels and scores.
struct OneHotMeanIoUArgs {
  Required<int> num_classes;
  NYALA_METRIC_OPTIONS({});
  std::optional<int> ignore_class = {};
  bool sparse_y_pred = false;
  int axis = -1;
  template <class A = OneHotMeanIoUArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"num_classes", &A::num_classes, "Classes.", Range::at_least(1)},
                      NYALA_METRIC_FIELDS(A),
                      Field{"ignore_class", &A::ignore_class, "Label that counts for nothing."},
                      Field{"sparse_y_pred", &A::sparse_y_pred, "Whether y_pred is numbers."},
                      Field{"axis", &A::axis, "Axis of the classes where there are scores."}};
  }
};

}  // namespace nyala::metrics

#pragma GCC visibility pop
