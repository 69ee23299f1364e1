#pragma once
/// Axes as arguments: an option (`{.axis = {0, -1}}`), or second as in NumPy (`ops::sum(x, 1)`).
#include <concepts>
#include <initializer_list>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/core/fields.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// None, one or several axes: `.axis = 1`, `.axis = {0, -1}`; none means all.
class Axes {
 public:
  Axes() = default;
  Axes(int axis) : axes_{axis}, given_(true) {}
  Axes(std::initializer_list<int> axes) : axes_(axes), given_(true), is_list_(true) {}
  Axes(std::vector<int> axes) : axes_(std::move(axes)), given_(true), is_list_(true) {}

  bool given() const { return given_; }
  /// Whether it was given as a list, which is how it is saved then: `-1` or `[-1]`.
  bool is_list() const { return is_list_; }
  const std::vector<int>& axes() const { return axes_; }
  /// One flag for each axis of the rank; throws IndexError, naming `who`, for an axis out of range
  /// and ValueError for one named twice.
  std::vector<bool> flags(int rank, const char* who) const;

  /// Whether they mean the same: a list of one axis is that axis.
  friend bool operator==(const Axes& a, const Axes& b) {
    return a.given_ == b.given_ && a.axes_ == b.axes_;
  }

 private:
  std::vector<int> axes_;
  bool given_ = false;
  bool is_list_ = false;
};
/// null, a number or a list; Keras 3 writes a tuple as {"class_name": "__tuple__", "items"}.
template <>
struct ConfigCodec<Axes> {
  static Config to(const Axes& axes) {
    if (!axes.given()) return {};
    if (!axes.is_list()) return axes.axes()[0];
    return ConfigCodec<std::vector<int>>::to(axes.axes());
  }
  static Axes from(const Config& config) {
    if (config.is_null()) return {};
    if (config.is_int()) return Axes(ConfigCodec<int>::from(config));
    const Config* items = config.find("items");
    return Axes(ConfigCodec<std::vector<int>>::from(items != nullptr ? *items : config));
  }
};

/// What stands behind axes that stand second: `ops::mean(x, {1, 2}, {.keepdims = true})`.
struct KeepDims {
  bool keepdims = false;
};

namespace detail {

template <class A>
concept AxisNumber = std::integral<A> && !std::same_as<A, bool>;
template <class A>
concept AxisList = std::same_as<A, Axes> || std::same_as<A, std::vector<int>>;

/// The axis that an argument names. One beyond int is out of bounds for every tensor.
template <class A>
int axis_from(const A& axis) {
  static_assert(AxisNumber<A>,
                "the axis is an int; options stand in braces, as in ops::sort(x, {.axis = 1})");
  if constexpr (AxisNumber<A>) {
    using Limits = std::numeric_limits<int>;
    if (std::cmp_less(axis, Limits::min())) return Limits::min();
    return std::cmp_greater(axis, Limits::max()) ? Limits::max() : static_cast<int>(axis);
  } else {
    return 0;
  }
}
template <class A>
Axes axes_from(const A& axis) {
  static_assert(AxisNumber<A> || AxisList<A>,
                "the axis is an int, a list of ints or nyala::Axes; options stand in braces after "
                "it, as in ops::sum(x, 1, {.keepdims = true})");
  if constexpr (AxisNumber<A>)
    return Axes(axis_from(axis));
  else if constexpr (AxisList<A>)
    return Axes(axis);
  else
    return {};
}
template <AxisNumber A>
Axes axes_from(std::initializer_list<A> axes) {
  std::vector<int> all;
  for (const A& axis : axes) all.push_back(axis_from(axis));
  return Axes(std::move(all));
}

}  // namespace detail
}  // namespace nyala

#pragma GCC visibility pop
