#pragma once
/// What a layer is called with beside its tensors: `training`, masks, and arguments by name.
///
/// A layer whose `call` in Keras takes more declares it as a struct, which its Args names:
///
///   struct AttentionCall {
///     CallValue mask = {};
///     std::optional<bool> training = {};
///     bool use_causal_mask = false;
///     template <class A = AttentionCall>
///     static constexpr auto call_fields() {
///       return std::tuple{CallField{"mask", &A::mask}, CallField{"training", &A::training},
///                         CallField{"use_causal_mask", &A::use_causal_mask}};
///     }
///   };
///   struct AttentionArgs { using Call = AttentionCall; ... };
///
/// Users then write `attention({q, v}, {.use_causal_mask = true})`; `call` reads
/// `args.flag("use_causal_mask")`.
#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <nyala/core/fields.hpp>
#include <nyala/core/tensor.hpp>
#include <nyala/layers/symbol.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// An argument of a call: a tensor, a symbol, a plain value, or a list of these. Empty is Python's
/// None, and so is an undefined tensor.
class CallValue {
 public:
  using List = std::vector<CallValue>;

  CallValue() noexcept;
  CallValue(std::nullptr_t) noexcept;
  // In the source: a variant's copies and its destructor are costly to compile.
  CallValue(const CallValue& other);
  CallValue(CallValue&& other) noexcept;
  CallValue& operator=(const CallValue& other);
  CallValue& operator=(CallValue&& other) noexcept;
  ~CallValue();
  CallValue(Tensor tensor);
  CallValue(Symbol symbol);
  CallValue(Config value);
  CallValue(const char* text) : CallValue(Config(text)) {}
  template <class T>
  requires std::is_arithmetic_v<T> CallValue(T number) : CallValue(config_of(number)) {}
  /// `.initial_state = {h, c}`
  CallValue(std::initializer_list<CallValue> items);
  CallValue(List items);
  CallValue(const std::vector<Tensor>& tensors);
  CallValue(const std::vector<Symbol>& symbols);

  bool is_none() const { return is_plain() && plain().is_null(); }
  bool is_plain() const { return std::holds_alternative<Config>(value_); }
  bool is_tensor() const { return std::holds_alternative<Tensor>(value_); }
  bool is_symbol() const { return std::holds_alternative<Symbol>(value_); }
  bool is_list() const { return std::holds_alternative<List>(value_); }
  /// Whether a tensor or symbol stands in it.
  bool holds_tensor() const;

  // Each throws std::bad_variant_access for another kind.
  const Config& plain() const { return std::get<Config>(value_); }
  const Tensor& tensor() const { return std::get<Tensor>(value_); }
  const Symbol& symbol() const { return std::get<Symbol>(value_); }
  const List& items() const { return std::get<List>(value_); }
  List& items() { return std::get<List>(value_); }

 private:
  template <class T>
  static Config config_of(T number) {
    if constexpr (std::is_same_v<T, bool>)
      return number;
    else if constexpr (std::is_floating_point_v<T>)
      return static_cast<double>(number);
    else
      return static_cast<std::int64_t>(number);
  }

  std::variant<Config, Tensor, Symbol, List> value_;
};

/// What a call is given beside its tensors.
struct CallArgs {
  using Named = std::vector<std::pair<std::string, CallValue>>;

  /// Unset, it is what the layer around this one runs with, else false.
  std::optional<bool> training = {};
  /// A mask for each input, in place of the ones that the inputs carry.
  std::vector<Tensor> mask = {};
  /// What else the layer takes, by its name in Keras: `{{"initial_state", {h, c}}}`.
  Named named = {};

  bool is_training() const { return training.value_or(false); }

  // For those who write layers. In `call` there are no symbols.

  /// Null when it is not given, or None.
  const CallValue* find(std::string_view name) const;
  /// Undefined when it is not given; throws ValueError when it is no tensor.
  Tensor tensor(std::string_view name) const;
  /// One or several; none when it is not given. Throws ValueError when one is no tensor.
  std::vector<Tensor> tensors(std::string_view name) const;
  /// False when it is not given; throws ValueError when it is no bool.
  bool flag(std::string_view name) const;
};

/// A parameter of a layer's `call`: its name in Keras and the member that holds it.
template <class Owner, class T>
struct CallField {
  using value_type = T;
  const char* name;
  T Owner::*member;
  constexpr CallField(const char* name_, T Owner::*member_) : name(name_), member(member_) {}
};

/// The parameters of a layer's `call`.
struct CallSignature {
  using Names = std::span<const char* const>;

  /// Those that take tensors by position. One name stands for one tensor or a list.
  Names inputs;
  /// Those given by name, `training` and `mask` aside.
  Names named = {};

  bool has_named(std::string_view name) const;
  /// Which input it is; nothing when it is none.
  std::optional<std::size_t> input(std::string_view name) const;
};

inline constexpr std::array<const char*, 1> kOneInput = {"inputs"};

namespace detail {

template <class Call>
constexpr auto call_names() {
  return std::apply(
      [](const auto&... field) { return std::array<const char*, sizeof...(field)>{field.name...}; },
      Call::call_fields());
}
template <class Call>
inline constexpr auto kCallNames = call_names<Call>();

template <class T>
CallValue call_value(const T& value) {
  if constexpr (std::is_same_v<T, CallValue>)
    return value;
  else
    return ConfigCodec<T>::to(value);
}
void add_call_value(CallArgs& args, const char* name, CallValue value);

}  // namespace detail

/// The signature that a struct with `call_fields()` declares, and `inputs` where tensors go by
/// several positions: `static constexpr std::array inputs = {"query", "value"};`.
template <class Call>
CallSignature call_signature_of() {
  if constexpr (requires { Call::inputs; })
    return {Call::inputs, detail::kCallNames<Call>};
  else
    return {kOneInput, detail::kCallNames<Call>};
}

/// The arguments that differ from their defaults.
template <class Call>
CallArgs to_call_args(const Call& call) {
  if constexpr (std::is_same_v<Call, CallArgs>) {
    return call;
  } else {
    CallArgs args;
    const Call defaults = {};
    std::apply(
        [&](const auto&... field) {
          const auto add = [&](const auto& f) {
            using T = typename std::remove_cvref_t<decltype(f)>::value_type;
            if constexpr (!std::is_same_v<T, CallValue>) {
              if (call.*f.member == defaults.*f.member) return;
            }
            detail::add_call_value(args, f.name, detail::call_value(call.*f.member));
          };
          (add(field), ...);
        },
        Call::call_fields());
    return args;
  }
}

/// The call that a graph keeps: arguments with `Argument::symbol(i)` for the i-th of `symbols`.
/// Appends the symbols that stand in named arguments.
Arguments arguments_of(CallForm form, const CallArgs& args, std::vector<Symbol>& symbols);

/// A call as `BaseLayer::apply` takes it.
struct BoundCall {
  std::vector<Tensor> inputs;
  CallArgs args;
};
/// The way back from what a graph keeps, with a tensor for each symbol.
BoundCall bind_call(const Arguments& arguments, Inputs<Tensor> tensors);
/// Moves what is given by name to where it belongs: an input to the inputs, a mask ("mask", or
/// "value_mask" for the input "value") to the masks, `training` to its member. Throws ValueError,
/// naming the layer, for a name that the signature does not have.
void complete_call(const CallSignature& signature, const std::string& label, BoundCall& call);

}  // namespace nyala

#pragma GCC visibility pop
