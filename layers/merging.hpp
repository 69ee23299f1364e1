#pragma once
/// Layers that join several inputs.
#include <initializer_list>
#include <vector>

#include <nyala/layers/layer.hpp>
#include <nyala/layers/options.hpp>

#pragma GCC visibility push(default)

namespace nyala::layers {

/// The dot product of two inputs along one axis of each, sample by sample:
/// (2, 3, 5) and (2, 10, 3) with axes {1, 2} give (2, 5, 10). Two inputs of rank 2 give (batch, 1).
/// With `normalize` both are scaled to length 1 along the axis first: the cosine of their angle.
/// float32, float64 and integers (exact); ranks 2 and up in any mix. Throws ValueError where sizes
/// along the axes or batch sizes differ and for axis 0, IndexError for an axis out of range.
/// https://keras.io/api/layers/merging_layers/dot/
struct DotArgs {
  Required<AxisPair> axes;
  bool normalize = false;
  NYALA_LAYER_ARGS;

  template <class A = DotArgs>
  static constexpr auto fields() {
    return layer_fields(
        Field{"axes", &A::axes, "Axis summed over: one for both inputs, or {first, second}."},
        Field{"normalize", &A::normalize, "Whether the product is the cosine."});
  }
  /// Throws TypeError, as Keras does, for axes that are neither an integer nor a list.
  static Config upgrade(Config config);
};
NYALA_DECLARE_LAYER(Dot);

/// The layers below take a list of inputs whose shapes broadcast but for the batch; one of lower
/// rank gets axes of size 1 behind its batch axis. Where every input has a mask, so has the result:
/// what is unmasked in one of them. Throw ShapeError for shapes that do not fit.

/// The sum of the inputs, element by element.
/// https://keras.io/api/layers/merging_layers/add/
struct AddArgs {
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.takes_list = true, .steps = Steps::alone};

  template <class A = AddArgs>
  static constexpr auto fields() {
    return layer_fields();
  }
};
NYALA_DECLARE_LAYER(Add);

/// The first of two inputs less the second, element by element.
/// https://keras.io/api/layers/merging_layers/subtract/
struct SubtractArgs {
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.takes_list = true, .steps = Steps::alone};

  template <class A = SubtractArgs>
  static constexpr auto fields() {
    return layer_fields();
  }
};
NYALA_DECLARE_LAYER(Subtract);

/// The product of the inputs, element by element.
/// https://keras.io/api/layers/merging_layers/multiply/
struct MultiplyArgs {
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.takes_list = true, .steps = Steps::alone};

  template <class A = MultiplyArgs>
  static constexpr auto fields() {
    return layer_fields();
  }
};
NYALA_DECLARE_LAYER(Multiply);

/// The mean of the inputs, element by element.
/// https://keras.io/api/layers/merging_layers/average/
struct AverageArgs {
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.takes_list = true, .steps = Steps::alone};

  template <class A = AverageArgs>
  static constexpr auto fields() {
    return layer_fields();
  }
};
NYALA_DECLARE_LAYER(Average);

/// The largest of the inputs, element by element; where several are, the gradient goes to the
/// first.
/// https://keras.io/api/layers/merging_layers/maximum/
struct MaximumArgs {
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.takes_list = true, .steps = Steps::alone};

  template <class A = MaximumArgs>
  static constexpr auto fields() {
    return layer_fields();
  }
};
NYALA_DECLARE_LAYER(Maximum);

/// The smallest of the inputs, element by element; where several are, the gradient goes to the
/// first.
/// https://keras.io/api/layers/merging_layers/minimum/
struct MinimumArgs {
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.takes_list = true, .steps = Steps::alone};

  template <class A = MinimumArgs>
  static constexpr auto fields() {
    return layer_fields();
  }
};
NYALA_DECLARE_LAYER(Minimum);

/// The inputs one after the other along an axis. All other sizes must be the same.
/// https://keras.io/api/layers/merging_layers/concatenate/
struct ConcatenateArgs {
  int axis = -1;
  NYALA_LAYER_ARGS;

  static constexpr LayerTraits kTraits = {.takes_list = true, .steps = Steps::along_axis};

  template <class A = ConcatenateArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"axis", &A::axis, "Where they are joined."});
  }
};
NYALA_DECLARE_LAYER(Concatenate);

/// Dot as a function: `dot({x, y}, 1)`, on tensors or symbols.
template <class T>
T dot(const std::vector<T>& inputs, AxisPair axes = -1, bool normalize = false) {
  return Dot({.axes = axes, .normalize = normalize})(inputs);
}
template <class T>
T dot(std::initializer_list<T> inputs, AxisPair axes = -1, bool normalize = false) {
  return dot(std::vector<T>(inputs), axes, normalize);
}

// The layers as functions: `add({x, y})`, on tensors or symbols.
#define NYALA_MERGE_FUNCTION(name, Class)   \
  template <class T>                        \
  T name(const std::vector<T>& inputs) {    \
    return Class()(inputs);                 \
  }                                         \
  template <class T>                        \
  T name(std::initializer_list<T> inputs) { \
    return Class()(std::vector<T>(inputs)); \
  }
NYALA_MERGE_FUNCTION(add, Add)
NYALA_MERGE_FUNCTION(subtract, Subtract)
NYALA_MERGE_FUNCTION(multiply, Multiply)
NYALA_MERGE_FUNCTION(average, Average)
NYALA_MERGE_FUNCTION(maximum, Maximum)
NYALA_MERGE_FUNCTION(minimum, Minimum)
#undef NYALA_MERGE_FUNCTION
template <class T>
T concatenate(const std::vector<T>& inputs, int axis = -1) {
  return Concatenate({.axis = axis})(inputs);
}
template <class T>
T concatenate(std::initializer_list<T> inputs, int axis = -1) {
  return concatenate(std::vector<T>(inputs), axis);
}

}  // namespace nyala::layers

#pragma GCC visibility pop
