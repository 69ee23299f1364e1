#pragma once
/// Windows that slide over up to three spatial axes: the geometry that convolution and pooling
/// share. Arrays are (batch, depth, height, width, channels), contiguous; fewer axes are leading
/// axes of size 1.
#include <algorithm>
#include <array>
#include <cstdint>

namespace nyala::kernels {

/// One axis: output o reads the inputs o * stride - before + t * dilation for t in [0, size), where
/// these exist.
struct WindowAxis {
  std::int64_t in = 1;
  std::int64_t out = 1;
  std::int64_t size = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t before = 0;

  std::int64_t input_of(std::int64_t o, std::int64_t tap) const {
    return o * stride - before + tap * dilation;
  }
  bool is_inside(std::int64_t i) const { return i >= 0 && i < in; }
  /// The outputs whose input at `tap` exists: [first, last).
  struct Span {
    std::int64_t first, last;
  };
  Span outputs_of(std::int64_t tap) const {
    const std::int64_t offset = tap * dilation - before;
    const std::int64_t first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    const std::int64_t end = offset >= in ? 0 : (in - 1 - offset) / stride + 1;
    return {std::min(first, out), std::max(std::min(first, out), std::min(end, out))};
  }
};

struct Window {
  std::int64_t batch = 1;
  std::array<WindowAxis, 3> axes;

  std::int64_t taps() const { return axes[0].size * axes[1].size * axes[2].size; }
  std::int64_t inputs() const { return axes[0].in * axes[1].in * axes[2].in; }
  std::int64_t outputs() const { return axes[0].out * axes[1].out * axes[2].out; }
};

}  // namespace nyala::kernels
