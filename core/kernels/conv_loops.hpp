#pragma once
/// The inner loops of convolutions: sums of products that stay in registers over a whole reduction.
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// `count` rows of `width` sums each. Row i is the sum over chunks j and steps s of
/// left[left_at[i] + chunk_at[j] + s * left_step] times row right_at[j] + s of `right`. The left
/// operand is one number for all of the width, or, depthwise, one for each column. Offsets and
/// steps are in elements: numbers or, of bfloat16, pairs of neighbours in the reduction.
struct ConvBlock {
  const void* left;
  const std::int64_t* left_at;
  const std::int64_t* chunk_at;
  const std::int64_t* right_at;  ///< in rows
  std::int64_t count, chunks, length, left_step;
  const void* right;  ///< whole vectors can be read from its rows, but for depthwise
  std::int64_t right_row;
  std::int64_t width;  ///< at most what `panel` gives
  void* out;
  const std::int64_t* out_at;  ///< of rows of `out`; different ones for different rows
  const void* bias;            ///< null, or `width` elements that are added in the end
  bool accumulate;             ///< the sums begin with what `out` holds
  bool relu;                   ///< in the end, max(., 0); a NaN stays
};

/// A block that is a product of two matrices: `length` steps from `left_at` on, and rows of `right`
/// from the first on.
inline ConvBlock one_product(const std::int64_t* left_at,
                             const std::int64_t* out_at,
                             std::int64_t count,
                             std::int64_t length,
                             std::int64_t left_step) {
  static constexpr std::int64_t kStart = 0;
  ConvBlock block{};
  block.left_at = left_at;
  block.out_at = out_at;
  block.chunk_at = block.right_at = &kStart;
  block.count = count;
  block.chunks = 1;
  block.length = length;
  block.left_step = left_step;
  return block;
}

struct ConvLoops {
  void (*products)(const ConvBlock& block);
  /// The same, but `out` and `bias` are of the dtype that is summed in, and there is no relu.
  void (*sums)(const ConvBlock& block);
  void (*depthwise)(const ConvBlock& block);
  /// to[p * width + j] = from[j * along + p * across] for j < count and p < k; of bfloat16 pairs
  /// of two p each.
  void (*pack)(const void* from,
               std::int64_t along,
               std::int64_t across,
               std::int64_t count,
               std::int64_t k,
               void* to,
               std::int64_t width);
  /// How many of n columns a block takes.
  std::int64_t (*panel)(std::int64_t n);
  std::int64_t lanes;  ///< of a vector
};

/// For float32 and float64, with the widest vectors of this CPU, and for bfloat16 where it
/// multiplies that.
ConvLoops conv_loops(DType dtype);

}  // namespace nyala::kernels
