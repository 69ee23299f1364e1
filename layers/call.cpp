#include <nyala/layers/call.hpp>

#include <algorithm>

#include <nyala/core/error.hpp>

namespace nyala {

CallValue::CallValue() noexcept = default;
CallValue::CallValue(std::nullptr_t) noexcept {}
CallValue::CallValue(const CallValue& other) = default;
CallValue::CallValue(CallValue&& other) noexcept = default;
CallValue& CallValue::operator=(const CallValue& other) = default;
CallValue& CallValue::operator=(CallValue&& other) noexcept = default;
CallValue::~CallValue() = default;

CallValue::CallValue(std::initializer_list<CallValue> items) : value_(List(items)) {}
CallValue::CallValue(List items) : value_(std::move(items)) {}
CallValue::CallValue(const std::vector<Tensor>& tensors)
    : CallValue(List(tensors.begin(), tensors.end())) {}
CallValue::CallValue(const std::vector<Symbol>& symbols)
    : CallValue(List(symbols.begin(), symbols.end())) {}
CallValue::CallValue(Tensor tensor) {
  if (tensor.defined()) value_ = std::move(tensor);
}
CallValue::CallValue(Symbol symbol) {
  if (symbol.defined()) value_ = std::move(symbol);
}
CallValue::CallValue(Config value) {
  if (!value.is_list()) {
    value_ = std::move(value);
    return;
  }
  List items;
  for (Config& item : value.as_list()) items.push_back(CallValue(std::move(item)));
  value_ = std::move(items);
}

bool CallValue::holds_tensor() const {
  if (is_list()) {
    return std::any_of(
        items().begin(), items().end(), [](const CallValue& v) { return v.holds_tensor(); });
  }
  return is_tensor() || is_symbol();
}

namespace {

[[noreturn]] void throw_no_tensor(std::string_view name) {
  throw ValueError("the argument \"" + std::string(name) + "\" is no tensor");
}

void append_tensors(const CallValue& value, std::string_view name, std::vector<Tensor>& to) {
  if (value.is_list()) {
    for (const CallValue& item : value.items()) append_tensors(item, name, to);
  } else if (value.is_tensor()) {
    to.push_back(value.tensor());
  } else {
    throw_no_tensor(name);
  }
}

Argument argument_of(const CallValue& value, std::vector<Symbol>& symbols) {
  if (value.is_symbol()) {
    symbols.push_back(value.symbol());
    return Argument::symbol(symbols.size() - 1);
  }
  if (value.is_tensor()) return Argument::tensor(value.tensor(), false);
  if (value.is_plain()) return value.plain();
  Argument::List items;
  for (const CallValue& item : value.items()) items.push_back(argument_of(item, symbols));
  return Argument(std::move(items));
}

CallValue value_of(const Argument& argument, Inputs<Tensor> tensors) {
  if (argument.is_symbol()) return tensors[argument.symbol_index()];
  if (argument.is_tensor()) return argument.tensor();
  if (!argument.is_list()) return argument.plain();
  CallValue::List items;
  for (const Argument& item : argument.items()) items.push_back(value_of(item, tensors));
  return CallValue(std::move(items));
}

// A mask for each input from what is given for `mask`: one, or a list with None in it.
std::vector<Tensor> masks_of(const CallValue& value) {
  const auto mask_of = [](const CallValue& item) {
    if (item.is_none()) return Tensor();
    if (!item.is_tensor()) throw_no_tensor("mask");
    return item.tensor();
  };
  if (!value.is_list()) return {mask_of(value)};
  std::vector<Tensor> masks;
  for (const CallValue& item : value.items()) masks.push_back(mask_of(item));
  const bool none =
      std::all_of(masks.begin(), masks.end(), [](const Tensor& m) { return !m.defined(); });
  return none ? std::vector<Tensor>() : masks;
}

// Which input a name such as "value_mask" is the mask of.
std::optional<std::size_t> masked_input(const CallSignature& signature, std::string_view name) {
  constexpr std::string_view kEnd = "_mask";
  if (signature.inputs.size() < 2 || !name.ends_with(kEnd)) return std::nullopt;
  name.remove_suffix(kEnd.size());
  return signature.input(name);
}

// The inputs that are given by name, behind those given by position.
void move_inputs(const CallSignature& signature, const std::string& label, BoundCall& call) {
  for (std::size_t i = call.inputs.size(); i < signature.inputs.size(); ++i) {
    const CallValue* value = call.args.find(signature.inputs[i]);
    if (value == nullptr) continue;
    if (call.inputs.size() != i) {
      throw ValueError(label + " received \"" + signature.inputs[i] + "\" without \"" +
                       signature.inputs[call.inputs.size()] + "\"");
    }
    append_tensors(*value, signature.inputs[i], call.inputs);
    if (call.inputs.size() > signature.inputs.size()) break;  // one name for a list
  }
}

}  // namespace

const CallValue* CallArgs::find(std::string_view name) const {
  for (const auto& [key, value] : named) {
    if (key == name) return value.is_none() ? nullptr : &value;
  }
  return nullptr;
}

Tensor CallArgs::tensor(std::string_view name) const {
  const CallValue* value = find(name);
  if (value == nullptr) return {};
  if (!value->is_tensor()) throw_no_tensor(name);
  return value->tensor();
}

std::vector<Tensor> CallArgs::tensors(std::string_view name) const {
  std::vector<Tensor> all;
  if (const CallValue* value = find(name)) append_tensors(*value, name, all);
  return all;
}

bool CallArgs::flag(std::string_view name) const {
  const CallValue* value = find(name);
  if (value == nullptr) return false;
  if (!value->is_plain() || !value->plain().is_bool())
    throw ValueError("the argument \"" + std::string(name) + "\" is neither true nor false");
  return value->plain().as_bool();
}

bool CallSignature::has_named(std::string_view name) const {
  return std::any_of(named.begin(), named.end(), [&](const char* known) { return name == known; });
}

std::optional<std::size_t> CallSignature::input(std::string_view name) const {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (name == inputs[i]) return i;
  }
  return std::nullopt;
}

void detail::add_call_value(CallArgs& args, const char* name, CallValue value) {
  if (!value.is_none()) args.named.emplace_back(name, std::move(value));
}

Arguments arguments_of(CallForm form, const CallArgs& args, std::vector<Symbol>& symbols) {
  Arguments arguments;
  Argument::List tensors;
  for (std::size_t i = 0; i < symbols.size(); ++i) tensors.push_back(Argument::symbol(i));
  if (form == CallForm::list)
    arguments.positional.emplace_back(std::move(tensors));
  else
    arguments.positional = std::move(tensors);
  if (args.training) arguments.named.emplace_back("training", Config(*args.training));
  if (args.mask.size() == 1 && form != CallForm::list)
    arguments.named.emplace_back("mask", argument_of(args.mask[0], symbols));
  else if (!args.mask.empty())
    arguments.named.emplace_back("mask", argument_of(args.mask, symbols));
  for (const auto& [name, value] : args.named)
    arguments.named.emplace_back(name, argument_of(value, symbols));
  return arguments;
}

BoundCall bind_call(const Arguments& arguments, Inputs<Tensor> tensors) {
  BoundCall call;
  for (const Argument& argument : arguments.positional)
    append_tensors(value_of(argument, tensors), "inputs", call.inputs);
  for (const auto& [name, argument] : arguments.named)
    call.args.named.emplace_back(name, value_of(argument, tensors));
  return call;
}

void complete_call(const CallSignature& signature, const std::string& label, BoundCall& call) {
  if (call.args.named.empty()) return;
  move_inputs(signature, label, call);
  CallArgs::Named rest;
  for (auto& [name, value] : call.args.named) {
    if (signature.input(name)) continue;
    if (name == "mask") {
      if (!value.is_none()) call.args.mask = masks_of(value);
    } else if (name == "training") {
      if (!value.is_none()) call.args.training = call.args.flag(name);
    } else if (const auto input = masked_input(signature, name)) {
      for (std::size_t i = call.args.mask.size(); i < call.inputs.size(); ++i)
        call.args.mask.push_back(call.inputs[i].mask());
      if (*input < call.args.mask.size() && !value.is_none())
        call.args.mask[*input] = masks_of(value)[0];
    } else if (signature.has_named(name)) {
      rest.emplace_back(name, std::move(value));
    } else if (!value.is_none()) {
      throw ValueError(label + " has no call argument \"" + name.substr(0, 200) + "\"");
    }
  }
  call.args.named = std::move(rest);
}

}  // namespace nyala
