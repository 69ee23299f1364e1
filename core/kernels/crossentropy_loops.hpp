#pragma once
/// The inner loops of the cross-entropies.
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// All run over `rows` contiguous rows of n elements.
struct CrossentropyLoops {
  using Loss =
      void (*)(const void* x, const void* t, void* loss, std::int64_t rows, std::int64_t n);
  using Gradient = void (*)(
      const void* x, const void* t, const void* dloss, void* dx, std::int64_t rows, std::int64_t n);
  Loss sparse;  ///< t: int64 labels
  Gradient sparse_grad;
  Loss sparse_logits;  ///< the same, x being logits
  Gradient sparse_logits_grad;
  Loss categorical;
  Gradient categorical_grad;
  Loss logits;  ///< categorical, x being logits
  Gradient logits_grad;
};

/// For float32 and float64.
const CrossentropyLoops& crossentropy_loops(DType dtype);

}  // namespace nyala::kernels
