// The functions of keras_ops.def on symbols.
#include <nyala/core/error.hpp>
#include <nyala/layers/operation_codec.hpp>

namespace nyala {
namespace {

// Writes C++ arguments as the parameters of a call.
class Writer {
 public:
  explicit Writer(const OperationDef& def) : names_(def), values_(def.signature.size()) {}

  template <class... T>
  std::vector<Symbol> call(const T&... arguments) {
    names_.reserve<T...>();
    (write(arguments), ...);
    return finish();
  }

 private:
  template <class T>
  void write(const T& value) {
    if constexpr (ArgsMembers<T>::known) {
      const T usual{};
      std::apply([&](const auto&... member) { (write_member(value, usual, member), ...); },
                 ArgsMembers<T>::all);
    } else if constexpr (std::is_same_v<T, std::pair<int, int>>) {
      if (names_.next_is_axis1()) {
        values_[names_.next()] = Argument(Config(value.first));
        values_[names_.next()] = Argument(Config(value.second));
      } else {
        values_[names_.next()] = argument(value);
      }
    } else {
      values_[names_.next()] = argument(value);
    }
  }

  // An option that Keras's op lacks must be what the op does anyway.
  template <class Args, class T>
  void write_member(const Args& args, const Args& usual, const ArgsMember<Args, T>& member) {
    const T& value = args.*member.member;
    if (const auto i = names_.find(member.name)) {
      values_[*i] = argument(value);
    } else if (argument(value).config() != argument(usual.*member.member).config()) {
      throw UnsupportedError(names_.def().name + ": keras.ops has no argument \"" +
                             std::string(member.name) + "\"");
    }
  }

  Argument argument(const Symbol& symbol) {
    if (!symbol.defined()) return {};
    symbols_.push_back(symbol);
    return Argument::symbol(symbols_.size() - 1);
  }
  static Argument argument(const Tensor& tensor) {
    return tensor.defined() ? Argument::tensor(tensor.clone()) : Argument();
  }
  Argument argument(const Operand& operand) {
    return std::visit([&](const auto& value) { return argument(value); }, operand.value());
  }
  Argument argument(const std::vector<Symbol>& symbols) {
    Argument::List all;
    for (const Symbol& symbol : symbols) all.push_back(argument(symbol));
    return Argument(std::move(all));
  }
  template <class T>
  static Argument argument(const T& value) {
    return Argument(ParameterCodec<T>::to(value));
  }

  std::vector<Symbol> finish() {
    Arguments call;
    Config options = Config::dict();
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const Parameter& parameter = names_.signature()[i];
      if (!values_[i]) values_[i] = Argument(parameter.otherwise.value_or(Config()));
      if (parameter.is_option)
        options[parameter.name] = values_[i]->config();
      else if (parameter.is_keyword)
        call.named.emplace_back(parameter.name, *values_[i]);
      else if (parameter.is_variadic)
        call.positional = values_[i]->items();
      else
        call.positional.push_back(*values_[i]);
    }
    return call_operation(names_.def().name, symbols_, std::move(call), options);
  }

  ParameterNames names_;
  ParameterValues values_;
  std::vector<Symbol> symbols_;
};

template <class Result>
Result as_result(std::vector<Symbol> symbols) {
  if constexpr (std::is_same_v<Result, std::vector<Symbol>>)
    return symbols;
  else if constexpr (std::is_same_v<Result, Symbol>)
    return symbols.at(0);
  else
    return {symbols.at(0), symbols.at(1)};
}

template <class Result, class... T>
Result call(const char* class_name, const T&... arguments) {
  return as_result<Result>(Writer(*find_operation(class_name)).call(arguments...));
}

}  // namespace

namespace ops {

#define NYALA_EACH(...) __VA_ARGS__
#define OR(...)
#define SYMBOL(Class, Result, function, parameters, arguments) \
  Result function parameters { return call<Result>(#Class, NYALA_EACH arguments); }
#define OP(Class, module, signature, Result, function, parameters, arguments) \
  SYMBOL(Class, Result, function, parameters, arguments)
#define NYALA_BINARY(Class, function, X, Y) \
  Symbol function(X x, Y y) { return call<Symbol>(#Class, x, y); }
#define BINARY(Class, function, on_tensors)                   \
  NYALA_BINARY(Class, function, const Symbol&, const Symbol&) \
  NYALA_BINARY(Class, function, const Symbol&, const Tensor&) \
  NYALA_BINARY(Class, function, const Tensor&, const Symbol&) \
  NYALA_BINARY(Class, function, const Symbol&, Scalar)        \
  NYALA_BINARY(Class, function, Scalar, const Symbol&)
#include <nyala/layers/keras_ops.def>
#undef OR
#undef NYALA_EACH
#undef NYALA_BINARY

Symbol slice(const Symbol& x, const std::vector<Range1>& ranges) {
  Config key = Config::list();
  for (const Range1& range : ranges) {
    Config bounds = Config::dict();
    bounds["start"] = range.start ? Config(*range.start) : Config();
    bounds["stop"] = range.stop ? Config(*range.stop) : Config();
    bounds["step"] = range.step == 1 ? Config() : Config(range.step);
    Config item = Config::dict();
    item["class_name"] = "__slice__";
    item["config"] = bounds;
    key.push_back(item);
  }
  return call_operation("GetItem", {x}, {{Argument::symbol(0), Argument(key)}, {}})[0];
}

}  // namespace ops
}  // namespace nyala
