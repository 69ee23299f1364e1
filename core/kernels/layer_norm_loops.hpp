#pragma once
/// The inner loops of layer normalisation: `count` contiguous rows of n elements.
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

struct LayerNormLoops {
  void (*forward)(const void* x,
                  const void* gamma,
                  const void* beta,
                  double epsilon,
                  void* y,
                  std::int64_t count,
                  std::int64_t n);
  void (*grad)(const void* x,
               const void* gamma,
               const void* dy,
               double epsilon,
               void* dx,
               std::int64_t count,
               std::int64_t n);
  void (*scale_grad)(const void* x,
                     const void* dy,
                     double epsilon,
                     void* dgamma,
                     std::int64_t count,
                     std::int64_t n);
};

/// For float32 and float64.
LayerNormLoops layer_norm_loops(DType dtype);

}  // namespace nyala::kernels
