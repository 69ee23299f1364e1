#pragma once
/// Convolution and its two gradients, planned once and run many times. Arrays are contiguous:
/// x (batch, spatial..., in_channels), w (taps..., in_channels / groups, out_channels),
/// y (batch, spatial..., out_channels). float32 and float64, and bfloat16 where the CPU multiplies
/// that: with sums of float32, rounded once. Results do not depend on the number of threads.
#include <cstdint>
#include <memory>

#include <nyala/core/dtype.hpp>
#include <nyala/core/kernels/window.hpp>

namespace nyala::kernels {

struct ConvShape {
  Window window;
  std::int64_t in_channels = 1;
  std::int64_t out_channels = 1;
  std::int64_t groups = 1;

  std::int64_t group_in() const { return in_channels / groups; }
  std::int64_t group_out() const { return out_channels / groups; }
  bool is_depthwise() const { return groups == in_channels && groups == out_channels; }
};

enum class ConvKind : std::uint8_t {
  forward,      ///< x, w, bias -> y
  input_grad,   ///< dy, w -> dx
  weight_grad,  ///< x, dy -> dw
};

/// What is done in the end, of `forward` only.
struct ConvOptions {
  bool relu = false;  ///< max(y, 0); a NaN stays
};

/// One of the three, with everything settled but where the arrays lie.
class ConvPlan {
 public:
  virtual ~ConvPlan() = default;
  /// Bytes of scratch memory, aligned to 64, that a run wants; it may hold anything.
  virtual std::int64_t workspace() const { return 0; }
  /// `bias` is null or, for `forward`, out_channels elements. May run on several threads at once
  /// where each call has a workspace of its own.
  virtual void run(
      const void* a, const void* b, const void* bias, void* out, std::byte* workspace) const = 0;
};

std::unique_ptr<ConvPlan> plan_conv(DType dtype,
                                    ConvKind kind,
                                    const ConvShape& shape,
                                    ConvOptions options = {});

/// The plan that computes tap by tap: it takes any shape, and tests compare the others with it.
std::unique_ptr<ConvPlan> plan_conv_by_taps(DType dtype,
                                            ConvKind kind,
                                            const ConvShape& shape,
                                            ConvOptions options = {});

}  // namespace nyala::kernels
