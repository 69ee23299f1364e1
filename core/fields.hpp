#pragma once
/// Fields: options described once. An options struct lists its members in a static `fields()`, and
/// from that list come its configuration, the way back, the range checks and its page in the
/// manual. It is a template, so that only the files that read it pay for compiling it.
///
///   struct DropoutArgs {
///     double rate;
///     template <class A = DropoutArgs>
///     static constexpr auto fields() {
///       return std::tuple{Field{"rate", &A::rate, "Share dropped.",
///       Range::from_0_to_1()}};
///     }
///   };
#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/core/config.hpp>
#include <nyala/core/dtype.hpp>
#include <nyala/core/error.hpp>
#include <nyala/core/shape.hpp>
#include <nyala/core/text.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// The numbers that an option may take. Not a number is never among them.
struct Range {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool open_min = false;  ///< whether `min` itself is out
  bool open_max = false;

  static constexpr Range at_least(double min) { return {.min = min}; }
  static constexpr Range positive() { return {.min = 0, .open_min = true}; }
  static constexpr Range from_0_to_1() { return {.min = 0, .max = 1}; }

  bool holds(double value) const {
    return value == value && (open_min ? value > min : value >= min) &&
           (open_max ? value < max : value <= max);
  }
  std::string str() const;
};

template <class Owner, class T>
struct Field {
  using owner_type = Owner;
  using value_type = T;

  const char* name;
  T Owner::*member;
  const char* doc;
  Range range = {};

  constexpr Field(const char* name_, T Owner::*member_, const char* doc_, Range range_ = {})
      : name(name_), member(member_), doc(doc_), range(range_) {}
};

namespace detail {

/// What a list in braces holds that stands for a T: `Item` of a class that takes one.
template <class T>
struct ItemOf {};
template <class T>
requires requires { typename T::Item; }
struct ItemOf<T> {
  using type = typename T::Item;
};
template <class T>
struct ItemOf<std::vector<T>> {
  using type = T;
};
template <>
struct ItemOf<Shape> {
  using type = std::int64_t;
};
template <class T>
concept TakesList = requires {
  typename ItemOf<T>::type;
};

/// Whether a U may be given for a T. No fraction is a whole number, and no flag is one.
template <class T, class U>
constexpr bool gives_value() {
  using Given = std::remove_cvref_t<U>;
  if constexpr (std::is_integral_v<T>) {
    return std::is_integral_v<Given> && !std::is_same_v<Given, bool>;
  } else if constexpr (std::is_arithmetic_v<Given> && TakesList<T>) {
    using Item = typename ItemOf<T>::type;
    return gives_value<Item, U>() && std::is_convertible_v<Item, T>;
  } else {
    return std::is_convertible_v<U, T>;
  }
}
/// Throws ValueError for a whole number that does not fit T.
template <class T, class U>
constexpr T value_of(U&& given) {
  if constexpr (std::is_integral_v<T>) {
    if (!std::in_range<T>(given))
      throw ValueError("received " + std::to_string(given) + ", a number too large for an option");
    return static_cast<T>(given);
  } else if constexpr (std::is_arithmetic_v<std::remove_cvref_t<U>> && TakesList<T>) {
    return value_of<typename ItemOf<T>::type>(given);
  } else if constexpr (std::is_arithmetic_v<T>) {
    return static_cast<T>(given);
  } else if constexpr (std::is_same_v<T, std::string> && std::is_convertible_v<U, const char*>) {
    return text_of(given);
  } else {
    return std::forward<U>(given);
  }
}
/// Whether all of them may be given for a T, in braces where there are several.
template <class T, class... U>
constexpr bool gives_option() {
  if constexpr (sizeof...(U) == 1 && (gives_value<T, U>() && ...)) {
    return true;
  } else if constexpr (sizeof...(U) > 0 && TakesList<T>) {
    using Item = typename ItemOf<T>::type;
    if constexpr ((gives_value<Item, U>() && ...)) return requires {
        T{value_of<Item>(std::declval<U>())...};
      };
    else
      return false;
  } else {
    return false;
  }
}
template <class T, class... U>
constexpr T option_of(U&&... given) {
  if constexpr (sizeof...(U) == 1 && (gives_value<T, U>() && ...))
    return (value_of<T>(std::forward<U>(given)), ...);
  else
    return T{value_of<typename ItemOf<T>::type>(std::forward<U>(given))...};
}

}  // namespace detail

/// What `from_config` starts a required option with; `is_set` then tells whether the config gave
/// it.
struct Unset {};

/// An option that must be given: leaving it out does not compile, nor does an empty list. For a
/// whole number, neither does a fractional one; one that does not fit T is a ValueError.
template <class T>
struct Required {
  T value{};
  bool is_set = true;
  template <class... U>
  requires(!(std::derived_from<std::remove_cvref_t<U>, Required> || ...) &&
           detail::gives_option<T, U...>()) constexpr Required(U&&... given)
      : value(detail::option_of<T>(std::forward<U>(given)...)) {}
  constexpr Required(Unset) : is_set(false) {}
  constexpr operator const T&() const { return value; }
};

/// How a type of option becomes a Config and comes back. Specialise it for further types.
template <class T, class = void>
struct ConfigCodec;

template <>
struct ConfigCodec<bool> {
  static Config to(bool value) { return value; }
  static bool from(const Config& config) { return config.as_bool(); }
};
template <class T>
struct ConfigCodec<T, std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>>> {
  static Config to(T value) { return static_cast<std::int64_t>(value); }
  static T from(const Config& config) {
    const std::int64_t value = config.as_int();
    if (value < static_cast<std::int64_t>(std::numeric_limits<T>::min()) ||
        (sizeof(T) < 8 && value > static_cast<std::int64_t>(std::numeric_limits<T>::max()))) {
      throw ValueError("received " + std::to_string(value) +
                       ", which does not fit the option's type");
    }
    return static_cast<T>(value);
  }
};
template <class T>
struct ConfigCodec<T, std::enable_if_t<std::is_floating_point_v<T>>> {
  static Config to(T value) { return static_cast<double>(value); }
  static T from(const Config& config) { return static_cast<T>(config.as_double()); }
};
template <>
struct ConfigCodec<std::string> {
  static Config to(const std::string& value) { return value; }
  static std::string from(const Config& config) { return config.as_string(); }
};
template <>
struct ConfigCodec<DType> {
  static Config to(DType value) { return name_of(value); }
  static DType from(const Config& config) { return dtype_from_name(config.as_string()); }
};
template <>
struct ConfigCodec<DTypeLike> {
  static Config to(DTypeLike value) { return name_of(value.value); }
  static DTypeLike from(const Config& config) { return dtype_from_name(config.as_string()); }
};
template <class T>
struct ConfigCodec<Required<T>> {
  static Config to(const Required<T>& required) { return ConfigCodec<T>::to(required.value); }
  static Required<T> from(const Config& config) { return ConfigCodec<T>::from(config); }
};
template <class T>
struct ConfigCodec<std::optional<T>> {
  static Config to(const std::optional<T>& value) {
    return value ? ConfigCodec<T>::to(*value) : Config();
  }
  static std::optional<T> from(const Config& config) {
    if (config.is_null()) return std::nullopt;
    return ConfigCodec<T>::from(config);
  }
};
template <class T>
struct ConfigCodec<std::vector<T>> {
  static Config to(const std::vector<T>& values) {
    Config list = Config::list();
    for (const T& value : values) list.push_back(ConfigCodec<T>::to(value));
    return list;
  }
  static std::vector<T> from(const Config& config) {
    std::vector<T> values;
    for (const Config& item : config.as_list()) values.push_back(ConfigCodec<T>::from(item));
    return values;
  }
};
/// Unknown sizes are null, as in Keras's JSON.
template <>
struct ConfigCodec<Shape> {
  static Config to(const Shape& shape);
  static Shape from(const Config& config);
};

namespace detail {

template <class T>
constexpr double number_of(const T& value) {
  if constexpr (std::is_arithmetic_v<T>)
    return static_cast<double>(value);
  else
    return 0;
}
[[noreturn]] void throw_range(const std::string& who,
                              const char* name,
                              double value,
                              const Range& range);
[[noreturn]] void throw_unknown_key(const std::string& who,
                                    const std::string& key,
                                    const std::vector<std::string>& known);

/// "initializer \"x\" is unknown; did you mean ...?"
[[noreturn]] void throw_unknown_name(const std::string& kind,
                                     const std::string& name,
                                     const std::vector<std::string>& known);

template <class T>
struct Unwrap {
  static void check(const std::string& who, const char* name, const T& value, const Range& range) {
    if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
      if (!range.holds(number_of(value))) throw_range(who, name, number_of(value), range);
    }
  }
};
template <class T>
struct Unwrap<Required<T>> {
  static void check(const std::string& who,
                    const char* name,
                    const Required<T>& value,
                    const Range& range) {
    Unwrap<T>::check(who, name, value.value, range);
  }
};
template <class T>
struct Unwrap<std::optional<T>> {
  static void check(const std::string& who,
                    const char* name,
                    const std::optional<T>& value,
                    const Range& range) {
    if (value) Unwrap<T>::check(who, name, *value, range);
  }
};
template <class T>
struct Unwrap<std::vector<T>> {
  static void check(const std::string& who,
                    const char* name,
                    const std::vector<T>& values,
                    const Range& range) {
    for (const T& value : values) Unwrap<T>::check(who, name, value, range);
  }
};

}  // namespace detail

/// An Args whose required options (at most three, standing first) are unset.
template <class Args>
Args unset_args() {
  if constexpr (std::is_default_constructible_v<Args>)
    return Args{};
  else if constexpr (requires { Args{Unset{}}; })
    return Args{Unset{}};
  else if constexpr (requires { Args{Unset{}, Unset{}}; })
    return Args{Unset{}, Unset{}};
  else
    return Args{Unset{}, Unset{}, Unset{}};
}

/// What is done with an option of one type, whatever struct holds it.
struct OptionType {
  Config (*to)(const void* value);
  void (*from)(const Config& config, void* value);
  bool (*omit)(const void* value);        ///< whether the configuration leaves it out
  bool (*is_missing)(const void* value);  ///< a required option that was never given
  void (*check)(const std::string& who, const char* name, const void* value, const Range& range);
};

namespace detail {

/// A function, so that one file compiles what many use (NYALA_DECLARE_OPTION_TYPE).
template <class T>
const OptionType& option_type() {
  static constexpr OptionType type = {
      .to = [](const void* value) -> Config {
        return ConfigCodec<T>::to(*static_cast<const T*>(value));
      },
      .from = [](const Config& config,
                 void* value) { *static_cast<T*>(value) = ConfigCodec<T>::from(config); },
      .omit = [](const void* value) -> bool {
        if constexpr (requires(const T& option) { ConfigCodec<T>::omit(option); })
          return ConfigCodec<T>::omit(*static_cast<const T*>(value));
        else
          return static_cast<void>(value), false;
      },
      .is_missing = [](const void* value) -> bool {
        if constexpr (requires(const T& option) { option.is_set; })
          return !static_cast<const T*>(value)->is_set;
        else
          return static_cast<void>(value), false;
      },
      .check =
          [](const std::string& who, const char* name, const void* value, const Range& range) {
            Unwrap<T>::check(who, name, *static_cast<const T*>(value), range);
          },
  };
  return type;
}

template <class Args>
inline constexpr auto kFields = Args::fields();

template <class Args, std::size_t I>
void* member_of(void* args) {
  return &(static_cast<Args*>(args)->*(std::get<I>(kFields<Args>).member));
}

}  // namespace detail

/// A field of some struct: its name, what it is for, and how to reach it.
struct Option {
  const char* name;
  const char* doc;
  Range range;
  const OptionType& (*type)();
  void* (*member)(void* args);

  const void* in(const void* args) const { return member(const_cast<void*>(args)); }
};

namespace detail {

template <class Args, std::size_t... I>
constexpr auto make_options(std::index_sequence<I...>) {
  return std::array<Option, sizeof...(I)>{
      {{std::get<I>(kFields<Args>).name,
        std::get<I>(kFields<Args>).doc,
        std::get<I>(kFields<Args>).range,
        option_type<typename std::tuple_element_t<I, std::remove_cv_t<decltype(kFields<Args>)>>::
                        value_type>,
        member_of<Args, I>}...}};
}
template <class Args>
inline constexpr auto kOptions = make_options<Args>(
    std::make_index_sequence<std::tuple_size_v<std::remove_cv_t<decltype(kFields<Args>)>>>());

using Options = std::span<const Option>;
void check_options(const std::string& who, Options options, const void* args);
void options_to_config(Options options, const void* args, Config& config);
void options_from_config(const std::string& who, Options options, const Config& config, void* args);
std::vector<std::string> option_names(Options options);

}  // namespace detail

/// The options of Args, in the order of `fields()`: what the manual prints.
template <class Args>
std::span<const Option> options_of() {
  return detail::kOptions<Args>;
}

/// Throws ValueError, naming `who` and the option, when a number is out of its range or not a
/// number.
template <class Args>
void check_fields(const std::string& who, const Args& args) {
  detail::check_options(who, options_of<Args>(), &args);
}

/// Appends the options to a dict, in the order of `fields()`.
template <class Args>
void fields_to_config(const Args& args, Config& config) {
  detail::options_to_config(options_of<Args>(), &args, config);
}

/// Reads the options that a dict holds; those missing keep their value. Throws ValueError, naming
/// `who` and the option, for a value of the wrong kind.
template <class Args>
void fields_from_config(const std::string& who, const Config& config, Args& args) {
  detail::options_from_config(who, options_of<Args>(), config, &args);
}

/// The names of the options.
template <class Args>
std::vector<std::string> field_names() {
  return detail::option_names(options_of<Args>());
}

/// Throws ValueError for a key that is none of `known`, with the nearest one that is.
void check_keys(const std::string& who,
                const Config& config,
                const std::vector<std::string>& known);

/// In a header, in namespace nyala: this type of option is compiled where
/// NYALA_DEFINE_OPTION_TYPE stands.
#define NYALA_DECLARE_OPTION_TYPE(...) \
  extern template const OptionType& detail::option_type<__VA_ARGS__>();
#define NYALA_DEFINE_OPTION_TYPE(...) template const OptionType& detail::option_type<__VA_ARGS__>();

NYALA_DECLARE_OPTION_TYPE(bool)
NYALA_DECLARE_OPTION_TYPE(int)
NYALA_DECLARE_OPTION_TYPE(double)
NYALA_DECLARE_OPTION_TYPE(std::string)
NYALA_DECLARE_OPTION_TYPE(std::optional<int>)
NYALA_DECLARE_OPTION_TYPE(std::optional<double>)
NYALA_DECLARE_OPTION_TYPE(std::optional<DTypeLike>)
NYALA_DECLARE_OPTION_TYPE(Required<int>)
NYALA_DECLARE_OPTION_TYPE(Required<double>)

}  // namespace nyala

#pragma GCC visibility pop
