#include <nyala/models/saving/json_old.hpp>

#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include <nyala/core/error.hpp>
#include <nyala/layers/activations.hpp>
#include <nyala/layers/operation.hpp>

namespace nyala::saving {
namespace {

// A row TF of keras_ops.def.
struct Function {
  const char* name;
  const char* op;
  const char* arguments;
  const char* options;
};

#define TF(name, Class, arguments, options) {name, #Class, arguments, options},
constexpr Function kFunctions[] = {
#include <nyala/layers/keras_ops.def>
};

// Where `word` stands in a list of words, and how: "alpha" in "alpha=slope" gives "slope".
std::optional<std::string> find_word(const char* list, const std::string& word) {
  std::istringstream words(list);
  for (std::string entry; words >> entry;) {
    const std::size_t sign = entry.find('=');
    if (entry.substr(0, sign) == word)
      return sign == std::string::npos ? entry : entry.substr(sign + 1);
  }
  return std::nullopt;
}

void refuse(const std::string& key, const Argument& value, const std::string& function) {
  if (value.is_plain() && (value.is_null() || value.plain() == Config(false))) return;
  throw UnsupportedError("the argument \"" + key.substr(0, 200) + "\" of tf." + function +
                         " is not supported");
}

std::vector<Symbol> call_known(const Function& known,
                               const CallRecord& call,
                               const std::vector<Symbol>& symbols,
                               const std::string& name) {
  Arguments args{call.arguments.positional, {}};
  std::istringstream arguments(known.arguments);
  for (std::string key; arguments >> key;) {
    if (const Argument* value = call.arguments.find(key)) args.positional.push_back(*value);
  }
  Config options = Config::dict();
  for (const auto& [key, value] : call.arguments.named) {
    if (find_word(known.arguments, key)) continue;
    if (const auto ours = find_word(known.options, key))
      options[*ours] = value.config();
    else
      refuse(key, value, known.name);
  }
  const std::string op = known.op;
  const Config* axis = options.find("axis");
  if ((op == "Softmax" || op == "LogSoftmax") && (axis == nullptr || axis->is_null()))
    options["axis"] = -1;
  if (op == "Gelu" && !options.contains("approximate")) options["approximate"] = false;  // as in tf
  return call_operation(op, symbols, std::move(args), options, name);
}

// tf.matmul can transpose its arguments, which takes a node of its own here.
std::vector<Symbol> call_old_matmul(const CallRecord& call,
                                    const std::vector<Symbol>& symbols,
                                    const std::string& name) {
  const auto flag = [&](const char* key) {
    const Argument* value = call.arguments.find(key);
    return value != nullptr && value->is_plain() && value->plain() == Config(true);
  };
  Arguments args{call.arguments.positional, {}};
  if (const Argument* b = call.arguments.find("b")) args.positional.push_back(*b);
  for (const auto& [key, value] : call.arguments.named) {
    if (key != "b" && key != "transpose_a" && key != "transpose_b") refuse(key, value, "matmul");
  }
  if (symbols.size() != 2 || args.positional.size() != 2)
    throw UnsupportedError("tf.matmul of anything but two tensors is not supported");
  std::vector<Symbol> factors = symbols;
  const auto transpose = [&](Symbol& x) {
    std::vector<int> axes;
    for (int i = 0; i < x.shape().rank(); ++i) axes.push_back(i);
    if (axes.size() < 2) throw ShapeError("tf.matmul: received shape " + x.shape().str());
    std::swap(axes[axes.size() - 1], axes[axes.size() - 2]);
    x = ops::transpose(x, axes);
  };
  if (flag("transpose_a")) transpose(factors[0]);
  if (flag("transpose_b")) transpose(factors[1]);
  return call_operation("Matmul", factors, std::move(args), Config::dict(), name);
}

// {"start": 1, "stop": null, "step": null} as Keras 3 writes it; numbers, null and "..." stay.
Config modern_slices(const Arguments& arguments) {
  const Argument* spec = arguments.find("slice_spec");
  if (spec == nullptr || !spec->is_plain() || !spec->is_list())
    throw FormatError("a slice has no list \"slice_spec\"");
  Config slices = Config::list();
  for (const Config& item : spec->plain().as_list()) {
    if (!item.is_dict() || item.contains("class_name")) {
      slices.push_back(item);
      continue;
    }
    Config slice = Config::dict();
    slice["class_name"] = "__slice__";
    slice["config"] = item;
    for (const char* key : {"start", "stop", "step"}) {
      if (!item.contains(key)) throw FormatError("a slice has no \"" + std::string(key) + "\"");
    }
    slices.push_back(slice);
  }
  return slices;
}

}  // namespace

namespace {

void replace_hard_sigmoid(Config& activation) {
  if (activation == Config("hard_sigmoid")) {
    activation = activations::kOldHardSigmoid;
  } else if (const Config* name = activation.is_dict() ? activation.find("config") : nullptr;
             name != nullptr && *name == Config("hard_sigmoid")) {
    activation = activations::kOldHardSigmoid;
  }
}

void keep_activations(Config& value, std::optional<bool> is_old) {
  if (value.is_list()) {
    for (Config& item : value.as_list()) keep_activations(item, is_old);
    return;
  }
  if (!value.is_dict()) return;
  const bool is_record = value.contains("class_name") && value.contains("config");
  for (auto& [key, entry] : value.as_dict()) {
    if (is_record && key == "config" && entry.is_dict() &&
        is_old.value_or(!value.contains("module"))) {
      for (const char* option : {"activation", "recurrent_activation", "inner_activation"}) {
        if (entry.contains(option)) replace_hard_sigmoid(entry[option]);
      }
    }
    keep_activations(entry, is_old);
  }
}

}  // namespace

void keep_old_activations(Config& record) {
  std::optional<bool> is_old;
  if (const Config* version = record.is_dict() ? record.find("keras_version") : nullptr;
      version != nullptr && version->is_string())
    is_old = version->as_string().starts_with("1.") || version->as_string().starts_with("2.");
  keep_activations(record, is_old);
}

bool is_old_operation(const Config& record) {
  const std::string& name = class_name_of(record);
  return name == "TFOpLambda" || name == "SlicingOpLambda";
}

std::vector<Symbol> call_old_operation(const Config& record,
                                       const CallRecord& call,
                                       const std::vector<Symbol>& symbols,
                                       const std::string& name) {
  const Config& function = dict_entry(record, "config").at("function");
  if (function == Config("__operators__.getitem")) {
    Arguments args{call.arguments.positional, {}};
    args.positional.emplace_back(modern_slices(call.arguments));
    return call_operation("GetItem", symbols, std::move(args), Config::dict(), name);
  }
  for (const Function& known : kFunctions) {
    if (!function.is_string() || function.as_string() != known.name) continue;
    if (known.op == std::string("Matmul")) return call_old_matmul(call, symbols, name);
    return call_known(known, call, symbols, name);
  }
  throw UnsupportedError("the function tf." + function.str().substr(0, 200) + " is not supported");
}

}  // namespace nyala::saving
