#include <nyala/models/saving/json_old.hpp>

#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include <nyala/core/error.hpp>
#include <nyala/layers/operation.hpp>

namespace nyala::saving {
namespace {

// A function below tf, the op that does the same, its arguments behind the first by name and its
// options, as "theirs" or "theirs=ours".
struct Function {
  const char* name;
  const char* op;
  const char* arguments = "";
  const char* options = "";
};

constexpr Function kFunctions[] = {
    {"math.add", "Add", "y"},
    {"__operators__.add", "Add", "y"},
    {"math.subtract", "Subtract", "y"},
    {"__operators__.sub", "Subtract", "y"},
    {"math.multiply", "Multiply", "y"},
    {"__operators__.mul", "Multiply", "y"},
    {"math.truediv", "TrueDivide", "y"},
    {"math.divide", "Divide", "y"},
    {"__operators__.truediv", "TrueDivide", "y"},
    {"math.pow", "Power", "y"},
    {"__operators__.pow", "Power", "y"},
    {"math.maximum", "Maximum", "y"},
    {"math.minimum", "Minimum", "y"},
    {"math.equal", "Equal", "y"},
    {"math.not_equal", "NotEqual", "y"},
    {"math.greater", "Greater", "y"},
    {"math.greater_equal", "GreaterEqual", "y"},
    {"math.less", "Less", "y"},
    {"math.less_equal", "LessEqual", "y"},
    {"math.logical_and", "LogicalAnd", "y"},
    {"math.logical_or", "LogicalOr", "y"},
    {"math.logical_not", "LogicalNot"},
    {"where", "Where", "x y"},
    {"math.negative", "Negative"},
    {"__operators__.neg", "Negative"},
    {"math.abs", "Absolute"},
    {"math.sign", "Sign"},
    {"math.square", "Square"},
    {"math.sqrt", "Sqrt"},
    {"math.rsqrt", "Rsqrt"},
    {"math.exp", "Exp"},
    {"math.log", "Log"},
    {"math.log1p", "Log1p"},
    {"math.sin", "Sin"},
    {"math.cos", "Cos"},
    {"math.erf", "Erf"},
    {"math.tanh", "Tanh"},
    {"math.sigmoid", "Sigmoid"},
    {"math.softplus", "Softplus"},
    {"nn.relu", "Relu"},
    {"nn.relu6", "Relu6"},
    {"nn.elu", "Elu"},
    {"nn.selu", "Selu"},
    {"nn.silu", "Silu"},
    {"nn.gelu", "Gelu", "", "approximate"},
    {"nn.leaky_relu", "LeakyRelu", "", "alpha=negative_slope"},
    {"nn.softmax", "Softmax", "", "axis"},
    {"nn.log_softmax", "LogSoftmax", "", "axis"},
    {"math.reduce_sum", "Sum", "", "axis keepdims"},
    {"math.reduce_mean", "Mean", "", "axis keepdims"},
    {"math.reduce_prod", "Prod", "", "axis keepdims"},
    {"math.reduce_max", "Max", "", "axis keepdims"},
    {"math.reduce_min", "Min", "", "axis keepdims"},
    {"math.reduce_std", "Std", "", "axis keepdims"},
    {"math.reduce_variance", "Var", "", "axis keepdims"},
    {"math.reduce_logsumexp", "Logsumexp", "", "axis keepdims"},
    {"clip_by_value", "Clip", "", "clip_value_min=x_min clip_value_max=x_max"},
    {"cast", "Cast", "", "dtype"},
    {"concat", "Concatenate", "", "axis"},
    {"stack", "Stack", "", "axis"},
    {"reshape", "Reshape", "", "shape=newshape"},
    {"expand_dims", "ExpandDims", "", "axis"},
    {"squeeze", "Squeeze", "", "axis"},
    {"compat.v1.squeeze", "Squeeze", "", "axis"},
    {"compat.v1.transpose", "Transpose", "", "perm=axes"},
    {"linalg.matmul", "Matmul", "b"},
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

void rename(Config& config, const char* from, const char* to) {
  const Config* value = config.find(from);
  if (value == nullptr) return;
  const Config copy = *value;
  config.erase(from);
  if (!config.contains(to)) config[to] = copy;
}

void refuse(const std::string& key, const Config& value, const std::string& function) {
  if (value.is_null() || value == Config(false)) return;
  throw UnsupportedError("the argument \"" + key.substr(0, 200) + "\" of tf." + function +
                         " is not supported");
}

Symbol call_known(const Function& known,
                  const CallRecord& call,
                  const std::vector<Symbol>& symbols,
                  const std::string& name) {
  Config args = call.args;
  std::istringstream arguments(known.arguments);
  for (std::string key; arguments >> key;) {
    if (const Config* value = call.kwargs.find(key.c_str())) args.push_back(*value);
  }
  Config options = Config::dict();
  for (const auto& [key, value] : call.kwargs.as_dict()) {
    if (find_word(known.arguments, key)) continue;
    if (const auto ours = find_word(known.options, key))
      options[*ours] = value;
    else
      refuse(key, value, known.name);
  }
  const std::string op = known.op;
  const Config* axis = options.find("axis");
  if ((op == "Softmax" || op == "LogSoftmax") && (axis == nullptr || axis->is_null()))
    options["axis"] = -1;
  return call_operation(op, symbols, args, options, Config::dict(), name);
}

// tf.matmul can transpose its arguments, which takes a node of its own here.
Symbol call_old_matmul(const CallRecord& call,
                       const std::vector<Symbol>& symbols,
                       const std::string& name) {
  const auto flag = [&](const char* key) {
    const Config* value = call.kwargs.find(key);
    return value != nullptr && *value == Config(true);
  };
  Config args = call.args;
  if (const Config* b = call.kwargs.find("b")) args.push_back(*b);
  for (const auto& [key, value] : call.kwargs.as_dict()) {
    if (key != "b" && key != "transpose_a" && key != "transpose_b") refuse(key, value, "matmul");
  }
  if (symbols.size() != 2 || args.size() != 2)
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
  return call_operation("Matmul", factors, args, Config::dict(), Config::dict(), name);
}

// {"start": 1, "stop": null, "step": null} as Keras 3 writes it; numbers, null and "..." stay.
Config modern_slices(const Config& kwargs) {
  const Config* spec = kwargs.find("slice_spec");
  if (spec == nullptr || !spec->is_list()) throw FormatError("a slice has no list \"slice_spec\"");
  Config slices = Config::list();
  for (const Config& item : spec->as_list()) {
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

Config modern_config(const std::string& class_name, const Config& config) {
  Config modern = config;
  if (class_name == "InputLayer")
    rename(modern, "batch_input_shape", "batch_shape");
  else
    modern.erase("batch_input_shape");
  if (class_name == "LeakyReLU") rename(modern, "alpha", "negative_slope");
  if (class_name == "Embedding") modern.erase("input_length");
  if (class_name == "BatchNormalization") {
    // An axis in a list of its own.
    const Config* axis = modern.find("axis");
    if (axis != nullptr && axis->is_list() && axis->size() == 1) {
      const Config only = axis->as_list()[0];
      modern["axis"] = only;
    }
  }
  return modern;
}

bool is_old_operation(const Config& record) {
  const std::string& name = class_name_of(record);
  return name == "TFOpLambda" || name == "SlicingOpLambda";
}

Symbol call_old_operation(const Config& record,
                          const CallRecord& call,
                          const std::vector<Symbol>& symbols,
                          const std::string& name) {
  const Config& function = dict_entry(record, "config").at("function");
  if (function == Config("__operators__.getitem")) {
    Config args = call.args;
    args.push_back(modern_slices(call.kwargs));
    return call_operation("GetItem", symbols, args, Config::dict(), Config::dict(), name);
  }
  for (const Function& known : kFunctions) {
    if (!function.is_string() || function.as_string() != known.name) continue;
    if (known.op == std::string("Matmul")) return call_old_matmul(call, symbols, name);
    return call_known(known, call, symbols, name);
  }
  throw UnsupportedError("the function tf." + function.str().substr(0, 200) + " is not supported");
}

}  // namespace nyala::saving
