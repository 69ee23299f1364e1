#pragma once
/// Layers that change the shape.
#include <string>
#include <vector>

#include <nyala/core/ops/extents.hpp>
#include <nyala/layers/layer.hpp>
#include <nyala/layers/options.hpp>

#pragma GCC visibility push(default)

namespace nyala::layers {

/// All axes but the batch as one: (batch, ...) to (batch, size).
/// https://keras.io/api/layers/reshaping_layers/flatten/
struct FlattenArgs {
  DataFormat data_format = {};
  NYALA_LAYER_ARGS;

  template <class A = FlattenArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"data_format",
              &A::data_format,
              "With \"channels_first\" the channels are moved behind all other axes first."});
  }
};
NYALA_DECLARE_LAYER(Flatten);

/// The elements of each sample under another shape; one size may be -1.
/// https://keras.io/api/layers/reshaping_layers/reshape/
struct ReshapeArgs {
  static constexpr bool kListFirst = true;
  Required<std::vector<std::int64_t>> target_shape;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.built_early = true};

  template <class A = ReshapeArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"target_shape", &A::target_shape, "The shape of a sample."});
  }
};
NYALA_DECLARE_LAYER(Reshape);

/// The axes of each sample in another order.
/// https://keras.io/api/layers/reshaping_layers/permute/
struct PermuteArgs {
  static constexpr bool kListFirst = true;
  Required<std::vector<int>> dims;
  NYALA_LAYER_ARGS;

  template <class A = PermuteArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"dims", &A::dims, "For each axis of a result, from 1 on, the axis it comes from."});
  }
};
NYALA_DECLARE_LAYER(Permute);

/// Each sample n times: (batch, features) to (batch, n, features).
/// https://keras.io/api/layers/reshaping_layers/repeat_vector/
struct RepeatVectorArgs {
  Required<int> n;
  NYALA_LAYER_ARGS;

  template <class A = RepeatVectorArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"n", &A::n, "How often.", Range::at_least(1)});
  }
};
NYALA_DECLARE_LAYER(RepeatVector);

/// (batch, steps, features) without some first and last steps.
/// https://keras.io/api/layers/reshaping_layers/cropping1d/
struct Cropping1DArgs {
  Margin cropping = 1;
  NYALA_LAYER_ARGS;

  template <class A = Cropping1DArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"cropping", &A::cropping, "Steps cut from the start and the end."});
  }
};
NYALA_DECLARE_LAYER(Cropping1D);

/// The same over two or three spatial axes; nothing is cut from images unless told. Throws
/// ShapeError where nothing would be left.
template <int kRank>
struct CroppingLayerArgs {
  static constexpr int rank = kRank;

  Margins<kRank> cropping = kRank == 2 ? 0 : 1;
  DataFormat data_format = {};
  NYALA_LAYER_ARGS;

  template <class A = CroppingLayerArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"cropping", &A::cropping, "{before, after} for each spatial axis: {{1, 0}, {2, 3}}."},
        Field{"data_format", &A::data_format, "Where the channels stand."});
  }
};
/// https://keras.io/api/layers/reshaping_layers/cropping2d/
using Cropping2DArgs = CroppingLayerArgs<2>;
using Cropping3DArgs = CroppingLayerArgs<3>;
NYALA_DECLARE_LAYER(Cropping2D);
NYALA_DECLARE_LAYER(Cropping3D);

/// (batch, steps, features) with zeros before and after.
/// https://keras.io/api/layers/reshaping_layers/zero_padding1d/
struct ZeroPadding1DArgs {
  Margin padding = 1;
  DataFormat data_format = {};
  NYALA_LAYER_ARGS;

  template <class A = ZeroPadding1DArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"padding", &A::padding, "Steps added at the start and the end."},
                        Field{"data_format", &A::data_format, "Where the features stand."});
  }
};
NYALA_DECLARE_LAYER(ZeroPadding1D);

/// The same over two or three spatial axes.
template <int kRank>
struct ZeroPaddingLayerArgs {
  static constexpr int rank = kRank;

  Margins<kRank> padding = 1;
  DataFormat data_format = {};
  NYALA_LAYER_ARGS;

  template <class A = ZeroPaddingLayerArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"padding", &A::padding, "{before, after} for each spatial axis: {{1, 0}, {2, 3}}."},
        Field{"data_format", &A::data_format, "Where the channels stand."});
  }
};
/// https://keras.io/api/layers/reshaping_layers/zero_padding2d/
using ZeroPadding2DArgs = ZeroPaddingLayerArgs<2>;
using ZeroPadding3DArgs = ZeroPaddingLayerArgs<3>;
NYALA_DECLARE_LAYER(ZeroPadding2D);
NYALA_DECLARE_LAYER(ZeroPadding3D);

/// Each step of (batch, steps, features) repeated.
/// https://keras.io/api/layers/reshaping_layers/up_sampling1d/
struct UpSampling1DArgs {
  int size = 2;
  NYALA_LAYER_ARGS;

  template <class A = UpSampling1DArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"size", &A::size, "How often.", Range::at_least(1)});
  }
};
NYALA_DECLARE_LAYER(UpSampling1D);

/// Images larger by whole factors: each element repeated ("nearest"), or computed from those around
/// it ("bilinear", "bicubic", "lanczos3", "lanczos5", "area").
/// https://keras.io/api/layers/reshaping_layers/up_sampling2d/
struct UpSampling2DArgs {
  Extents size = {2, 2};
  DataFormat data_format = {};
  std::string interpolation = "nearest";
  NYALA_LAYER_ARGS;

  template <class A = UpSampling2DArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"size", &A::size, "Factors for height and width."},
                        Field{"data_format", &A::data_format, "Where the channels stand."},
                        Field{"interpolation", &A::interpolation, "How elements are made."});
  }
};
NYALA_DECLARE_LAYER(UpSampling2D);

/// Each element of a volume repeated along all three axes.
/// https://keras.io/api/layers/reshaping_layers/up_sampling3d/
struct UpSampling3DArgs {
  Extents size = {2, 2, 2};
  DataFormat data_format = {};
  NYALA_LAYER_ARGS;

  template <class A = UpSampling3DArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"size", &A::size, "Factors for depth, height and width."},
                        Field{"data_format", &A::data_format, "Where the channels stand."});
  }
};
NYALA_DECLARE_LAYER(UpSampling3D);

}  // namespace nyala::layers

#pragma GCC visibility pop
