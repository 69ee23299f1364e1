#pragma once
/// A small sample of every layer class of layers.def.
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <nyala/core/shape.hpp>

namespace nyala::testing {

struct LayerSample {
  const char* class_name;
  const char* config;
  std::vector<Shape> inputs;
  bool ids = false;  ///< whole numbers from 0 to 4
  std::optional<bool> training = {};
};

inline const std::vector<LayerSample>& layer_samples() {
  static const std::vector<LayerSample> all = {
      {"Dense", R"({"units": 3, "activation": "tanh"})", {{2, 4}}},
      {"Dense", R"({"units": 2, "use_bias": false})", {{2, 3, 4}}},
      {"EinsumDense",
       R"({"equation": "abc,cd->abd", "output_shape": [null, 3], "bias_axes": "d"})",
       {{2, 3, 4}}},
      {"Embedding", R"({"input_dim": 5, "output_dim": 3, "mask_zero": true})", {{2, 4}}, true},
      {"ReversibleEmbedding",
       R"({"input_dim": 5, "output_dim": 3, "tie_weights": false, "logit_soft_cap": 2.0})",
       {{2, 4}},
       true},
      {"Masking", R"({"mask_value": 1.5})", {{2, 3, 4}}},
      {"Identity", "{}", {{2, 3}}},
      {"Activation", R"({"activation": "sigmoid"})", {{2, 3}}},
      {"ReLU", R"({"negative_slope": 0.1, "max_value": 1.5, "threshold": 0.2})", {{3, 4}}},
      {"LeakyReLU", "{}", {{2, 3}}},
      {"PReLU", R"({"shared_axes": [1]})", {{2, 3, 4}}},
      {"ELU", R"({"alpha": 0.5})", {{2, 3}}},
      {"Softmax", R"({"axis": [1, 2]})", {{2, 3, 4}}},
      {"Softmax", R"({"axis": -1})", {{2, 3}}},
      {"Dot", R"({"axes": [1, 2], "normalize": true})", {{2, 3, 4}, {2, 5, 3}}},
      {"Dot", R"({"axes": 1})", {{2, 3}, {2, 3}}},
      {"Add", "{}", {{2, 3, 4}, {2, 4}}},
      {"Subtract", "{}", {{2, 3}, {2, 3}}},
      {"Multiply", "{}", {{2, 3}, {2, 1}, {2, 3}}},
      {"Average", "{}", {{2, 3}, {2, 3}, {2, 3}}},
      {"Maximum", "{}", {{2, 3}, {2, 3}}},
      {"Minimum", "{}", {{2, 3}, {2, 3}}},
      {"Concatenate", R"({"axis": 1})", {{2, 3, 4}, {2, 2, 4}}},
      {"Flatten", "{}", {{2, 3, 4}}},
      {"Flatten", R"({"data_format": "channels_first"})", {{2, 3, 4}}},
      {"Reshape", R"({"target_shape": [-1, 2]})", {{2, 3, 4}}},
      {"Permute", R"({"dims": [2, 1]})", {{2, 3, 4}}},
      {"RepeatVector", R"({"n": 3})", {{2, 4}}},
      {"Cropping1D", R"({"cropping": [1, 2]})", {{2, 5, 3}}},
      {"Cropping2D", R"({"cropping": [[1, 0], [0, 2]]})", {{2, 3, 4, 2}}},
      {"Cropping3D", R"({"data_format": "channels_first"})", {{1, 2, 3, 3, 4}}},
      {"ZeroPadding1D", R"({"padding": [0, 2]})", {{2, 3, 2}}},
      {"ZeroPadding2D", R"({"padding": [[1, 0], [2, 3]]})", {{2, 3, 2, 2}}},
      {"ZeroPadding3D", R"({"padding": [[1, 0], [0, 1], [2, 0]]})", {{1, 2, 1, 2, 2}}},
      {"UpSampling1D", R"({"size": 3})", {{2, 3, 2}}},
      {"UpSampling2D", R"({"size": [2, 1], "data_format": "channels_first"})", {{2, 2, 2, 3}}},
      {"UpSampling2D", R"({"size": [2, 3], "interpolation": "bicubic"})", {{1, 3, 2, 2}}},
      {"UpSampling3D", "{}", {{1, 2, 1, 2, 2}}},
      {"Dropout", R"({"rate": 0.4, "noise_shape": [null, 1], "seed": 3})", {{2, 3}}},
      {"SpatialDropout1D", R"({"rate": 0.4})", {{2, 3, 2}}},
      {"SpatialDropout2D", R"({"rate": 0.4, "data_format": "channels_first"})", {{2, 2, 3, 2}}},
      {"SpatialDropout3D", R"({"rate": 0.4, "seed": 1})", {{2, 1, 3, 2, 2}}},
      {"AlphaDropout", R"({"rate": 0.4, "noise_shape": [null, 1], "seed": 3})", {{2, 3}}},
      {"GaussianNoise", R"({"stddev": 0.4})", {{2, 3}}},
      {"GaussianDropout", R"({"rate": 0.4})", {{2, 3}}},
      {"ActivityRegularization", R"({"l1": 0.1, "l2": 0.2})", {{2, 3}}},
      {"BatchNormalization", "{}", {{4, 3}}},
      {"BatchNormalization", R"({"axis": 1})", {{4, 3, 2}}, false, true},
      {"LayerNormalization", R"({"axis": [1, 2]})", {{2, 3, 4}}},
      {"GroupNormalization", R"({"groups": 2})", {{2, 3, 4}}},
      {"RMSNormalization", "{}", {{2, 3, 4}}},
      {"UnitNormalization", R"({"axis": 1})", {{2, 3, 4}}},
      {"Rescaling", R"({"scale": [1.5, 2.0, 0.5], "offset": -1.0})", {{2, 3}}},
      {"Normalization", R"({"mean": [1.0, 2.0, 3.0], "variance": [1.0, 4.0, 0.5]})", {{2, 3}}},
      {"Normalization", "{}", {{2, 3}}},
      {"Conv1D",
       R"({"filters": 2, "kernel_size": 2, "padding": "causal", "dilation_rate": 2})",
       {{2, 5, 3}}},
      {"Conv2D",
       R"({"filters": 4, "kernel_size": [2, 3], "groups": 2, "data_format": "channels_first"})",
       {{2, 2, 4, 4}}},
      {"Conv3D",
       R"({"filters": 2, "kernel_size": 2, "strides": [1, 2, 1], "padding": "same"})",
       {{1, 2, 3, 3, 2}}},
      {"Conv1DTranspose", R"({"filters": 2, "kernel_size": 3, "strides": 2})", {{2, 3, 2}}},
      {"Conv2DTranspose",
       R"({"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1})",
       {{1, 2, 3, 2}}},
      {"Conv3DTranspose", R"({"filters": 2, "kernel_size": 2})", {{1, 2, 2, 2, 2}}},
      {"DepthwiseConv1D", R"({"kernel_size": 2, "depth_multiplier": 2})", {{2, 4, 2}}},
      {"DepthwiseConv2D", R"({"kernel_size": 2, "padding": "same"})", {{1, 3, 3, 2}}},
      {"SeparableConv1D", R"({"filters": 3, "kernel_size": 2})", {{2, 4, 2}}},
      {"SeparableConv2D", R"({"filters": 2, "kernel_size": 2, "strides": 2})", {{1, 4, 4, 2}}},
      {"MaxPooling1D", R"({"pool_size": 3, "strides": 2, "padding": "same"})", {{2, 5, 3}}},
      {"MaxPooling2D", R"({"pool_size": [2, 1], "data_format": "channels_first"})", {{2, 2, 4, 3}}},
      {"MaxPooling3D", "{}", {{1, 2, 4, 2, 2}}},
      {"AveragePooling1D", R"({"pool_size": 2})", {{2, 5, 3}}},
      {"AveragePooling2D",
       R"({"pool_size": 2, "strides": [1, 2], "padding": "same"})",
       {{2, 3, 3, 2}}},
      {"AveragePooling3D", R"({"pool_size": [1, 2, 2]})", {{1, 2, 4, 2, 2}}},
      {"GlobalMaxPooling1D", "{}", {{2, 4, 3}}},
      {"GlobalMaxPooling2D", R"({"data_format": "channels_first"})", {{2, 2, 3, 2}}},
      {"GlobalMaxPooling3D", R"({"keepdims": true})", {{1, 2, 2, 3, 2}}},
      {"GlobalAveragePooling1D", "{}", {{2, 4, 3}}},
      {"GlobalAveragePooling2D", R"({"keepdims": true})", {{2, 2, 3, 2}}},
      {"GlobalAveragePooling3D", "{}", {{1, 2, 2, 3, 2}}},
      {"AdaptiveMaxPooling1D", R"({"output_size": 3})", {{2, 5, 2}}},
      {"AdaptiveMaxPooling2D", R"({"output_size": [2, 3]})", {{1, 4, 5, 2}}},
      {"AdaptiveMaxPooling3D", R"({"output_size": 2})", {{1, 3, 2, 3, 2}}},
      {"AdaptiveAveragePooling1D",
       R"({"output_size": 2, "data_format": "channels_first"})",
       {{2, 2, 5}}},
      {"AdaptiveAveragePooling2D", R"({"output_size": [3, 2]})", {{1, 5, 4, 2}}},
      {"AdaptiveAveragePooling3D", R"({"output_size": [1, 2, 2]})", {{1, 3, 2, 3, 2}}},
      {"Attention", R"({"use_scale": true})", {{2, 3, 4}, {2, 5, 4}}},
      {"Attention",
       R"({"score_mode": "concat", "use_scale": true})",
       {{2, 3, 4}, {2, 5, 4}, {2, 5, 4}}},
      {"AdditiveAttention", "{}", {{2, 3, 4}, {2, 5, 4}}},
      {"MultiHeadAttention", R"({"num_heads": 2, "key_dim": 3})", {{2, 3, 4}, {2, 5, 4}}},
      {"MultiHeadAttention",
       R"({"num_heads": 2, "key_dim": 3, "value_dim": 2, "output_shape": [2, 3], "use_gate": true,
           "attention_axes": [2]})",
       {{2, 2, 3, 4}, {2, 2, 5, 3}, {2, 2, 5, 2}}},
      {"GroupQueryAttention",
       R"({"head_dim": 2, "num_query_heads": 4, "num_key_value_heads": 2, "sliding_window": 2})",
       {{2, 3, 4}, {2, 5, 4}}},
      {"LocallyConnected1D", R"({"filters": 2, "kernel_size": 2, "strides": 2})", {{2, 5, 3}}},
      {"LocallyConnected2D", R"({"filters": 2, "kernel_size": [2, 1]})", {{1, 3, 2, 2}}}};
  return all;
}

/// The first sample of a class; throws std::out_of_range when there is none.
inline const LayerSample& sample_of(const std::string& class_name) {
  for (const LayerSample& sample : layer_samples()) {
    if (class_name == sample.class_name) return sample;
  }
  throw std::out_of_range("there is no sample of " + class_name);
}

}  // namespace nyala::testing
