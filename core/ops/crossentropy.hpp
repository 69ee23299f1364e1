#pragma once
/// Cross-entropies between targets and predictions, as https://keras.io/api/ops/nn has them.
/// Probabilities are kept 1e-7 away from 0 and 1, with no gradient beyond.
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct CrossentropyArgs {
  bool from_logits = false;  ///< Whether `output` holds logits; else it holds probabilities.
  int axis = -1;             ///< The axis of classes.
};

namespace ops {

/// -t log(p) - (1 - t) log(1 - p) for each element. Both have one shape (ShapeError).
Tensor binary_crossentropy(const Tensor& target, const Tensor& output, bool from_logits = false);
/// -sum(t log(p)) along the axis of classes, p being divided by its sum. Both have one shape
/// (ShapeError).
Tensor categorical_crossentropy(const Tensor& target,
                                const Tensor& output,
                                const CrossentropyArgs& args = {});
/// -log of the label's share of p along the axis of classes, for integer labels of the other axes.
/// Throws IndexError for a label that is no class.
Tensor sparse_categorical_crossentropy(const Tensor& target,
                                       const Tensor& output,
                                       const CrossentropyArgs& args = {});

}  // namespace ops
}  // namespace nyala

#pragma GCC visibility pop
