#pragma once
/// What two models have not in common: configuration, weights, optimizer.
#include <string>
#include <vector>

#include <nyala/models/model.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct ModelDifference {
  /// The place, by names from the outside: "config/layers/dense/config/units",
  /// "weights/dense/kernel".
  std::string path;
  /// "3 | 4", "only in the first", "12 of 20 values differ, by up to 0.25".
  std::string what;
};

struct CompareModelsArgs {
  /// Values a and b count as equal within atol + rtol * |b|. NaN equals NaN.
  double rtol = 0;
  double atol = 0;
};

/// Every difference, in the order of the first model; empty for models that compute and train
/// alike. Layers are matched by their names.
std::vector<ModelDifference> compare_models(const Model& a,
                                            const Model& b,
                                            const CompareModelsArgs& args = {});

}  // namespace nyala

#pragma GCC visibility pop
