#pragma once
/// Constraints: what a weight is turned into after each step of training.
#include <memory>
#include <vector>

#include <nyala/core/object.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala::constraints {

class ConstraintBase : public Object {
 public:
  std::string module() const override { return "keras.constraints"; }
  /// The weight as the constraint wants it, of the same shape and dtype.
  virtual Tensor operator()(const Tensor& weight) const = 0;
  /// The constraints by name; a program may add its own.
  static ObjectRegistry<ConstraintBase>& registry();
};
/// A constraint, made by its class or by its name: "max_norm", "MaxNorm".
using Constraint = Handle<ConstraintBase>;

/// The axes that a norm is taken along: one, or several.
struct NormAxis {
  std::vector<int> axes;
  bool is_list = false;
  NormAxis(int axis) : axes{axis} {}
  NormAxis(std::initializer_list<int> several) : axes(several), is_list(true) {}
  NormAxis(std::vector<int> several) : axes(std::move(several)), is_list(true) {}
};

/// Norms along `axis` of at most `max_value`.
struct MaxNormArgs {
  double max_value = 2;
  NormAxis axis = 0;
  template <class A = MaxNormArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"max_value", &A::max_value, "The largest norm.", Range::at_least(0)},
                      Field{"axis", &A::axis, "Axes that norms are taken along."}};
  }
};
/// No negative number.
struct NonNegArgs {
  template <class A = NonNegArgs>
  static constexpr auto fields() {
    return std::tuple{};
  }
};
/// Norms along `axis` of 1.
struct UnitNormArgs {
  NormAxis axis = 0;
  template <class A = UnitNormArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &A::axis, "Axes that norms are taken along."}};
  }
};
/// Norms along `axis` moved by `rate` towards [min_value, max_value].
struct MinMaxNormArgs {
  double min_value = 0;
  double max_value = 1;
  double rate = 1;
  NormAxis axis = 0;
  template <class A = MinMaxNormArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"min_value", &A::min_value, "The smallest norm.", Range::at_least(0)},
                      Field{"max_value", &A::max_value, "The largest norm.", Range::at_least(0)},
                      Field{"rate", &A::rate, "How far to go: 1 for all the way."},
                      Field{"axis", &A::axis, "Axes that norms are taken along."}};
  }
};

std::shared_ptr<ConstraintBase> make_object(MaxNormArgs args);
std::shared_ptr<ConstraintBase> make_object(NonNegArgs args);
std::shared_ptr<ConstraintBase> make_object(UnitNormArgs args);
std::shared_ptr<ConstraintBase> make_object(MinMaxNormArgs args);

using MaxNorm = HandleOf<ConstraintBase, MaxNormArgs>;
using NonNeg = HandleOf<ConstraintBase, NonNegArgs>;
using UnitNorm = HandleOf<ConstraintBase, UnitNormArgs>;
using MinMaxNorm = HandleOf<ConstraintBase, MinMaxNormArgs>;

}  // namespace nyala::constraints

namespace nyala {

/// An int or a list, as it was given.
template <>
struct ConfigCodec<constraints::NormAxis> {
  static Config to(const constraints::NormAxis& axis) {
    if (!axis.is_list) return axis.axes[0];
    return ConfigCodec<std::vector<int>>::to(axis.axes);
  }
  static constraints::NormAxis from(const Config& config) {
    if (config.is_list()) return ConfigCodec<std::vector<int>>::from(config);
    return ConfigCodec<int>::from(config);
  }
};

NYALA_DECLARE_OPTION_TYPE(constraints::Constraint)

}  // namespace nyala

#pragma GCC visibility pop
