#pragma once
/// What convolutions by tiles share. Not for other kernels.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <nyala/core/kernels/bytes.hpp>
#include <nyala/core/kernels/conv.hpp>
#include <nyala/core/kernels/conv_loops.hpp>
#include <nyala/core/kernels/conv_windows.hpp>

namespace nyala::kernels {

/// The most outputs of a piece, and the most taps: their offsets lie on the stack.
inline constexpr std::int64_t kMostOutputs = 512;
inline constexpr std::int64_t kMostTaps = 1024;
/// Elements packed by one thread.
inline constexpr std::int64_t kPackGrain = 65536;

using ConvOffsets = std::array<std::int64_t, kMostTaps>;

/// Some columns of the right operand, packed one row after the other, `row` elements apart.
struct ConvPanel {
  std::int64_t group, first, width, row;
  std::int64_t at;  ///< elements packed before, for a reduction of one row
};

/// The columns of each group in panels.
inline std::vector<ConvPanel> cut_columns(const ConvLoops& loops,
                                          std::int64_t groups,
                                          std::int64_t columns) {
  std::vector<ConvPanel> panels;
  std::int64_t at = 0;
  for (std::int64_t group = 0; group < groups; ++group) {
    for (std::int64_t first = 0, width; first < columns; first += width) {
      width = loops.panel(columns - first);
      const std::int64_t row = (width + loops.lanes - 1) / loops.lanes * loops.lanes;
      panels.push_back({group, first, width, row, at});
      at += row;
    }
  }
  return panels;
}

/// What the plans share.
class ConvByTiles : public ConvPlan {
 protected:
  ConvByTiles(DType dtype, const ConvShape& shape)
      : number_(static_cast<std::int64_t>(size_of(dtype))),
        together_(dtype == DType::bfloat16 ? 2 : 1),
        item_(number_ * together_),
        loops_(conv_loops(dtype)),
        shape_(shape),
        depthwise_(shape.is_depthwise()) {}

  std::int64_t number_;    // bytes
  std::int64_t together_;  // numbers of a reduction in an element
  std::int64_t item_;      // bytes of an element, and of a sum
  ConvLoops loops_;
  ConvShape shape_;
  bool depthwise_;
};

/// The same convolution of float32 by Winograd's tiles, for windows of 3 by 3; `direct` itself
/// where that is as fast: `work` is its time in products of vectors.
std::unique_ptr<ConvPlan> by_winograd(ConvKind kind,
                                      const ConvShape& shape,
                                      ConvOptions options,
                                      double work,
                                      std::unique_ptr<ConvPlan> direct);
/// Backward by the weights.
std::unique_ptr<ConvPlan> plan_conv_of_weights(DType dtype, const ConvShape& shape);

}  // namespace nyala::kernels
