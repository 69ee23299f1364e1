#include <nyala/layers/operation.hpp>

#include <algorithm>

#include <nyala/layers/operation_defs.hpp>

namespace nyala {
namespace {

const OperationDef* find_def(const std::string& class_name) {
  for (const OperationDef& def : operation_defs()) {
    if (def.name == class_name) return &def;
  }
  return nullptr;
}

std::vector<Config> placeholders(std::size_t count) {
  std::vector<Config> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(Operation::symbol_at(i));
  return all;
}

Config number(Scalar value) {
  if (value.is_bool()) return value.integer() != 0;
  if (value.is_real()) return value.real();
  return value.integer();
}

Config replace(const Config& value, const std::vector<Config>& tensors) {
  if (const Config* at = value.find("__symbol__"))
    return tensors[static_cast<std::size_t>(at->as_int())];
  if (!value.is_list()) return value;
  Config list = Config::list();
  for (const Config& item : value.as_list()) list.push_back(replace(item, tensors));
  return list;
}

Config one_option(const char* name, Config value) {
  Config options = Config::dict();
  options[name] = std::move(value);
  return options;
}

Config int_list(const std::vector<int>& values) {
  return ConfigCodec<std::vector<int>>::to(values);
}

Symbol simple(const char* op, const Symbol& x, const Config& options) {
  return call_operation(op, {x}, placeholders(1), options);
}

Symbol joined(const char* op, const std::vector<Symbol>& symbols, int axis) {
  Config args = Config::list();
  args.push_back(placeholders(symbols.size()));
  return call_operation(op, symbols, args, one_option("axis", axis));
}

}  // namespace

Operation::Operation(const OperationDef& def, Config options, Config args, const std::string& name)
    : def_(def), options_(std::move(options)), call_args_(std::move(args)) {
  start(def.name, name, {}, true);
  built_ = true;
}

Config Operation::symbol_at(std::size_t i) {
  return one_option("__symbol__", static_cast<std::int64_t>(i));
}

Tensor Operation::call(Inputs<Tensor> inputs, const CallArgs&) {
  try {
    return def_.run(OperationCall(options_, call_args_, inputs));
  } catch (const IndexError& error) {
    throw IndexError(label() + ": " + error.what());
  } catch (const TypeError& error) {
    throw TypeError(label() + ": " + error.what());
  } catch (const ShapeError& error) {
    throw ShapeError(label() + ": " + error.what());
  } catch (const ValueError& error) {
    throw ValueError(label() + ": " + error.what());
  }
}

Config Operation::get_config() const {
  Config config = one_option("name", name());
  for (const auto& [key, value] : options_.as_dict()) config[key] = value;
  return config;
}

std::string Operation::keras_module() const { return std::string("keras.src.ops.") + def_.module; }

Config Operation::args_with(const std::vector<Config>& tensors) const {
  return replace(call_args_, tensors);
}

bool is_operation_class(const std::string& class_name) { return find_def(class_name) != nullptr; }

Symbol call_operation(const std::string& class_name,
                      const std::vector<Symbol>& symbols,
                      Config args,
                      const Config& options,
                      const Config& kwargs,
                      const std::string& name) {
  const OperationDef* def = find_def(class_name);
  if (def == nullptr)
    throw ValueError("operation \"" + class_name.substr(0, 200) + "\" is unknown");
  for (std::size_t i = args.size(); i < def->parameters.size(); ++i) {
    const Config* value = kwargs.find(def->parameters[i]);
    if (value == nullptr) break;
    args.push_back(*value);
  }
  const auto operation = std::make_shared<Operation>(*def, options, std::move(args), name);
  return operation->apply(symbols, CallForm::positional)[0];
}

namespace detail {

Symbol binary_operation(const char* op, const Symbol& x, const Symbol& y) {
  return call_operation(op, {x, y}, placeholders(2));
}
Symbol binary_operation(const char* op, const Symbol& x, Scalar y) {
  return call_operation(op, {x}, Config::List{Operation::symbol_at(0), number(y)});
}
Symbol binary_operation(const char* op, Scalar x, const Symbol& y) {
  return call_operation(op, {y}, Config::List{number(x), Operation::symbol_at(0)});
}
Symbol unary_operation(const char* op, const Symbol& x) { return simple(op, x, Config::dict()); }
Symbol reduce_operation(const char* op, const Symbol& x, const ReduceArgs& args, bool initial) {
  Config options = Config::dict();
  const std::vector<int>& axes = args.axis.axes();
  options["axis"] = !args.axis.given() ? Config()
                    : axes.size() == 1 ? Config(axes[0])
                                       : int_list(axes);
  options["keepdims"] = args.keepdims;
  if (initial) options["initial"] = Config();
  return simple(op, x, options);
}

}  // namespace detail

namespace ops {

Symbol matmul(const Symbol& x, const Symbol& y) { return detail::binary_operation("Matmul", x, y); }
Symbol where(const Symbol& condition, const Symbol& x, const Symbol& y) {
  return call_operation("Where", {condition, x, y}, placeholders(3));
}
Symbol softmax(const Symbol& x, int axis) { return simple("Softmax", x, one_option("axis", axis)); }
Symbol concatenate(const std::vector<Symbol>& symbols, const FirstAxis& args) {
  return joined("Concatenate", symbols, args.axis);
}
Symbol stack(const std::vector<Symbol>& symbols, const FirstAxis& args) {
  return joined("Stack", symbols, args.axis);
}
Symbol reshape(const Symbol& x, const Shape& shape) {
  return simple(
      "Reshape",
      x,
      one_option("newshape", ConfigCodec<std::vector<std::int64_t>>::to(shape.to_vector())));
}
Symbol transpose(const Symbol& x, const std::vector<int>& axes) {
  return simple("Transpose", x, one_option("axes", axes.empty() ? Config() : int_list(axes)));
}
Symbol expand_dims(const Symbol& x, int axis) {
  return simple("ExpandDims", x, one_option("axis", axis));
}
Symbol squeeze(const Symbol& x, int axis) { return simple("Squeeze", x, one_option("axis", axis)); }
Symbol clip(const Symbol& x, double low, double high) {
  Config options = one_option("x_min", low);
  options["x_max"] = high;
  return simple("Clip", x, options);
}
Symbol cast(const Symbol& x, DTypeLike dtype) {
  return simple("Cast", x, one_option("dtype", ConfigCodec<DType>::to(dtype.value)));
}
Symbol slice(const Symbol& x, const std::vector<Range1>& ranges) {
  Config key = Config::list();
  for (const Range1& range : ranges) {
    Config bounds = Config::dict();
    bounds["start"] = range.start ? Config(*range.start) : Config();
    bounds["stop"] = range.stop ? Config(*range.stop) : Config();
    bounds["step"] = range.step == 1 ? Config() : Config(range.step);
    Config item = one_option("class_name", "__slice__");
    item["config"] = bounds;
    key.push_back(item);
  }
  return call_operation("GetItem", {x}, Config::List{Operation::symbol_at(0), key});
}

}  // namespace ops
}  // namespace nyala
