#pragma once
/// Cross-entropies of contiguous rows of n numbers, float32 or float64; other dtypes throw
/// TypeError. Probabilities are kept kLeastProbability away from 0 and 1, as Keras does, with no
/// gradient beyond.
#include <cstdint>

#include <nyala/core/kernels/elementwise.hpp>

namespace nyala::kernels {

/// What x holds: rows of n logits or probabilities.
struct CrossentropyRows {
  DType dtype;
  bool from_logits;
  std::int64_t rows, n;
};

/// For logits, loss[i] = logsumexp(x[i]) - x[i][labels[i]]; else log(sum(q[i])) -
/// log(q[i][labels[i]]), q being x within its bounds. Labels are the caller's to check:
/// 0 <= label < n.
void sparse_crossentropy(const CrossentropyRows& of,
                         const void* x,
                         const std::int64_t* labels,
                         void* loss);
void sparse_crossentropy_grad(const CrossentropyRows& of,
                              const void* x,
                              const std::int64_t* labels,
                              const void* dloss,
                              void* dx);

/// loss[i] = -sum(t[i] log(q[i])), where q is softmax(x), or x / sum(x) within its bounds.
void categorical_crossentropy(const CrossentropyRows& of, const void* x, const void* t, void* loss);
void categorical_crossentropy_grad(
    const CrossentropyRows& of, const void* x, const void* t, const void* dloss, void* dx);

}  // namespace nyala::kernels
