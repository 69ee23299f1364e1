#pragma once
/// Weights as older versions of Keras laid them out. Private to the readers.
#include <string>
#include <vector>

#include <nyala/layers/layer.hpp>
#include <nyala/models/saving/weight_store.hpp>

namespace nyala::saving {

/// Who wrote a legacy file.
struct LegacyOrigin {
  std::string version = "1";  // files of Keras before 1.2 do not say
  std::string backend = {};

  bool is_keras1() const { return version == "1" || version.rfind("1.", 0) == 0; }
  bool is_theano() const { return backend == "theano"; }
};

/// The weights of a layer in today's order and layout: separate gates are joined, Theano's kernels
/// flipped, those of CuDNN layers reordered. The rest stays as it is.
std::vector<StoredTensor> modern_weights(const BaseLayer& layer,
                                         std::vector<StoredTensor> stored,
                                         const LegacyOrigin& origin);

/// Those of a layer or a model as legacy files list them: trainable ones first.
std::vector<Variable> legacy_variables(const Module& layer);

}  // namespace nyala::saving
