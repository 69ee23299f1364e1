#pragma once
/// Initializers: how weights start. Those that draw and have no seed take one of their own when
/// they are made; called again with the same shape they give the same values, as in Keras.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nyala/core/object.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala::initializers {

class InitializerBase : public Object {
 public:
  std::string module() const override { return "keras.initializers"; }
  /// The values that a weight of this shape and dtype starts with. Throws ShapeError for a shape
  /// that the initializer has no values for.
  virtual Tensor operator()(const Shape& shape, DType dtype) const = 0;
  /// The initializers by name; a program may add its own.
  static ObjectRegistry<InitializerBase>& registry();
};
/// An initializer, made by its class or by its name: "glorot_uniform", "GlorotUniform".
using Initializer = Handle<InitializerBase>;

struct ZerosArgs {
  template <class A = ZerosArgs>
  static constexpr auto fields() {
    return std::tuple{};
  }
};
struct OnesArgs {
  template <class A = OnesArgs>
  static constexpr auto fields() {
    return std::tuple{};
  }
};
struct ConstantArgs {
  double value = 0;
  template <class A = ConstantArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"value", &A::value, "The number."}};
  }
};
/// The identity matrix; of rank 2 only.
struct IdentityArgs {
  double gain = 1;
  /// Keras keeps `gain` out of the configuration, and so do we.
  template <class A = IdentityArgs>
  static constexpr auto fields() {
    return std::tuple{};
  }
};

struct RandomNormalArgs {
  double mean = 0;
  double stddev = 0.05;
  std::optional<std::int64_t> seed = {};
  template <class A = RandomNormalArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"seed", &A::seed, "Repeats the values."},
                      Field{"mean", &A::mean, "Mean of the values."},
                      Field{"stddev", &A::stddev, "Their standard deviation.", Range::at_least(0)}};
  }
};
struct RandomUniformArgs {
  double minval = -0.05;
  double maxval = 0.05;
  std::optional<std::int64_t> seed = {};
  template <class A = RandomUniformArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"seed", &A::seed, "Repeats the values."},
                      Field{"minval", &A::minval, "The smallest value."},
                      Field{"maxval", &A::maxval, "What all stay below."}};
  }
};
/// Normal values, drawn again beyond two standard deviations.
struct TruncatedNormalArgs {
  double mean = 0;
  double stddev = 0.05;
  std::optional<std::int64_t> seed = {};
  template <class A = TruncatedNormalArgs>
  static constexpr auto fields() {
    return std::tuple{
        Field{"seed", &A::seed, "Repeats the values."},
        Field{"mean", &A::mean, "Mean of the values."},
        Field{"stddev", &A::stddev, "The standard deviation before the cut.", Range::at_least(0)}};
  }
};

/// Values whose variance is scale / n, n being the number of inputs, of outputs, or their mean.
struct VarianceScalingArgs {
  double scale = 1;
  std::string mode = "fan_in";
  std::string distribution = "truncated_normal";
  std::optional<std::int64_t> seed = {};
  std::optional<std::vector<int>> input_axes = {};
  std::optional<std::vector<int>> output_axes = {};
  template <class A = VarianceScalingArgs>
  static constexpr auto fields() {
    return std::tuple{
        Field{"seed", &A::seed, "Repeats the values."},
        Field{"scale", &A::scale, "Factor of the variance.", Range::positive()},
        Field{"mode", &A::mode, "What n is: fan_in, fan_out or fan_avg."},
        Field{"distribution",
              &A::distribution,
              "truncated_normal (or normal), untruncated_normal or uniform."},
        Field{"input_axes", &A::input_axes, "Axes that are inputs, where not as usual."},
        Field{"output_axes", &A::output_axes, "Axes that are outputs, where not as usual."}};
  }
};

/// VarianceScaling with a scale, mode and distribution of a name's own: `Law` tells which.
template <class Law>
struct FanArgs {
  std::optional<std::int64_t> seed = {};
  std::optional<std::vector<int>> input_axes = {};
  std::optional<std::vector<int>> output_axes = {};
  template <class A = FanArgs>
  static constexpr auto fields() {
    return std::tuple{
        Field{"seed", &A::seed, "Repeats the values."},
        Field{"input_axes", &A::input_axes, "Axes that are inputs, where not as usual."},
        Field{"output_axes", &A::output_axes, "Axes that are outputs, where not as usual."}};
  }
};
using GlorotNormalArgs = FanArgs<struct GlorotNormalLaw>;
using GlorotUniformArgs = FanArgs<struct GlorotUniformLaw>;
using HeNormalArgs = FanArgs<struct HeNormalLaw>;
using HeUniformArgs = FanArgs<struct HeUniformLaw>;
using LecunNormalArgs = FanArgs<struct LecunNormalLaw>;
using LecunUniformArgs = FanArgs<struct LecunUniformLaw>;

/// A matrix of orthogonal rows or columns, all axes but the last taken as rows. Rank 2 and up.
struct OrthogonalArgs {
  double gain = 1;
  std::optional<std::int64_t> seed = {};
  template <class A = OrthogonalArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"seed", &A::seed, "Repeats the values."},
                      Field{"gain", &A::gain, "Factor of the matrix."}};
  }
};

/// The classes that users name, and how each is made.
#define INITIALIZER(Class, ...)                                   \
  std::shared_ptr<InitializerBase> make_object(Class##Args args); \
  using Class = HandleOf<InitializerBase, Class##Args>;
#include <nyala/layers/initializers.def>
#undef INITIALIZER

}  // namespace nyala::initializers

namespace nyala {

NYALA_DECLARE_OPTION_TYPE(initializers::Initializer)

}  // namespace nyala

#pragma GCC visibility pop
