#pragma once
/// Kinds of options that several layers take.
#include <utility>
#include <vector>

#include <nyala/core/fields.hpp>

namespace nyala {

/// A shape that may be absent: null in a configuration.
class OptionalShape {
 public:
  OptionalShape() = default;
  OptionalShape(std::initializer_list<std::int64_t> sizes) : shape_(sizes), given_(true) {}
  OptionalShape(const Shape& shape) : shape_(shape), given_(true) {}
  bool given() const { return given_; }
  const Shape& value() const { return shape_; }

 private:
  Shape shape_;
  bool given_ = false;
};
template <>
struct ConfigCodec<OptionalShape> {
  static Config to(const OptionalShape& shape) {
    return shape.given() ? ConfigCodec<Shape>::to(shape.value()) : Config();
  }
  static OptionalShape from(const Config& config) {
    return config.is_null() ? OptionalShape() : OptionalShape(ConfigCodec<Shape>::from(config));
  }
};

/// An option that Keras writes only when it is set.
template <class T>
struct IfSet {
  T value = {};

  IfSet() = default;
  template <class U>
  requires std::is_convertible_v<U, T> IfSet(U&& given) : value(std::forward<U>(given)) {}
};
template <class T>
struct ConfigCodec<IfSet<T>> {
  static bool omit(const IfSet<T>& option) { return ConfigCodec<T>::to(option.value).is_null(); }
  static Config to(const IfSet<T>& option) { return ConfigCodec<T>::to(option.value); }
  static IfSet<T> from(const Config& config) { return IfSet<T>(ConfigCodec<T>::from(config)); }
};

/// An option of Keras's that Nyala writes as null and reads only as that.
struct AlwaysNull {};
template <>
struct ConfigCodec<AlwaysNull> {
  static Config to(AlwaysNull) { return {}; }
  static AlwaysNull from(const Config& config) {
    if (!config.is_null())
      throw UnsupportedError("received " + config.str().substr(0, 200) + ", expected null");
    return {};
  }
};

/// One axis for both inputs, or one for each: `.axes = 1`, `.axes = {1, 2}`. Kept as it was given.
class AxisPair {
 public:
  AxisPair(int both) : first_(both), second_(both) {}
  AxisPair(int first, int second) : first_(first), second_(second), is_pair_(true) {}
  AxisPair(Unset) : is_set(false) {}

  int first() const { return first_; }
  int second() const { return second_; }
  bool is_pair() const { return is_pair_; }

 private:
  int first_ = 0;
  int second_ = 0;
  bool is_pair_ = false;

 public:
  bool is_set = true;
};
template <>
struct ConfigCodec<AxisPair> {
  static Config to(const AxisPair& axes);
  static AxisPair from(const Config& config);
};

}  // namespace nyala
