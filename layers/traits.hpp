#pragma once
/// What Keras says of a class of layers beside its options. An Args struct that differs from the
/// defaults declares `static constexpr LayerTraits kTraits = {...};`.
#include <cstdint>

#pragma GCC visibility push(default)

namespace nyala {

/// What a call that is not given `training` has for it.
enum class DefaultTraining : std::uint8_t {
  none,  ///< None, or `call` does not take it
  off    ///< False, which Keras writes into a model's JSON
};

/// What an output at a step, along axis 1 of (batch, steps, ...), depends on: a Session runs such
/// layers as they are.
enum class Steps : std::uint8_t {
  together,   ///< on other steps, or the layer says otherwise (streaming.hpp)
  alone,      ///< on the inputs at that step
  last_axis,  ///< on the inputs at that step, where the last axis is another one
  along_axis  ///< on the inputs at that step, unless the option `axis` names the steps
};

struct LayerTraits {
  DefaultTraining training = DefaultTraining::none;
  /// Whether `call` takes `mask`.
  bool takes_mask = false;
  /// Whether `call` takes a list, be it of one input.
  bool takes_list = false;
  /// Built from the start: it has no weights, needs no shape and writes no build_config.
  bool built_early = false;
  /// In Nyala: samples of a batch depend on each other, or on the batch before.
  bool couples_samples = false;
  /// In Nyala: how it works along steps.
  Steps steps = Steps::together;
};

}  // namespace nyala

#pragma GCC visibility pop
