#pragma once
/// The options of saving and loading.
#include <optional>

#include <nyala/models/saving/limits.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct SaveArgs {
  /// Whether a file that is there already is replaced; if not, that throws IoError.
  bool overwrite = true;
  /// Whether a legacy .h5 file gets the optimizer and the settings of `compile`.
  bool include_optimizer = true;
};

struct SaveWeightsArgs {
  bool overwrite = true;
};

struct LoadWeightsArgs {
  /// Leaves layers as they are (with a warning) that the file holds in another shape or not at all.
  bool skip_mismatch = false;
  /// Whether the layers of a legacy file are found by their names rather than by their order. Set
  /// for another format, it throws ValueError.
  std::optional<bool> by_name = {};
  saving::Limits limits = {};
};

struct LoadModelArgs {
  /// Whether the model is compiled as the file says, with the optimizer's state.
  bool compile = true;
  saving::Limits limits = {};
};

}  // namespace nyala

#pragma GCC visibility pop
