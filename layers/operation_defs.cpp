#include <nyala/layers/operation_defs.hpp>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <unordered_map>

#include <nyala/core/error.hpp>
#include <nyala/layers/operation_functions.hpp>

namespace nyala {
namespace {

Config parse_value(const std::string& text) {
  if (text == "null") return {};
  if (text == "true" || text == "false") return text == "true";
  const char* end = text.data() + text.size();
  std::int64_t whole = 0;
  if (std::from_chars(text.data(), end, whole).ptr == end) return whole;
  double real = 0;
  if (std::from_chars(text.data(), end, real).ptr == end) return real;
  return text;
}

Signature parse_signature(const char* text) {
  Signature signature;
  std::istringstream words(text);
  bool is_option = false, is_keyword = false;
  for (std::string word; words >> word;) {
    if (word == ";") {
      is_option = true;
      continue;
    }
    if (word == "*") {
      is_keyword = true;
      continue;
    }
    Parameter parameter{.is_option = is_option, .is_keyword = is_keyword && !is_option};
    parameter.is_variadic = word[0] == '*';
    parameter.is_ignored = word[0] == '~';
    if (parameter.is_variadic || parameter.is_ignored) word.erase(0, 1);
    if (const std::size_t sign = word.find('='); sign != std::string::npos) {
      parameter.otherwise = parse_value(word.substr(sign + 1));
      word.resize(sign);
    }
    const std::size_t arrow = word.find('>');
    parameter.name = word.substr(0, arrow);
    parameter.field = arrow == std::string::npos ? word : word.substr(arrow + 1);
    signature.push_back(std::move(parameter));
  }
  return signature;
}

// Reads the parameters of a call as C++ arguments.
class Reader {
 public:
  Reader(const OperationDef& def, const ParameterValues& values, Inputs<Tensor> tensors)
      : names_(def), values_(values), tensors_(tensors) {}

  template <class... T>
  std::tuple<T...> read() {
    names_.reserve<T...>();
    std::tuple<T...> arguments{read_one<T>()...};  // braces: from left to right
    check_rest();
    return arguments;
  }

 private:
  template <class T>
  T read_one() {
    if constexpr (ArgsMembers<T>::known) {
      T args{};
      std::apply([&](const auto&... member) { (read_member(args, member), ...); },
                 ArgsMembers<T>::all);
      return args;
    } else if constexpr (std::is_same_v<T, std::pair<int, int>>) {
      if (names_.next_is_axis1()) {
        const int first = value<int>(names_.next());
        return {first, value<int>(names_.next())};
      }
      const std::size_t i = names_.next();
      return is_given(i) ? value<T>(i) : T{0, 1};
    } else {
      return value<T>(names_.next());
    }
  }

  template <class Args, class T>
  void read_member(Args& args, const ArgsMember<Args, T>& member) {
    const auto i = names_.find(member.name);
    if (!i) return;
    constexpr bool may_be_null = requires(T & t) { t.reset(); }
    || std::is_same_v<T, Axes> || std::is_same_v<T, Config>;
    if (is_given(*i) || (may_be_null && values_[*i])) args.*member.member = value<T>(*i);
  }

  // Whether there is a value that is not null.
  bool is_given(std::size_t i) const { return values_[i] && !values_[i]->is_null(); }

  template <class T>
  T value(std::size_t i) const {
    const Parameter& parameter = names_.signature()[i];
    if (!values_[i]) {
      if (parameter.otherwise) return convert<T>(Argument(*parameter.otherwise));
      throw ValueError("the argument \"" + parameter.name + "\" is missing");
    }
    return convert<T>(*values_[i]);
  }

  template <class T>
  T convert(const Argument& argument) const {
    if constexpr (std::is_same_v<T, Tensor>) {
      return tensor(argument);
    } else if constexpr (std::is_same_v<T, std::vector<Tensor>>) {
      std::vector<Tensor> all;
      for (const Argument& item : argument.items()) all.push_back(tensor(item));
      return all;
    } else if constexpr (std::is_same_v<T, TensorOrNumber>) {
      if (argument.is_plain() && !argument.is_list())
        return {{}, ParameterCodec<Scalar>::from(argument.plain())};
      return {tensor(argument), {}};
    } else {
      Config config = argument.config();
      if (const Config* items = config.find("items")) config = Config(*items);  // a tuple
      return ParameterCodec<T>::from(config);
    }
  }

  Tensor tensor(const Argument& argument) const {
    if (argument.is_symbol()) return tensors_[argument.symbol_index()];
    if (argument.is_tensor()) return argument.tensor();
    return tensor_from_config(argument.config());
  }

  // What no C++ parameter stands for must be what the function does anyway.
  void check_rest() const {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const Parameter& parameter = names_.signature()[i];
      if (names_.is_claimed(i) || parameter.is_ignored || !values_[i]) continue;
      const Config value = values_[i]->config();
      if (parameter.otherwise && value == *parameter.otherwise) continue;
      throw UnsupportedError("the argument \"" + parameter.name +
                             "\" = " + value.str().substr(0, 80) + " is not supported");
    }
  }

  ParameterNames names_;
  const ParameterValues& values_;
  Inputs<Tensor> tensors_;
};

std::vector<Tensor> results(Tensor y) { return {std::move(y)}; }
std::vector<Tensor> results(std::vector<Tensor> all) { return all; }
std::vector<Tensor> results(const TopK& top) { return {top.values, top.indices}; }
std::vector<Tensor> results(const Moments& moments) { return {moments.mean, moments.variance}; }

template <class T>
struct Stored {
  using type = std::decay_t<T>;
};
template <>
struct Stored<Inputs<Tensor>> {
  using type = std::vector<Tensor>;
};

// A function on tensors, called with what a call holds.
template <class Function>
struct Runner;
template <class Result, class... P>
struct Runner<Result (*)(P...)> {
  template <Result (*function)(P...)>
  static std::vector<Tensor> run(const OperationDef& def,
                                 const ParameterValues& values,
                                 Inputs<Tensor> tensors) {
    Reader reader(def, values, tensors);
    const auto arguments = reader.read<typename Stored<P>::type...>();
    return std::apply([](const auto&... a) { return results(function(a...)); }, arguments);
  }
};

// The type of a function on tensors, from that of its namesake on symbols.
template <class T>
struct OnTensors {
  using type = T;
};
template <>
struct OnTensors<Symbol> {
  using type = Tensor;
};
template <>
struct OnTensors<std::vector<Symbol>> {
  using type = std::vector<Tensor>;
};
template <>
struct OnTensors<TopKSymbols> {
  using type = TopK;
};
template <>
struct OnTensors<MomentsSymbols> {
  using type = Moments;
};
template <>
struct OnTensors<const Symbol&> {
  using type = const Tensor&;
};
template <>
struct OnTensors<const Operand&> {
  using type = const Tensor&;
};
template <>
struct OnTensors<const std::vector<Symbol>&> {
  using type = Inputs<Tensor>;
};
template <>
struct OnTensors<const AverageSymbolArgs&> {
  using type = const AverageArgs&;
};
template <>
struct OnTensors<const DotProductAttentionSymbolArgs&> {
  using type = const DotProductAttentionArgs&;
};
template <class Result, class... P>
struct OnTensors<Result (*)(P...)> {
  using type = typename OnTensors<Result>::type (*)(typename OnTensors<P>::type...);
};

std::vector<OperationDef> make_defs() {
  std::vector<OperationDef> defs;
  const auto add = [&](const char* name, const char* module, const char* signature, auto run) {
    defs.push_back({name, module, parse_signature(signature), run});
  };
#define OR(...)
#define RUN(Class, module, signature, function) \
  add(#Class,                                   \
      module,                                   \
      signature,                                \
      Runner<decltype(&graph_ops::function)>::template run<&graph_ops::function>);
#define OP(Class, module, signature, Result, function, parameters, arguments)  \
  {                                                                            \
    using Function = OnTensors<Result(*) parameters>::type;                    \
    add(#Class,                                                                \
        module,                                                                \
        signature,                                                             \
        Runner<Function>::template run<static_cast<Function>(ops::function)>); \
  }
#define BINARY(Class, function, on_tensors)                                           \
  add(#Class,                                                                         \
      "numpy",                                                                        \
      "x1 x2",                                                                        \
      Runner<Tensor (*)(const TensorOrNumber&, const TensorOrNumber&)>::template run< \
          graph_ops::binary<ops::on_tensors, ops::on_tensors, ops::on_tensors>>);
#include <nyala/layers/keras_ops.def>
#undef OR
  return defs;
}

[[noreturn]] void refuse(const OperationDef& def, const std::string& name, const char* what) {
  throw ValueError(def.name + ": the argument \"" + name.substr(0, 200) + "\" " + what);
}

}  // namespace

const std::vector<OperationDef>& operation_defs() {
  static const std::vector<OperationDef> defs = make_defs();
  return defs;
}

const OperationDef* find_operation(std::string_view class_name) {
  static const auto by_name = [] {
    std::unordered_map<std::string_view, const OperationDef*> map;
    for (const OperationDef& def : operation_defs()) map.emplace(def.name, &def);
    return map;
  }();
  const auto found = by_name.find(class_name);
  return found == by_name.end() ? nullptr : found->second;
}

ParameterValues bind_parameters(const OperationDef& def,
                                const Config& options,
                                const Arguments& call) {
  const Signature& signature = def.signature;
  ParameterValues values(signature.size());
  std::size_t next = 0;
  for (const Argument& argument : call.positional) {
    while (next < signature.size() && signature[next].is_option) ++next;
    if (next == signature.size())
      throw ValueError(def.name + ": received " + std::to_string(call.positional.size()) +
                       " arguments, which are too many");
    if (signature[next].is_variadic) {
      Argument::List all = values[next] ? values[next]->items() : Argument::List();
      all.push_back(argument);
      values[next] = Argument(std::move(all));
    } else {
      values[next++] = argument;
    }
  }
  const auto give = [&](const std::string& name, const Argument& value, bool is_option) {
    for (std::size_t i = 0; i < signature.size(); ++i) {
      if (signature[i].name != name || signature[i].is_option != is_option) continue;
      if (values[i]) refuse(def, name, "is given twice");
      values[i] = value;
      return;
    }
    if (!value.is_null()) refuse(def, name, "is unknown");
  };
  for (const auto& [name, value] : call.named) give(name, value, false);
  for (const auto& [name, value] : options.as_dict()) give(name, Argument(value), true);
  for (std::size_t i = 0; i < signature.size(); ++i) {
    if (!values[i] && !signature[i].otherwise) refuse(def, signature[i].name, "is missing");
  }
  return values;
}

std::optional<std::size_t> ParameterNames::find(std::string_view field) const {
  for (std::size_t i = 0; i < signature().size(); ++i) {
    if (signature()[i].field == field) return i;
  }
  return std::nullopt;
}

std::size_t ParameterNames::next() {
  for (std::size_t i = 0; i < claimed_.size(); ++i) {
    if (claimed_[i] || signature()[i].is_ignored) continue;
    claimed_[i] = true;
    return i;
  }
  throw StateError(def_.name + ": keras_ops.def names fewer parameters than the function has");
}

bool ParameterNames::next_is_axis1() const {
  for (std::size_t i = 0; i < claimed_.size(); ++i) {
    if (!claimed_[i]) return signature()[i].name == "axis1";
  }
  return false;
}

}  // namespace nyala
