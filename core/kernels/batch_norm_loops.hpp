#pragma once
/// The inner loops of batch normalisation.
#include <cstdint>

#include <nyala/core/kernels/batch_norm.hpp>

namespace nyala::kernels {

/// Part of an (outer, channels, inner) array: arrays begin at its first element, those with one
/// number for each channel at its first channel.
struct ChannelBlock {
  std::int64_t outer, channels, inner;
  std::int64_t stride;  ///< elements from one of the outer to the next
};

/// How many rows of parts there are, one for each piece of the outer, and of how many elements of a
/// channel each stems.
struct ChannelParts {
  std::int64_t count, channels;
  double elements, last_elements;
};

/// What `grad` computes dx with, for each channel.
struct GradLines {
  void *scale, *offset, *slope;
};

struct BatchNormLoops {
  /// Means and sums of squared distances from them.
  void (*moments)(const ChannelBlock& block, const void* x, void* means, void* squares);
  void (*merge_moments)(const ChannelParts& parts,
                        const void* means,
                        const void* squares,
                        void* mean,
                        void* variance);
  /// gamma / sqrt(variance + epsilon)
  void (*scale)(
      std::int64_t channels, const void* variance, const void* gamma, double epsilon, void* scale);
  /// (x - mean) scale + beta
  void (*normalize)(const ChannelBlock& block,
                    const void* x,
                    const void* mean,
                    const void* scale,
                    const void* beta,
                    void* y);
  /// sum(dy) and sum(dy (x - mean))
  void (*grad_sums)(const ChannelBlock& block,
                    const void* x,
                    const void* mean,
                    const void* dy,
                    void* sums,
                    void* products);
  /// dgamma, dbeta and what `grad` needs.
  void (*merge_grad)(const ChannelParts& parts,
                     const void* sums,
                     const void* products,
                     const BatchNormGradArrays& arrays,
                     double epsilon,
                     const GradLines& to);
  /// dx = scale dy + offset + slope (x - mean)
  void (*grad)(const ChannelBlock& block,
               const void* x,
               const void* mean,
               const void* dy,
               const GradLines& lines,
               void* dx);
};

/// For float32 and float64.
BatchNormLoops batch_norm_loops(DType dtype);

}  // namespace nyala::kernels
