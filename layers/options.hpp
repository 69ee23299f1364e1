#pragma once
/// Kinds of options that several layers take.
#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nyala/core/fields.hpp>
#include <nyala/core/tensor.hpp>
#include <nyala/core/text.hpp>

#pragma GCC visibility push(default)

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

/// One axis or several: `.axis = -1`, `.axis = {1, 2}`. Kept as it was given.
class AxisList {
 public:
  AxisList() = default;
  AxisList(int axis) : axes_{axis} {}
  AxisList(std::initializer_list<int> axes) : axes_(axes), is_list_(true) {}
  AxisList(std::vector<int> axes) : axes_(std::move(axes)), is_list_(true) {}

  const std::vector<int>& axes() const { return axes_; }
  bool is_list() const { return is_list_; }

 private:
  std::vector<int> axes_;
  bool is_list_ = false;
};
template <>
struct ConfigCodec<AxisList> {
  static Config to(const AxisList& axes);
  static AxisList from(const Config& config);
};

/// A number, or an array of them: `.scale = 0.5`, `.mean = {0, 1}`, `.mean = tensor`.
class Numbers {
 public:
  using Item = double;

  Numbers() = default;
  Numbers(double value) : tensor_(Tensor::scalar(value, DType::float64)) {}
  Numbers(int value) : Numbers(static_cast<double>(value)) {}
  Numbers(std::initializer_list<double> values)
      : tensor_(Tensor::from(std::vector<double>(values))) {}
  Numbers(const std::vector<double>& values) : tensor_(Tensor::from(values)) {}
  Numbers(const Tensor& values);

  bool given() const { return tensor_.defined(); }
  /// float64
  const Tensor& tensor() const { return tensor_; }

 private:
  Tensor tensor_;
};

/// Null for none, a number, or nested lists; read from Keras's serialized arrays too.
template <>
struct ConfigCodec<Numbers> {
  static Config to(const Numbers& numbers);
  static Numbers from(const Config& config);
};

/// What is added to (or cut from) both ends of an axis: `.padding = 1`, `.padding = {1, 2}`.
class Margin {
 public:
  Margin() = default;
  Margin(int both) : before(both), after(both) {}
  Margin(int before_, int after_) : before(before_), after(after_) {}

  int before = 0;
  int after = 0;
};
template <>
struct ConfigCodec<Margin> {
  static Config to(const Margin& margin);
  static Margin from(const Config& config);
};
/// The same for each of two or three spatial axes: `.padding = 1`, `.padding = {1, 2}`,
/// `.padding = {{1, 0}, {2, 3}}`.
template <int kRank>
class Margins {
 public:
  Margins() = default;
  Margins(int all) { each_.fill(all); }
  Margins(Margin height, Margin width) requires(kRank == 2) : each_{height, width} {}
  Margins(Margin depth, Margin height, Margin width) requires(kRank == 3)
      : each_{depth, height, width} {}

  const std::array<Margin, kRank>& each() const { return each_; }
  std::array<Margin, kRank>& each() { return each_; }

 private:
  std::array<Margin, kRank> each_;
};
using Margins2D = Margins<2>;
using Margins3D = Margins<3>;

namespace detail {
Config margins_to_config(std::span<const Margin> margins);
void margins_from_config(const Config& config, std::span<Margin> margins);
}  // namespace detail

template <int kRank>
struct ConfigCodec<Margins<kRank>> {
  static Config to(const Margins<kRank>& margins) {
    return detail::margins_to_config(margins.each());
  }
  static Margins<kRank> from(const Config& config) {
    Margins<kRank> margins;
    detail::margins_from_config(config, margins.each());
    return margins;
  }
};

/// Where the channels stand: "channels_last" (at first) or "channels_first".
class DataFormat {
 public:
  DataFormat() = default;
  DataFormat(const char* name) : DataFormat(detail::text_of(name)) {}
  /// Throws ValueError for another name.
  DataFormat(const std::string& name);

  bool channels_first() const { return channels_first_; }
  std::string name() const { return channels_first_ ? "channels_first" : "channels_last"; }

 private:
  bool channels_first_ = false;
};
template <>
struct ConfigCodec<DataFormat> {
  static Config to(const DataFormat& format) { return format.name(); }
  static DataFormat from(const Config& config) {
    return config.is_null() ? DataFormat() : DataFormat(config.as_string());
  }
};

/// Moves an option to the name that it has today, unless that is there already.
void rename_option(Config& config, const char* from, const char* to);

/// One axis for both inputs, or one for each: `.axes = 1`, `.axes = {1, 2}`. Kept as it was given.
class AxisPair {
 public:
  using Item = int;

  AxisPair() = default;
  AxisPair(int both) : first_(both), second_(both) {}
  AxisPair(int first, int second) : first_(first), second_(second), is_pair_(true) {}

  int first() const { return first_; }
  int second() const { return second_; }
  bool is_pair() const { return is_pair_; }

 private:
  int first_ = 0;
  int second_ = 0;
  bool is_pair_ = false;
};
template <>
struct ConfigCodec<AxisPair> {
  static Config to(const AxisPair& axes);
  static AxisPair from(const Config& config);
};

NYALA_DECLARE_OPTION_TYPE(AlwaysNull)

}  // namespace nyala

#pragma GCC visibility pop
