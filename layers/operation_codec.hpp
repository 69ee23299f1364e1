#pragma once
/// How C++ arguments become the parameters of an op's signature and come back. Private to the files
/// of operation.hpp.
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/core/fields.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/layers/operation.hpp>
#include <nyala/layers/operation_defs.hpp>

namespace nyala {

/// A plain value as a parameter has it.
template <class T>
struct ParameterCodec : ConfigCodec<T> {};
template <>
struct ParameterCodec<Config> {
  static Config to(const Config& value) { return value; }
  static Config from(const Config& config) { return config; }
};
template <>
struct ParameterCodec<int> {
  static Config to(int value) { return value; }
  /// Keras takes a list of one number for a number.
  static int from(const Config& config) {
    const bool wrapped = config.is_list() && config.size() == 1;
    return ConfigCodec<int>::from(wrapped ? config.as_list()[0] : config);
  }
};
template <class T>
struct ParameterCodec<std::optional<T>> {
  static Config to(const std::optional<T>& value) {
    return value ? ParameterCodec<T>::to(*value) : Config();
  }
  static std::optional<T> from(const Config& config) {
    if (config.is_null()) return std::nullopt;
    return ParameterCodec<T>::from(config);
  }
};
template <class T>
struct ParameterCodec<std::vector<T>> {
  static Config to(const std::vector<T>& values) {
    Config::List list;
    for (const T& value : values) list.push_back(ParameterCodec<T>::to(value));
    return Config(std::move(list));
  }
  /// null is an empty list, a number a list of one.
  static std::vector<T> from(const Config& config) {
    if (config.is_null()) return {};
    if (!config.is_list()) return {ParameterCodec<T>::from(config)};
    std::vector<T> values;
    for (const Config& item : config.as_list()) values.push_back(ParameterCodec<T>::from(item));
    return values;
  }
};
/// No axes at all are null, as Keras's `axes=None`.
template <>
struct ParameterCodec<std::vector<int>> {
  static Config to(const std::vector<int>& values) {
    return values.empty() ? Config() : ConfigCodec<std::vector<int>>::to(values);
  }
  static std::vector<int> from(const Config& config) {
    if (config.is_null()) return {};
    if (config.is_int()) return {ConfigCodec<int>::from(config)};
    return ConfigCodec<std::vector<int>>::from(config);
  }
};
template <>
struct ParameterCodec<Shape> {
  static Config to(const Shape& shape) {
    return ConfigCodec<std::vector<std::int64_t>>::to(shape.to_vector());
  }
  static Shape from(const Config& config) {
    return Shape(ParameterCodec<std::vector<std::int64_t>>::from(config));
  }
};
template <>
struct ParameterCodec<Scalar> {
  static Config to(Scalar value) {
    if (value.is_bool()) return value.integer() != 0;
    if (value.is_real()) return value.real();
    return value.integer();
  }
  static Scalar from(const Config& config) {
    if (config.is_bool()) return config.as_bool();
    if (config.is_int()) return config.as_int();
    return config.as_double();
  }
};
template <>
struct ParameterCodec<SplitPoints> {
  static Config to(const SplitPoints& points) {
    if (points.sections) return *points.sections;
    return ConfigCodec<std::vector<std::int64_t>>::to(points.indices);
  }
  static SplitPoints from(const Config& config) {
    if (config.is_int()) return config.as_int();
    return ConfigCodec<std::vector<std::int64_t>>::from(config);
  }
};
template <>
struct ParameterCodec<Repeats> {
  static Config to(const Repeats& repeats) {
    if (repeats.counts.size() == 1) return repeats.counts[0];
    return ConfigCodec<std::vector<std::int64_t>>::to(repeats.counts);
  }
  static Repeats from(const Config& config) {
    if (config.is_int()) return config.as_int();
    return ConfigCodec<std::vector<std::int64_t>>::from(config);
  }
};
template <>
struct ParameterCodec<PadWidth> {
  static Config to(const PadWidth& width) { return Config::List{width.before, width.after}; }
  static PadWidth from(const Config& config) {
    const auto both = ParameterCodec<std::vector<std::int64_t>>::from(config);
    if (both.empty() || both.size() > 2)
      throw ValueError("received the width " + config.str().substr(0, 80));
    return {both.front(), both.back()};
  }
};
template <>
struct ParameterCodec<DotAxes> {
  static Config to(const DotAxes& axes) {
    if (axes.count >= 0) return axes.count;
    return Config::List{ConfigCodec<std::vector<int>>::to(axes.x),
                        ConfigCodec<std::vector<int>>::to(axes.y)};
  }
  static DotAxes from(const Config& config) {
    if (config.is_int()) return ConfigCodec<int>::from(config);
    if (!config.is_list() || config.size() != 2)
      throw ValueError("received axes " + config.str().substr(0, 80) +
                       ", expected a number or two lists");
    return {ParameterCodec<std::vector<int>>::from(config.as_list()[0]),
            ParameterCodec<std::vector<int>>::from(config.as_list()[1])};
  }
};
template <>
struct ParameterCodec<std::pair<int, int>> {
  static Config to(const std::pair<int, int>& pair) {
    return Config::List{pair.first, pair.second};
  }
  static std::pair<int, int> from(const Config& config) {
    const auto both = ConfigCodec<std::vector<int>>::from(config);
    if (both.size() != 2)
      throw ValueError("received axes " + config.str().substr(0, 80) + ", expected two");
    return {both[0], both[1]};
  }
};

/// A tensor, or a number that takes the dtype of what it stands beside.
struct TensorOrNumber {
  Tensor tensor;
  std::optional<Scalar> number;
};

// Args structs that only run an op; the others are those of core/ops.
struct ExtremumArgs {
  Axes axis;
  bool keepdims = false;
  std::optional<Scalar> initial;
};
struct ProductArgs {
  Axes axis;
  bool keepdims = false;
  std::optional<DTypeLike> dtype;
};
struct CumulateArgs {
  std::optional<int> axis;
  std::optional<DTypeLike> dtype;
};
struct NormOptions {
  Config ord;
  Axes axis;
  bool keepdims = false;
};

template <class Owner, class T>
struct ArgsMember {
  const char* name;
  T Owner::*member;
};
template <class Owner, class T>
ArgsMember(const char*, T Owner::*) -> ArgsMember<Owner, T>;

/// The members of an Args struct by name.
template <class T>
struct ArgsMembers {
  static constexpr bool known = false;
};
#define NYALA_MEMBER(name) \
  ArgsMember { #name, &Args::name }
#define NYALA_ARGS(Struct, ...)                          \
  template <>                                            \
  struct ArgsMembers<Struct> {                           \
    using Args = Struct;                                 \
    static constexpr bool known = true;                  \
    static constexpr auto all = std::tuple{__VA_ARGS__}; \
  };
NYALA_ARGS(ReduceArgs, NYALA_MEMBER(axis), NYALA_MEMBER(keepdims))
NYALA_ARGS(ArgReduceArgs, NYALA_MEMBER(axis), NYALA_MEMBER(keepdims))
NYALA_ARGS(AverageArgs, NYALA_MEMBER(axis), NYALA_MEMBER(weights))
NYALA_ARGS(AverageSymbolArgs, NYALA_MEMBER(axis), NYALA_MEMBER(weights))
NYALA_ARGS(CumulativeArgs, NYALA_MEMBER(axis), NYALA_MEMBER(reverse), NYALA_MEMBER(exclusive))
NYALA_ARGS(NormArgs, NYALA_MEMBER(ord), NYALA_MEMBER(axis), NYALA_MEMBER(keepdims))
NYALA_ARGS(NormOptions, NYALA_MEMBER(ord), NYALA_MEMBER(axis), NYALA_MEMBER(keepdims))
NYALA_ARGS(ExtremumArgs, NYALA_MEMBER(axis), NYALA_MEMBER(keepdims), NYALA_MEMBER(initial))
NYALA_ARGS(ProductArgs, NYALA_MEMBER(axis), NYALA_MEMBER(keepdims), NYALA_MEMBER(dtype))
NYALA_ARGS(CumulateArgs, NYALA_MEMBER(axis), NYALA_MEMBER(dtype))
NYALA_ARGS(SoftmaxArgs, NYALA_MEMBER(axis))
NYALA_ARGS(NormalizeArgs, NYALA_MEMBER(axis), NYALA_MEMBER(order), NYALA_MEMBER(epsilon))
NYALA_ARGS(FirstAxis, NYALA_MEMBER(axis))
NYALA_ARGS(LastAxis, NYALA_MEMBER(axis))
NYALA_ARGS(AnyAxis, NYALA_MEMBER(axis))
NYALA_ARGS(SortArgs, NYALA_MEMBER(axis), NYALA_MEMBER(descending))
NYALA_ARGS(ArgSortArgs, NYALA_MEMBER(axis), NYALA_MEMBER(descending))
NYALA_ARGS(OneHotArgs, NYALA_MEMBER(axis), NYALA_MEMBER(dtype))
NYALA_ARGS(SegmentArgs, NYALA_MEMBER(num_segments))
NYALA_ARGS(BincountArgs, NYALA_MEMBER(weights), NYALA_MEMBER(minlength))
NYALA_ARGS(PadArgs, NYALA_MEMBER(mode), NYALA_MEMBER(constant_values))
NYALA_ARGS(DTypeArgs, NYALA_MEMBER(dtype))
NYALA_ARGS(NanToNumArgs, NYALA_MEMBER(nan), NYALA_MEMBER(posinf), NYALA_MEMBER(neginf))
NYALA_ARGS(ops::AllcloseArgs, NYALA_MEMBER(rtol), NYALA_MEMBER(atol), NYALA_MEMBER(equal_nan))
NYALA_ARGS(PoolArgs, NYALA_MEMBER(strides), NYALA_MEMBER(padding), NYALA_MEMBER(data_format))
NYALA_ARGS(AdaptivePoolArgs, NYALA_MEMBER(data_format))
NYALA_ARGS(ConvArgs,
           NYALA_MEMBER(strides),
           NYALA_MEMBER(padding),
           NYALA_MEMBER(data_format),
           NYALA_MEMBER(dilation_rate))
NYALA_ARGS(ConvTransposeArgs,
           NYALA_MEMBER(strides),
           NYALA_MEMBER(padding),
           NYALA_MEMBER(output_padding),
           NYALA_MEMBER(data_format),
           NYALA_MEMBER(dilation_rate))
NYALA_ARGS(DotProductAttentionArgs,
           NYALA_MEMBER(bias),
           NYALA_MEMBER(mask),
           NYALA_MEMBER(scale),
           NYALA_MEMBER(is_causal))
NYALA_ARGS(DotProductAttentionSymbolArgs,
           NYALA_MEMBER(bias),
           NYALA_MEMBER(mask),
           NYALA_MEMBER(scale),
           NYALA_MEMBER(is_causal))
NYALA_ARGS(CrossentropyArgs, NYALA_MEMBER(from_logits), NYALA_MEMBER(axis))
#undef NYALA_ARGS
#undef NYALA_MEMBER

/// Which parameters of a signature C++ parameters stand for: a struct's members by name, the others
/// in order.
class ParameterNames {
 public:
  explicit ParameterNames(const OperationDef& def)
      : def_(def), claimed_(def.signature.size(), false) {}

  /// Reserves those of the structs among T.
  template <class... T>
  void reserve() {
    (reserve_members<T>(), ...);
  }
  std::optional<std::size_t> find(std::string_view field) const;
  /// The next one that is not taken; throws StateError where the row of keras_ops.def is wrong.
  std::size_t next();
  /// Whether a pair takes two parameters of the signature (axis1, axis2) rather than one (axes).
  bool next_is_axis1() const;
  bool is_claimed(std::size_t i) const { return claimed_[i]; }
  const Signature& signature() const { return def_.signature; }
  const OperationDef& def() const { return def_; }

 private:
  template <class T>
  void reserve_members() {
    if constexpr (ArgsMembers<T>::known) {
      std::apply(
          [&](const auto&... member) {
            const auto claim = [&](const char* name) {
              if (const auto i = find(name)) claimed_[*i] = true;
            };
            (claim(member.name), ...);
          },
          ArgsMembers<T>::all);
    }
  }

  const OperationDef& def_;
  std::vector<bool> claimed_;
};

}  // namespace nyala
