#pragma once
/// Convolution over one to three spatial axes, with Keras's names of options.
///
/// Inputs are (batch, spatial..., channels), or (batch, channels, spatial...) with
/// "channels_first". "same" gives ceil(size / stride) outputs along an axis, "valid" only those
/// whose window is inside. Integers are computed in float32.
#include <string>

#include <nyala/core/ops/extents.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct ConvArgs {
  Extents strides = 1;
  std::string padding = "valid";
  std::string data_format = "channels_last";
  Extents dilation_rate = 1;
};
struct ConvTransposeArgs {
  Extents strides = 1;
  std::string padding = "valid";
  Extents output_padding = {};  ///< added to the output's size; what Keras takes without one
  std::string data_format = "channels_last";
  Extents dilation_rate = 1;
};

namespace ops {

/// The inner products of windows with a kernel (spatial..., channels / groups, filters): the
/// sizes say how many groups of channels there are. Throws ShapeError for sizes that do not fit or
/// windows larger than the input.
Tensor conv(const Tensor& inputs, const Tensor& kernel, const ConvArgs& args = {});
/// Each channel with kernels of its own: kernel (spatial..., channels, multiplier), result with
/// channels * multiplier channels.
Tensor depthwise_conv(const Tensor& inputs, const Tensor& kernel, const ConvArgs& args = {});
/// A depthwise convolution, then one of windows of size 1 over all channels.
Tensor separable_conv(const Tensor& inputs,
                      const Tensor& depthwise_kernel,
                      const Tensor& pointwise_kernel,
                      const ConvArgs& args = {});
/// What the gradient of a convolution by its input does, as a layer: kernel (spatial..., filters,
/// channels).
Tensor conv_transpose(const Tensor& inputs,
                      const Tensor& kernel,
                      const ConvTransposeArgs& args = {});

/// conv(x, kernel) + bias for channels_last, one kernel for all of it, and max(0, that) with
/// `relu`: what layers call. `before` and `after` take the place of `padding` where they are given.
struct ConvBiasArgs {
  Extents strides = 1;
  Extents dilation_rate = 1;
  bool same = false;
  Extents before = {};
  Extents after = {};
  bool relu = false;
};
Tensor conv_bias(const Tensor& x,
                 const Tensor& kernel,
                 const Tensor& bias,
                 const ConvBiasArgs& args = {});

}  // namespace ops
}  // namespace nyala

#pragma GCC visibility pop
