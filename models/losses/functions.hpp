#pragma once
/// Losses as functions: one value for each sample, nothing reduced further. y_true is cast to the
/// dtype of y_pred. All work on logits or probabilities of any rank; the last axis is reduced.
#include <optional>

#include <nyala/core/ops/reduce.hpp>
#include <nyala/core/tensor.hpp>
#include <nyala/models/option_list.hpp>

#pragma GCC visibility push(default)

namespace nyala::losses {

// The options of a function and of its class, in Keras's order.
#define NYALA_CROSSENTROPY_OPTIONS(OPTION) \
  OPTION(bool, from_logits, false)         \
  OPTION(double, label_smoothing, 0)       \
  OPTION(int, axis, -1)
#define NYALA_CATEGORICAL_FOCAL_OPTIONS(OPTION) \
  OPTION(double, alpha, 0.25)                   \
  OPTION(double, gamma, 2)                      \
  NYALA_CROSSENTROPY_OPTIONS(OPTION)
#define NYALA_BINARY_FOCAL_OPTIONS(OPTION)   \
  OPTION(bool, apply_class_balancing, false) \
  NYALA_CATEGORICAL_FOCAL_OPTIONS(OPTION)
#define NYALA_CIRCLE_OPTIONS(OPTION) \
  OPTION(double, gamma, 80)          \
  OPTION(double, margin, 0.4)        \
  OPTION(bool, remove_diagonal, true)

struct CrossentropyOptions {
  NYALA_CROSSENTROPY_OPTIONS(NYALA_OPTION_MEMBER)
};
struct CategoricalFocalOptions {
  NYALA_CATEGORICAL_FOCAL_OPTIONS(NYALA_OPTION_MEMBER)
};
struct BinaryFocalOptions {
  NYALA_BINARY_FOCAL_OPTIONS(NYALA_OPTION_MEMBER)
};
struct CircleOptions {
  NYALA_CIRCLE_OPTIONS(NYALA_OPTION_MEMBER)
};
struct SparseCrossentropyOptions {
  bool from_logits = false;
  std::optional<int> ignore_class = {};  ///< labels that count for nothing
  int axis = -1;
};
struct TverskyOptions {
  double alpha = 0.5;
  double beta = 0.5;
  Axes axis = {};
};

// Regression. y_true and y_pred broadcast.

/// mean((y_true - y_pred)^2)
Tensor mean_squared_error(const Tensor& y_true, const Tensor& y_pred);
/// mean(|y_true - y_pred|)
Tensor mean_absolute_error(const Tensor& y_true, const Tensor& y_pred);
/// 100 mean(|y_true - y_pred| / max(|y_true|, epsilon))
Tensor mean_absolute_percentage_error(const Tensor& y_true, const Tensor& y_pred);
/// mean((log(y_true + 1) - log(y_pred + 1))^2), both taken as epsilon at least.
Tensor mean_squared_logarithmic_error(const Tensor& y_true, const Tensor& y_pred);
/// mean of e^2 / 2 where |e| <= delta, of delta |e| - delta^2 / 2 beyond.
Tensor huber(const Tensor& y_true, const Tensor& y_pred, double delta = 1);
/// mean(log(cosh(y_pred - y_true)))
Tensor log_cosh(const Tensor& y_true, const Tensor& y_pred);
/// Minus the cosine of the angle between the vectors along `axis`; 0 for a vector of zeros.
Tensor cosine_similarity(const Tensor& y_true, const Tensor& y_pred, int axis = -1);

// Hinge. Labels are -1 and 1; where all of them are 0 or 1 they are taken as such.

/// mean(max(1 - y_true y_pred, 0))
Tensor hinge(const Tensor& y_true, const Tensor& y_pred);
/// mean(max(1 - y_true y_pred, 0)^2)
Tensor squared_hinge(const Tensor& y_true, const Tensor& y_pred);
/// max(neg - pos + 1, 0) where pos is the true class's score and neg the best other one.
Tensor categorical_hinge(const Tensor& y_true, const Tensor& y_pred);

// Probabilities. They are kept within [epsilon, 1 - epsilon] before a logarithm is taken, so that
// no loss is infinite; prefer logits, where nothing is cut.

/// sum(y_true log(y_true / y_pred))
Tensor kl_divergence(const Tensor& y_true, const Tensor& y_pred);
/// mean(y_pred - y_true log(y_pred))
Tensor poisson(const Tensor& y_true, const Tensor& y_pred);
/// mean(-y_true log(y_pred) - (1 - y_true) log(1 - y_pred)). Throws ShapeError unless both shapes
/// are equal.
Tensor binary_crossentropy(const Tensor& y_true,
                           const Tensor& y_pred,
                           const CrossentropyOptions& options = {});
/// The same, scaled by (1 - p)^gamma, where p is the probability of what is true.
Tensor binary_focal_crossentropy(const Tensor& y_true,
                                 const Tensor& y_pred,
                                 const BinaryFocalOptions& options = {});
/// -sum(y_true log(y_pred)), after each row of y_pred is scaled to sum to one. Throws ShapeError
/// unless both shapes are equal.
Tensor categorical_crossentropy(const Tensor& y_true,
                                const Tensor& y_pred,
                                const CrossentropyOptions& options = {});
/// The same, with every term scaled by alpha (1 - p)^gamma.
Tensor categorical_focal_crossentropy(const Tensor& y_true,
                                      const Tensor& y_pred,
                                      const CategoricalFocalOptions& options = {});
/// -log(y_pred[y_true]) for class numbers, of one rank less than y_pred or with a last axis of size
/// 1. With `ignore_class` the result carries a mask. Throws ShapeError when shapes do not fit,
/// ValueError for an axis other than the last, and IndexError for a label that is no class.
Tensor sparse_categorical_crossentropy(const Tensor& y_true,
                                       const Tensor& y_pred,
                                       const SparseCrossentropyOptions& options = {});
/// (1 - p^q) / q for class numbers, where p is the probability of the true class.
Tensor categorical_generalized_cross_entropy(const Tensor& y_true,
                                             const Tensor& y_pred,
                                             double q = 0.5);

// Segmentation and similarity.

/// 1 - 2 sum(y_true y_pred) / (sum(y_true) + sum(y_pred)) over the axes, all without one.
Tensor dice(const Tensor& y_true, const Tensor& y_pred, const Axes& axis = {});
/// 1 - overlap / (overlap + alpha missed + beta extra) over the axes, all without one.
Tensor tversky(const Tensor& y_true, const Tensor& y_pred, const TverskyOptions& options = {});
/// Circle loss of normalised embeddings (batch, n) with class numbers (batch,): the similar ones
/// are pulled together, the others pushed apart, each as hard as it needs (Sun et al. 2020). The
/// result carries a mask of what is above 0.
Tensor circle(const Tensor& y_true, const Tensor& y_pred, const CircleOptions& options = {});

}  // namespace nyala::losses

#pragma GCC visibility pop
