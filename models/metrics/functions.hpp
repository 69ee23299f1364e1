#pragma once
/// Metrics as functions: one value for each sample. The losses of models/losses/functions.hpp are
/// metrics as well.
#include <nyala/core/tensor.hpp>

namespace nyala::metrics {

/// 1 where y_pred equals y_true, else 0.
Tensor accuracy(const Tensor& y_true, const Tensor& y_pred);
/// 1 where y_pred is above the threshold exactly where y_true is 1.
Tensor binary_accuracy(const Tensor& y_true, const Tensor& y_pred, double threshold = 0.5);
/// 1 where the largest score stands where y_true (one-hot) is largest.
Tensor categorical_accuracy(const Tensor& y_true, const Tensor& y_pred);
/// 1 where the largest score is that of the class number in y_true.
Tensor sparse_categorical_accuracy(const Tensor& y_true, const Tensor& y_pred);
/// 1 where the true class is among the k largest scores.
Tensor top_k_categorical_accuracy(const Tensor& y_true, const Tensor& y_pred, int k = 5);
/// The same for class numbers. With `from_sorted_ids`, y_pred holds class numbers, best first.
Tensor sparse_top_k_categorical_accuracy(const Tensor& y_true,
                                         const Tensor& y_pred,
                                         int k = 5,
                                         bool from_sorted_ids = false);
/// The cosine of the angle between the vectors along `axis`.
Tensor cosine_similarity(const Tensor& y_true, const Tensor& y_pred, int axis = -1);
/// Pearson's correlation along `axis`.
Tensor pearson_correlation(const Tensor& y_true, const Tensor& y_pred, int axis = -1);
/// Lin's concordance correlation along `axis`, as Keras computes it.
Tensor concordance_correlation(const Tensor& y_true, const Tensor& y_pred, int axis = -1);

}  // namespace nyala::metrics
