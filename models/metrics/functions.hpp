#pragma once
/// Metrics as functions: one value for each sample. As in Keras most losses are metrics as well.
#include <nyala/core/tensor.hpp>
#include <nyala/models/losses/functions.hpp>

#pragma GCC visibility push(default)

namespace nyala::metrics {

using losses::binary_crossentropy;
using losses::binary_focal_crossentropy;
using losses::categorical_crossentropy;
using losses::categorical_focal_crossentropy;
using losses::categorical_hinge;
using losses::hinge;
using losses::huber;
using losses::kl_divergence;
using losses::log_cosh;
using losses::mean_absolute_error;
using losses::mean_absolute_percentage_error;
using losses::mean_squared_error;
using losses::mean_squared_logarithmic_error;
using losses::poisson;
using losses::sparse_categorical_crossentropy;
using losses::squared_hinge;

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

#pragma GCC visibility pop
