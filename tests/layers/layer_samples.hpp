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
#define LAYER(...)
#define SAMPLE(Class, ...) {#Class, __VA_ARGS__},
#include <nyala/layers/layers.def>
  };
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
