#pragma once
/// The transforms of convolutions by Winograd's F(2x2, 3x3): Lavin and Gray, "Fast Algorithms for
/// Convolutional Neural Networks" (2016). A tile of 2 by 2 outputs comes from 4 by 4 inputs with 16
/// products instead of 36. What is not finite spreads over its tile: results say whether all of
/// theirs is.
#include <cstdint>

namespace nyala::kernels {

inline constexpr int kWinogradPlanes = 16;

struct WinogradLoops {
  /// to[p * plane + i] from taps[t * plane + i], the 9 taps of kernel i, for i < n.
  void (*kernels)(const float* taps, std::int64_t n, float* to, std::int64_t plane);
  /// to[p * plane + c] from the 16 pixels of a tile.
  void (*inputs)(const float* const* pixels, std::int64_t channels, float* to, std::int64_t plane);
  /// The 4 pixels of a tile, of which null ones are left out, from sums[p * plane + c], plus `bias`
  /// unless that is null; with `relu`, max(., 0), and a NaN stays.
  bool (*outputs)(const float* sums,
                  std::int64_t plane,
                  std::int64_t channels,
                  const float* bias,
                  bool relu,
                  float* const* pixels);
  /// Backward by the weights: to[p * plane + c] from the gradients of a tile's 4 pixels, ...
  void (*gradients)(const float* const* pixels,
                    std::int64_t channels,
                    float* to,
                    std::int64_t plane);
  /// ... and to[t * taps_plane + i] from the sums of products with `inputs`, sums[p * plane + i],
  /// for i < n.
  bool (*weights)(
      const float* sums, std::int64_t plane, std::int64_t n, float* to, std::int64_t taps_plane);
};

WinogradLoops winograd_loops();

}  // namespace nyala::kernels
