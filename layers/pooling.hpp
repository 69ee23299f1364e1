#pragma once
/// Layers that pool: one number for each window, or for all of an input. Inputs are (batch,
/// spatial..., channels), or (batch, channels, spatial...) with "channels_first".
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>

#include <nyala/core/ops/pool.hpp>
#include <nyala/layers/layer.hpp>
#include <nyala/layers/options.hpp>

#pragma GCC visibility push(default)

namespace nyala::layers {

/// The options that an older Keras names otherwise, in today's names.
Config upgrade_pooling(Config config);

/// The window of a layer that has one by itself.
struct PoolSize : Extents {
  PoolSize() : Extents(2) {}
  PoolSize(int all) : Extents(all) {}
  PoolSize(std::initializer_list<int> each) : Extents(each) {}
  PoolSize(const Extents& extents) : Extents(extents) {}
};

enum class PoolKind : std::uint8_t { max, average };

/// The largest element or the mean of each window. With "same", what is added outside does not
/// count. Throws ShapeError for other ranks and, with "valid", for windows larger than the input.
template <int kRank, PoolKind kKind>
struct PoolLayerArgs {
  static constexpr int rank = kRank;
  static constexpr PoolKind kind = kKind;

  std::conditional_t<kKind == PoolKind::max, PoolSize, Required<Extents>> pool_size;
  Extents strides = {};
  std::string padding = "valid";
  DataFormat data_format = {};
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.built_early = true};

  static Config upgrade(Config config) { return upgrade_pooling(std::move(config)); }

  template <class A = PoolLayerArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"pool_size", &A::pool_size, "Of a window, for each spatial axis."},
                        Field{"strides", &A::strides, "Between windows; pool_size without them."},
                        Field{"padding", &A::padding, "valid or same."},
                        Field{"data_format", &A::data_format, "Where the channels stand."});
  }
};

/// https://keras.io/api/layers/pooling_layers/
using MaxPooling1DArgs = PoolLayerArgs<1, PoolKind::max>;
using MaxPooling2DArgs = PoolLayerArgs<2, PoolKind::max>;
using MaxPooling3DArgs = PoolLayerArgs<3, PoolKind::max>;
using AveragePooling1DArgs = PoolLayerArgs<1, PoolKind::average>;
using AveragePooling2DArgs = PoolLayerArgs<2, PoolKind::average>;
using AveragePooling3DArgs = PoolLayerArgs<3, PoolKind::average>;
NYALA_DECLARE_LAYER(MaxPooling1D);
NYALA_DECLARE_LAYER(MaxPooling2D);
NYALA_DECLARE_LAYER(MaxPooling3D);
NYALA_DECLARE_LAYER(AveragePooling1D);
NYALA_DECLARE_LAYER(AveragePooling2D);
NYALA_DECLARE_LAYER(AveragePooling3D);

/// The largest element or the mean over all spatial axes: (batch, channels), or with `keepdims`
/// axes of size 1. GlobalAveragePooling1D leaves masked steps out.
template <int kRank, PoolKind kKind>
struct GlobalPoolLayerArgs {
  static constexpr int rank = kRank;
  static constexpr PoolKind kind = kKind;

  DataFormat data_format = {};
  bool keepdims = false;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.takes_mask = kRank == 1 && kKind == PoolKind::average,
                                          .built_early = true};

  static Config upgrade(Config config) { return upgrade_pooling(std::move(config)); }

  template <class A = GlobalPoolLayerArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"data_format", &A::data_format, "Where the channels stand."},
                        Field{"keepdims", &A::keepdims, "Whether pooled axes stay, of size 1."});
  }
};

using GlobalMaxPooling1DArgs = GlobalPoolLayerArgs<1, PoolKind::max>;
using GlobalMaxPooling2DArgs = GlobalPoolLayerArgs<2, PoolKind::max>;
using GlobalMaxPooling3DArgs = GlobalPoolLayerArgs<3, PoolKind::max>;
using GlobalAveragePooling1DArgs = GlobalPoolLayerArgs<1, PoolKind::average>;
using GlobalAveragePooling2DArgs = GlobalPoolLayerArgs<2, PoolKind::average>;
using GlobalAveragePooling3DArgs = GlobalPoolLayerArgs<3, PoolKind::average>;
NYALA_DECLARE_LAYER(GlobalMaxPooling1D);
NYALA_DECLARE_LAYER(GlobalMaxPooling2D);
NYALA_DECLARE_LAYER(GlobalMaxPooling3D);
NYALA_DECLARE_LAYER(GlobalAveragePooling1D);
NYALA_DECLARE_LAYER(GlobalAveragePooling2D);
NYALA_DECLARE_LAYER(GlobalAveragePooling3D);

/// Pooling into `output_size` windows, whose sizes follow the input's
/// (`ops::adaptive_average_pool`). Throws ShapeError where a spatial size is not known.
template <int kRank, PoolKind kKind>
struct AdaptivePoolLayerArgs {
  static constexpr int rank = kRank;
  static constexpr PoolKind kind = kKind;

  Required<Extents> output_size;
  DataFormat data_format = {};
  NYALA_LAYER_ARGS;

  template <class A = AdaptivePoolLayerArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"output_size", &A::output_size, "Windows along each spatial axis."},
                        Field{"data_format", &A::data_format, "Where the channels stand."});
  }
};

using AdaptiveMaxPooling1DArgs = AdaptivePoolLayerArgs<1, PoolKind::max>;
using AdaptiveMaxPooling2DArgs = AdaptivePoolLayerArgs<2, PoolKind::max>;
using AdaptiveMaxPooling3DArgs = AdaptivePoolLayerArgs<3, PoolKind::max>;
using AdaptiveAveragePooling1DArgs = AdaptivePoolLayerArgs<1, PoolKind::average>;
using AdaptiveAveragePooling2DArgs = AdaptivePoolLayerArgs<2, PoolKind::average>;
using AdaptiveAveragePooling3DArgs = AdaptivePoolLayerArgs<3, PoolKind::average>;
NYALA_DECLARE_LAYER(AdaptiveMaxPooling1D);
NYALA_DECLARE_LAYER(AdaptiveMaxPooling2D);
NYALA_DECLARE_LAYER(AdaptiveMaxPooling3D);
NYALA_DECLARE_LAYER(AdaptiveAveragePooling1D);
NYALA_DECLARE_LAYER(AdaptiveAveragePooling2D);
NYALA_DECLARE_LAYER(AdaptiveAveragePooling3D);

/// Keras's short names.
using MaxPool1D = MaxPooling1D;
using MaxPool2D = MaxPooling2D;
using MaxPool3D = MaxPooling3D;
using AvgPool1D = AveragePooling1D;
using AvgPool2D = AveragePooling2D;
using AvgPool3D = AveragePooling3D;
using GlobalMaxPool1D = GlobalMaxPooling1D;
using GlobalMaxPool2D = GlobalMaxPooling2D;
using GlobalMaxPool3D = GlobalMaxPooling3D;
using GlobalAvgPool1D = GlobalAveragePooling1D;
using GlobalAvgPool2D = GlobalAveragePooling2D;
using GlobalAvgPool3D = GlobalAveragePooling3D;

}  // namespace nyala::layers

namespace nyala {

template <>
struct ConfigCodec<layers::PoolSize> : ConfigCodec<Extents> {};

}  // namespace nyala

#pragma GCC visibility pop
