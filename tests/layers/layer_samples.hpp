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
      {"ZeroPadding1D", R"({"padding": [0, 2]})", {{2, 3, 2}}},
      {"ZeroPadding2D", R"({"padding": [[1, 0], [2, 3]]})", {{2, 3, 2, 2}}},
      {"UpSampling1D", R"({"size": 3})", {{2, 3, 2}}},
      {"Dropout", R"({"rate": 0.4, "noise_shape": [null, 1], "seed": 3})", {{2, 3}}},
      {"SpatialDropout1D", R"({"rate": 0.4})", {{2, 3, 2}}},
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
