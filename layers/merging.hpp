#pragma once
/// Layers that join several inputs.
#include <vector>

#include <nyala/layers/layer.hpp>
#include <nyala/layers/options.hpp>

namespace nyala::layers {

/// The dot product of two inputs along one axis of each, sample by sample:
/// (2, 3, 5) and (2, 10, 3) with axes {1, 2} give (2, 5, 10). Two inputs of rank 2 give (batch, 1).
/// With `normalize` both are scaled to length 1 along the axis first: the cosine of their angle.
/// float32, float64 and integers (exact); ranks 2 and up in any mix. Throws ValueError where sizes
/// along the axes or batch sizes differ and for axis 0, IndexError for an axis out of range.
/// https://keras.io/api/layers/merging_layers/dot/
struct DotArgs {
  AxisPair axes;
  bool normalize = false;
  NYALA_LAYER_ARGS;

  static constexpr auto fields() {
    return layer_fields(
        Field{"axes", &DotArgs::axes, "Axis summed over: one for both inputs, or {first, second}."},
        Field{"normalize", &DotArgs::normalize, "Whether the product is the cosine."});
  }
};
NYALA_DECLARE_LAYER(Dot);

/// Dot as a function: `dot({x, y}, 1)`.
template <class T>
T dot(const std::vector<T>& inputs, AxisPair axes = -1, bool normalize = false) {
  return Dot({.axes = axes, .normalize = normalize})(inputs);
}

}  // namespace nyala::layers
