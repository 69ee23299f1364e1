#pragma once
/// LSTM layers whose products are convolutions.
#include <string>

#include <nyala/core/ops/extents.hpp>
#include <nyala/layers/recurrent.hpp>

#pragma GCC visibility push(default)

namespace nyala::layers {

/// LSTM over sequences of images (volumes, rows of numbers): (batch, steps, spatial..., channels),
/// or (batch, steps, channels, spatial...) with "channels_first". Gives (batch, spatial...,
/// filters), with `return_sequences` a step of that for each one. The sizes of the spatial axes
/// must be known. Throws ShapeError for other ranks.
/// https://keras.io/api/layers/recurrent_layers/conv_lstm2d/
template <int kRank>
struct ConvLSTMLayerArgs {
  static constexpr int rank = kRank;

  Required<int> filters;
  Required<Extents> kernel_size;
  Extents strides = 1;
  std::string padding = "valid";
  DataFormat data_format = {};
  Extents dilation_rate = 1;
  activations::Activation activation = "tanh";
  activations::Activation recurrent_activation = "sigmoid";
  bool use_bias = true;
  NYALA_RECURRENT_INITIALIZERS;
  bool unit_forget_bias = true;
  NYALA_RECURRENT_REGULARIZERS;
  regularizers::Regularizer activity_regularizer = {};
  NYALA_RECURRENT_CONSTRAINTS;
  std::optional<std::int64_t> seed = {};
  NYALA_SEQUENCE_ARGS;
  bool zero_output_for_mask = false;
  NYALA_LAYER_ARGS;

  using Call = RecurrentCall;
  static constexpr LayerTraits kTraits = kRecurrentTraits;

  template <class A = ConvLSTMLayerArgs>
  static constexpr auto fields() {
    return std::tuple_cat(
        sequence_fields<A>(),
        layer_fields(
            Field{"filters", &A::filters, "Channels of the state.", Range::at_least(1)},
            Field{"kernel_size", &A::kernel_size, "Of a window, for each spatial axis."},
            Field{"strides", &A::strides, "Steps between windows of the input."},
            Field{"padding", &A::padding, "valid or same."},
            Field{"data_format", &A::data_format, "Where the channels stand."},
            Field{"dilation_rate", &A::dilation_rate, "Steps between a window's elements."},
            Field{"activation", &A::activation, "Applied to what becomes the state."},
            Field{"recurrent_activation", &A::recurrent_activation, "Applied to the gates."},
            Field{"use_bias", &A::use_bias, "Whether a bias is added."}),
        recurrent_initializer_fields<A>(),
        forget_bias_field<A>(),
        recurrent_weight_fields<A>(),
        seed_field<A>());
  }
  static constexpr auto ignored_keys() { return kOldRecurrentKeys; }
  static Config upgrade(Config config) { return upgrade_recurrent(std::move(config)); }
};

using ConvLSTM1DArgs = ConvLSTMLayerArgs<1>;
using ConvLSTM2DArgs = ConvLSTMLayerArgs<2>;
using ConvLSTM3DArgs = ConvLSTMLayerArgs<3>;
NYALA_DECLARE_LAYER(ConvLSTM1D);
NYALA_DECLARE_LAYER(ConvLSTM2D);
NYALA_DECLARE_LAYER(ConvLSTM3D);

}  // namespace nyala::layers

#pragma GCC visibility pop
