#pragma once
/// Wrappers: layers around another layer.
#include <optional>
#include <string>

#include <nyala/layers/recurrent.hpp>

#pragma GCC visibility push(default)

namespace nyala::layers {

/// A layer at each step of (batch, steps, ...), with the same weights. Gives
/// (batch, steps, ...). Steps are run as one batch, unless the layer (or one
/// inside it) couples the samples of a batch.
/// https://keras.io/api/layers/recurrent_layers/time_distributed/
struct TimeDistributedArgs {
  Required<Layer> layer;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.takes_mask = true, .steps = Steps::alone};

  template <class A = TimeDistributedArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"layer", &A::layer, "What each step runs."});
  }
};
NYALA_DECLARE_LAYER(TimeDistributed);

/// A recurrent layer over a sequence and over its reverse. `merge_mode` says
/// how the two outputs become one: "concat", "sum", "mul", "ave", or nothing
/// for both. The layer is the pattern: two new ones are made of its
/// configuration, "forward_..." and "backward_...". States, given or returned,
/// are those of the forward layer, then those of the other one.
/// https://keras.io/api/layers/recurrent_layers/bidirectional/
struct BidirectionalArgs {
  Required<Layer> layer;
  std::optional<std::string> merge_mode = "concat";
  Layer backward_layer = {};
  NYALA_LAYER_ARGS;

  using Call = RecurrentCall;
  static constexpr LayerTraits kTraits = {.takes_mask = true};

  template <class A = BidirectionalArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"merge_mode", &A::merge_mode, "How the outputs become one."},
                        Field{"layer", &A::layer, "The layer that goes forward."},
                        Field{"backward_layer",
                              &A::backward_layer,
                              "The layer that goes back; one like `layer` without it."});
  }
};
NYALA_DECLARE_LAYER(Bidirectional);

/// A layer whose kernel (or embeddings) is divided by its largest singular value (Miyato et al.,
/// 2018) at each call in training, before the layer runs: the new kernel stays. The value is
/// estimated by `power_iterations` rounds from the vector that the last call ended with. The output
/// has the dtype of the input. Throws ValueError for a layer without a kernel of its own.
/// https://keras.io/api/layers/normalization_layers/spectral_normalization/
struct SpectralNormalizationArgs {
  Required<Layer> layer;
  int power_iterations = 1;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.training = DefaultTraining::off};

  template <class A = SpectralNormalizationArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"layer", &A::layer, "Whose kernel is normalised."},
                        Field{"power_iterations",
                              &A::power_iterations,
                              "Rounds at each call in training.",
                              Range::at_least(1)});
  }
};
NYALA_DECLARE_LAYER(SpectralNormalization);

}  // namespace nyala::layers

#pragma GCC visibility pop
