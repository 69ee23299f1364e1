#pragma once
/// Layers that convolve: windows of an input with a learned kernel.
#include <string>

#include <nyala/core/ops/conv.hpp>
#include <nyala/layers/core.hpp>

#pragma GCC visibility push(default)

namespace nyala::layers {

/// The options that an older Keras names otherwise, in today's names.
Config upgrade_convolution(Config config);

/// The options of a kernel and a bias, behind `activation`, and the fields of all.
#define NYALA_KERNEL_AND_BIAS_ARGS \
  bool use_bias = true;            \
  NYALA_WEIGHT_ARGS
template <class A>
constexpr auto activation_and_bias_fields() {
  return layer_fields(
      Field{"activation", &A::activation, "Applied to the result."},
      Field{"use_bias", &A::use_bias, "Whether a bias is added."},
      Field{"kernel_initializer", &A::kernel_initializer, "Fills the kernel."},
      Field{"bias_initializer", &A::bias_initializer, "Fills the bias."},
      Field{"kernel_regularizer", &A::kernel_regularizer, "Penalty on the kernel."},
      Field{"bias_regularizer", &A::bias_regularizer, "Penalty on the bias."},
      Field{"activity_regularizer", &A::activity_regularizer, "Penalty on the output."},
      Field{"kernel_constraint", &A::kernel_constraint, "Applied after each step."},
      Field{"bias_constraint", &A::bias_constraint, "Applied after each step."});
}

/// activation(conv(x, kernel) + bias) over kRank spatial axes: x (batch, spatial..., channels), or
/// (batch, channels, spatial...) with "channels_first"; kernel (spatial..., channels / groups,
/// filters). Throws ShapeError for other ranks and for windows larger than the input.
template <int kRank>
struct ConvLayerArgs {
  static constexpr int rank = kRank;

  Required<int> filters;
  Required<Extents> kernel_size;
  Extents strides = 1;
  std::string padding = "valid";
  DataFormat data_format = {};
  Extents dilation_rate = 1;
  int groups = 1;
  activations::Activation activation = {};
  NYALA_KERNEL_AND_BIAS_ARGS;
  NYALA_LAYER_ARGS;

  static Config upgrade(Config config) { return upgrade_convolution(std::move(config)); }

  template <class A = ConvLayerArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        layer_fields(
            Field{"filters", &A::filters, "Channels of the output.", Range::at_least(1)},
            Field{"kernel_size", &A::kernel_size, "Of a window, for each spatial axis."},
            Field{"strides", &A::strides, "Steps between windows."},
            Field{"padding", &A::padding, "valid, same or, for Conv1D, causal."},
            Field{"data_format", &A::data_format, "Where the channels stand."},
            Field{"dilation_rate", &A::dilation_rate, "Steps between a window's elements."},
            Field{"groups", &A::groups, "Parts of the channels.", Range::at_least(1)}),
        activation_and_bias_fields<A>());
  }
};

/// https://keras.io/api/layers/convolution_layers/
using Conv1DArgs = ConvLayerArgs<1>;
using Conv2DArgs = ConvLayerArgs<2>;
using Conv3DArgs = ConvLayerArgs<3>;
NYALA_DECLARE_LAYER(Conv1D);
NYALA_DECLARE_LAYER(Conv2D);
NYALA_DECLARE_LAYER(Conv3D);

/// The way back of a convolution, as a layer: kernel (spatial..., filters, channels). An axis of
/// the output has size * stride elements with "same", (size - 1) * stride + kernel_size with
/// "valid" (at least size * stride), unless `output_padding` says otherwise.
template <int kRank>
struct ConvTransposeLayerArgs {
  static constexpr int rank = kRank;

  Required<int> filters;
  Required<Extents> kernel_size;
  Extents strides = 1;
  std::string padding = "valid";
  Extents output_padding = {};
  DataFormat data_format = {};
  Extents dilation_rate = 1;
  activations::Activation activation = {};
  NYALA_KERNEL_AND_BIAS_ARGS;
  NYALA_LAYER_ARGS;

  static Config upgrade(Config config) { return upgrade_convolution(std::move(config)); }
  /// What tf.keras 2.x also writes.
  static constexpr std::array<const char*, 1> ignored_keys() { return {"groups"}; }

  template <class A = ConvTransposeLayerArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        layer_fields(
            Field{"filters", &A::filters, "Channels of the output.", Range::at_least(1)},
            Field{"kernel_size", &A::kernel_size, "Of a window, for each spatial axis."},
            Field{"strides", &A::strides, "Steps between windows."},
            Field{"padding", &A::padding, "valid or same."},
            Field{"output_padding", &A::output_padding, "Added to the output's sizes."},
            Field{"data_format", &A::data_format, "Where the channels stand."},
            Field{"dilation_rate", &A::dilation_rate, "Steps between a window's elements."}),
        activation_and_bias_fields<A>());
  }
};

using Conv1DTransposeArgs = ConvTransposeLayerArgs<1>;
using Conv2DTransposeArgs = ConvTransposeLayerArgs<2>;
using Conv3DTransposeArgs = ConvTransposeLayerArgs<3>;
NYALA_DECLARE_LAYER(Conv1DTranspose);
NYALA_DECLARE_LAYER(Conv2DTranspose);
NYALA_DECLARE_LAYER(Conv3DTranspose);

/// Each channel convolved with `depth_multiplier` kernels of its own: kernel (spatial..., channels,
/// depth_multiplier).
template <int kRank>
struct DepthwiseConvLayerArgs {
  static constexpr int rank = kRank;

  Required<Extents> kernel_size;
  Extents strides = 1;
  std::string padding = "valid";
  int depth_multiplier = 1;
  DataFormat data_format = {};
  Extents dilation_rate = 1;
  activations::Activation activation = {};
  bool use_bias = true;
  initializers::Initializer depthwise_initializer = "glorot_uniform";
  initializers::Initializer bias_initializer = "zeros";
  regularizers::Regularizer depthwise_regularizer = {};
  regularizers::Regularizer bias_regularizer = {};
  regularizers::Regularizer activity_regularizer = {};
  constraints::Constraint depthwise_constraint = {};
  constraints::Constraint bias_constraint = {};
  NYALA_LAYER_ARGS;

  static Config upgrade(Config config) { return upgrade_convolution(std::move(config)); }
  /// What tf.keras 2.x also writes.
  static constexpr std::array<const char*, 5> ignored_keys() {
    return {"groups", "filters", "kernel_initializer", "kernel_regularizer", "kernel_constraint"};
  }

  template <class A = DepthwiseConvLayerArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"depth_multiplier",
              &A::depth_multiplier,
              "Kernels for each channel.",
              Range::at_least(1)},
        Field{"kernel_size", &A::kernel_size, "Of a window, for each spatial axis."},
        Field{"strides", &A::strides, "Steps between windows."},
        Field{"padding", &A::padding, "valid or same."},
        Field{"data_format", &A::data_format, "Where the channels stand."},
        Field{"dilation_rate", &A::dilation_rate, "Steps between a window's elements."},
        Field{"activation", &A::activation, "Applied to the result."},
        Field{"use_bias", &A::use_bias, "Whether a bias is added."},
        Field{"depthwise_initializer", &A::depthwise_initializer, "Fills the kernel."},
        Field{"bias_initializer", &A::bias_initializer, "Fills the bias."},
        Field{"depthwise_regularizer", &A::depthwise_regularizer, "Penalty on the kernel."},
        Field{"bias_regularizer", &A::bias_regularizer, "Penalty on the bias."},
        Field{"activity_regularizer", &A::activity_regularizer, "Penalty on the output."},
        Field{"depthwise_constraint", &A::depthwise_constraint, "Applied after each step."},
        Field{"bias_constraint", &A::bias_constraint, "Applied after each step."});
  }
};

using DepthwiseConv1DArgs = DepthwiseConvLayerArgs<1>;
using DepthwiseConv2DArgs = DepthwiseConvLayerArgs<2>;
NYALA_DECLARE_LAYER(DepthwiseConv1D);
NYALA_DECLARE_LAYER(DepthwiseConv2D);

/// A depthwise convolution, then one of windows of size 1 over all channels.
template <int kRank>
struct SeparableConvLayerArgs {
  static constexpr int rank = kRank;

  Required<int> filters;
  Required<Extents> kernel_size;
  Extents strides = 1;
  std::string padding = "valid";
  DataFormat data_format = {};
  Extents dilation_rate = 1;
  int depth_multiplier = 1;
  activations::Activation activation = {};
  bool use_bias = true;
  initializers::Initializer depthwise_initializer = "glorot_uniform";
  initializers::Initializer pointwise_initializer = "glorot_uniform";
  initializers::Initializer bias_initializer = "zeros";
  regularizers::Regularizer depthwise_regularizer = {};
  regularizers::Regularizer pointwise_regularizer = {};
  regularizers::Regularizer bias_regularizer = {};
  regularizers::Regularizer activity_regularizer = {};
  constraints::Constraint depthwise_constraint = {};
  constraints::Constraint pointwise_constraint = {};
  constraints::Constraint bias_constraint = {};
  NYALA_LAYER_ARGS;

  static Config upgrade(Config config) { return upgrade_convolution(std::move(config)); }
  /// What tf.keras 2.x also writes.
  static constexpr std::array<const char*, 4> ignored_keys() {
    return {"groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"};
  }

  template <class A = SeparableConvLayerArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"depth_multiplier",
              &A::depth_multiplier,
              "Kernels for each channel.",
              Range::at_least(1)},
        Field{"filters", &A::filters, "Channels of the output.", Range::at_least(1)},
        Field{"kernel_size", &A::kernel_size, "Of a window, for each spatial axis."},
        Field{"strides", &A::strides, "Steps between windows."},
        Field{"padding", &A::padding, "valid or same."},
        Field{"data_format", &A::data_format, "Where the channels stand."},
        Field{"dilation_rate", &A::dilation_rate, "Steps between a window's elements."},
        Field{"activation", &A::activation, "Applied to the result."},
        Field{"use_bias", &A::use_bias, "Whether a bias is added."},
        Field{"depthwise_initializer", &A::depthwise_initializer, "Fills the kernel."},
        Field{"pointwise_initializer", &A::pointwise_initializer, "Fills the second kernel."},
        Field{"bias_initializer", &A::bias_initializer, "Fills the bias."},
        Field{"depthwise_regularizer", &A::depthwise_regularizer, "Penalty on the kernel."},
        Field{"pointwise_regularizer", &A::pointwise_regularizer, "Penalty on it."},
        Field{"bias_regularizer", &A::bias_regularizer, "Penalty on the bias."},
        Field{"activity_regularizer", &A::activity_regularizer, "Penalty on the output."},
        Field{"depthwise_constraint", &A::depthwise_constraint, "Applied after each step."},
        Field{"pointwise_constraint", &A::pointwise_constraint, "Applied after each step."},
        Field{"bias_constraint", &A::bias_constraint, "Applied after each step."});
  }
};

using SeparableConv1DArgs = SeparableConvLayerArgs<1>;
using SeparableConv2DArgs = SeparableConvLayerArgs<2>;
NYALA_DECLARE_LAYER(SeparableConv1D);
NYALA_DECLARE_LAYER(SeparableConv2D);

/// A convolution whose kernel is another one for each window, as tf.keras 2.x has it: kernel
/// (windows, window * channels, filters), "valid" and `implementation` 1 only.
template <int kRank>
struct LocallyConnectedLayerArgs {
  static constexpr int rank = kRank;

  Required<int> filters;
  Required<Extents> kernel_size;
  Extents strides = 1;
  std::string padding = "valid";
  DataFormat data_format = {};
  activations::Activation activation = {};
  NYALA_KERNEL_AND_BIAS_ARGS;
  int implementation = 1;
  NYALA_LAYER_ARGS;

  static Config upgrade(Config config) { return upgrade_convolution(std::move(config)); }

  template <class A = LocallyConnectedLayerArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        layer_fields(Field{"filters", &A::filters, "Channels of the output.", Range::at_least(1)},
                     Field{"kernel_size", &A::kernel_size, "Of a window, for each spatial axis."},
                     Field{"strides", &A::strides, "Steps between windows."},
                     Field{"padding", &A::padding, "valid or same."},
                     Field{"data_format", &A::data_format, "Where the channels stand."}),
        activation_and_bias_fields<A>(),
        layer_fields(Field{"implementation", &A::implementation, "1, as Keras calls it."}));
  }
};

using LocallyConnected1DArgs = LocallyConnectedLayerArgs<1>;
using LocallyConnected2DArgs = LocallyConnectedLayerArgs<2>;
NYALA_DECLARE_LAYER(LocallyConnected1D);
NYALA_DECLARE_LAYER(LocallyConnected2D);

}  // namespace nyala::layers

#pragma GCC visibility pop
