#include <nyala/models/saving/json_old.hpp>

#include <array>

#include <nyala/core/error.hpp>
#include <nyala/layers/operation.hpp>

namespace nyala::saving {
namespace {

struct Function {
  const char* name;  // below tf
  const char* op;
  const char* second;  // the name of the second argument
};

constexpr std::array<Function, 27> kFunctions = {{
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
    {"linalg.matmul", "Matmul", "b"},
    {"math.negative", "Negative", nullptr},
    {"__operators__.neg", "Negative", nullptr},
    {"math.abs", "Absolute", nullptr},
    {"math.square", "Square", nullptr},
    {"math.sqrt", "Sqrt", nullptr},
    {"math.rsqrt", "Rsqrt", nullptr},
    {"math.exp", "Exp", nullptr},
    {"math.log", "Log", nullptr},
    {"math.tanh", "Tanh", nullptr},
    {"math.sigmoid", "Sigmoid", nullptr},
    {"nn.relu", "Relu", nullptr},
    {"nn.silu", "Silu", nullptr},
    {"math.softplus", "Softplus", nullptr},
}};

void rename(Config& config, const char* from, const char* to) {
  const Config* value = config.find(from);
  if (value == nullptr) return;
  const Config copy = *value;
  config.erase(from);
  if (!config.contains(to)) config[to] = copy;
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
  for (const Function& known : kFunctions) {
    if (!function.is_string() || function.as_string() != known.name) continue;
    Config args = call.args;
    for (const auto& [key, value] : call.kwargs.as_dict()) {
      if (known.second != nullptr && key == known.second) {
        args.push_back(value);
      } else if (!value.is_null() && value != Config(false)) {
        throw UnsupportedError("the argument \"" + key.substr(0, 200) + "\" of tf." + known.name +
                               " is not supported");
      }
    }
    return call_operation(known.op, symbols, args, Config::dict(), Config::dict(), name);
  }
  throw UnsupportedError("the function tf." + function.str().substr(0, 200) + " is not supported");
}

}  // namespace nyala::saving
