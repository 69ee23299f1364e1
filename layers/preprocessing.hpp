#pragma once
/// Layers that prepare data.
#include <nyala/layers/layer.hpp>
#include <nyala/layers/options.hpp>

#pragma GCC visibility push(default)

namespace nyala::layers {

/// x * scale + offset.
/// https://keras.io/api/layers/preprocessing_layers/image_preprocessing/rescaling/
struct RescalingArgs {
  Required<Numbers> scale;
  Numbers offset = 0;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.steps = Steps::alone};

  template <class A = RescalingArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"scale", &A::scale, "A number, or one for each channel."},
                        Field{"offset", &A::offset, "Added after that."});
  }
};
NYALA_DECLARE_LAYER(Rescaling);

/// (x - mean) / standard deviation of each feature, from data by `adapt` or as given; `invert` goes
/// the other way. `axis` are the features' axes; none means that all elements are one feature.
/// https://keras.io/api/layers/preprocessing_layers/numerical/normalization/
struct NormalizationArgs {
  AxisList axis = std::vector<int>{-1};
  Numbers mean = {};
  Numbers variance = {};
  bool invert = false;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.steps = Steps::along_axis};

  template <class A = NormalizationArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"axis", &A::axis, "The features' axes."},
                        Field{"mean", &A::mean, "What is subtracted, if not adapted."},
                        Field{"variance", &A::variance, "With mean: the squared divisor."},
                        Field{"invert", &A::invert, "Whether normalised data are brought back."});
  }
  /// Also takes a plain integer, or null, for the axis.
  static Config upgrade(Config config);
};
std::shared_ptr<BaseLayer> make_layer(NormalizationArgs args);
std::string layer_class_name(std::type_identity<NormalizationArgs>);

class Normalization : public LayerOf<NormalizationArgs> {
 public:
  using LayerOf::LayerOf;

  /// Takes mean and variance from data of the shape that the layer is called with. Throws
  /// StateError where they were given, ShapeError for data of another shape.
  void adapt(const Tensor& data) const;
};

/// What a call of CategoryEncoding takes beside its input.
struct CategoryEncodingCall {
  CallValue count_weights = {};  ///< of the input's shape, with `output_mode` "count" only

  template <class A = CategoryEncodingCall>
  static constexpr auto call_fields() {
    return std::tuple{CallField{"count_weights", &A::count_weights}};
  }
};

/// Numbers of categories, 0 to num_tokens - 1, as rows of num_tokens. "multi_hot": one row for each
/// sample, (..., n) -> (..., num_tokens), with a 1 for each category in it; "count": how often each
/// is in it, or the sum of its `count_weights`; "one_hot": a row for each number, (..., 1) ->
/// (..., num_tokens), else (...) -> (..., num_tokens). Other numbers count nothing.
/// https://keras.io/api/layers/preprocessing_layers/categorical/category_encoding/
struct CategoryEncodingArgs {
  Required<std::int64_t> num_tokens;
  std::string output_mode = "multi_hot";
  NYALA_LAYER_ARGS;
  using Call = CategoryEncodingCall;

  template <class A = CategoryEncodingArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"num_tokens", &A::num_tokens, "How many categories there are.", Range::at_least(1)},
        Field{"output_mode", &A::output_mode, "multi_hot, one_hot or count."});
  }
  /// Takes `sparse` = false, which tf.keras 2.x writes.
  static Config upgrade(Config config);
};
NYALA_DECLARE_LAYER(CategoryEncoding);

}  // namespace nyala::layers

#pragma GCC visibility pop
