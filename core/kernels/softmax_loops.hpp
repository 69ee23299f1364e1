#pragma once
/// The inner loops of softmax and its kin.
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

enum class SoftmaxOp : std::uint8_t {
  softmax,
  log_softmax,
  softmax_grad,
  log_softmax_grad,
  logsumexp
};

/// Both take (x, unused, out), or (y, dy, dx) for a gradient; logsumexp writes one element a line.
struct SoftmaxLoops {
  /// `count` contiguous lines of n elements, one after the other.
  void (*rows)(const void* x, const void* y, void* out, std::int64_t count, std::int64_t n);
  /// `count` adjacent lines, whose elements are `stride` apart.
  void (*columns)(const void* x,
                  const void* y,
                  void* out,
                  std::int64_t n,
                  std::int64_t stride,
                  std::int64_t count);
};

/// For float32 and float64.
SoftmaxLoops softmax_loops(SoftmaxOp op, DType dtype);

}  // namespace nyala::kernels
