#include <nyala/layers/operation_defs.hpp>

#include <limits>

#include <nyala/core/error.hpp>

namespace nyala {
namespace {

constexpr const char* kPlaceholder = "__symbol__";

bool is_placeholder(const Config& value) { return value.contains(kPlaceholder); }

template <Tensor (*F)(const Tensor&)>
Tensor unary(const OperationCall& call) {
  return F(call.tensor(0));
}

template <Tensor (*TT)(const Tensor&, const Tensor&),
          Tensor (*TS)(const Tensor&, Scalar),
          Tensor (*ST)(Scalar, const Tensor&)>
Tensor binary(const OperationCall& call) {
  if (!call.is_tensor(0)) return ST(call.scalar(0), call.tensor(1));
  if (!call.is_tensor(1)) return TS(call.tensor(0), call.scalar(1));
  return TT(call.tensor(0), call.tensor(1));
}

template <Tensor (*F)(const Tensor&, const ReduceArgs&)>
Tensor reduce(const OperationCall& call) {
  if (!call.option("initial").is_null() || !call.option("dtype").is_null())
    throw UnsupportedError("a reduction with `initial` or `dtype` is not supported");
  return F(call.tensor(0), {.axis = call.axes(), .keepdims = call.flag("keepdims")});
}

template <Tensor (*F)(const Tensor&, const ArgReduceArgs&)>
Tensor arg_reduce(const OperationCall& call) {
  std::optional<int> axis;
  if (const Config given = call.option("axis"); given.is_int())
    axis = ConfigCodec<int>::from(given);
  return F(call.tensor(0), {.axis = axis, .keepdims = call.flag("keepdims")});
}

template <Tensor (*F)(const Tensor&, const SoftmaxArgs&)>
Tensor softmax(const OperationCall& call) {
  return F(call.tensor(0), {.axis = call.axes()});
}

Tensor where(const OperationCall& call) {
  const Tensor condition = call.tensor(0);
  if (!call.is_tensor(1)) return ops::where(condition, call.scalar(1), call.tensor(2));
  if (!call.is_tensor(2)) return ops::where(condition, call.tensor(1), call.scalar(2));
  return ops::where(condition, call.tensor(1), call.tensor(2));
}

Tensor reshape(const OperationCall& call) {
  return ops::reshape(call.tensor(0), Shape(call.sizes("newshape")));
}

Tensor transpose(const OperationCall& call) {
  std::vector<int> axes;
  for (std::int64_t axis : call.sizes("axes")) axes.push_back(static_cast<int>(axis));
  return ops::transpose(call.tensor(0), axes);
}

Tensor clip(const OperationCall& call) {
  return ops::clip(call.tensor(0), call.real_option("x_min", 0), call.real_option("x_max", 0));
}

Tensor gelu(const OperationCall& call) {
  return ops::gelu(call.tensor(0), call.flag("approximate"));
}

Tensor cast(const OperationCall& call) {
  return ops::cast(call.tensor(0), dtype_from_name(call.option("dtype").as_string()));
}

Tensor repeat(const OperationCall& call) {
  if (!call.option("repeats").is_int() || !call.option("axis").is_int())
    throw UnsupportedError("Repeat is supported with one number and one axis");
  return ops::repeat(
      call.tensor(0), call.option("repeats").as_int(), {.axis = call.int_option("axis", 0)});
}

std::vector<OperationDef> make_defs() {
  std::vector<OperationDef> defs;
  const std::vector<const char*> x = {"x"};
  const std::vector<const char*> x1_x2 = {"x1", "x2"};
#define BINARY(Name, f) defs.push_back({#Name, "numpy", binary<ops::f, ops::f, ops::f>, x1_x2})
#define UNARY(Name, module, f) defs.push_back({#Name, module, unary<ops::f>, x})
#define REDUCE(Name, module, f) defs.push_back({#Name, module, reduce<ops::f>, x})
#define OTHER(Name, module, ...) \
  defs.push_back({#Name, module, [](const OperationCall& call) -> Tensor { __VA_ARGS__ }, x})
  BINARY(Add, add);
  BINARY(Subtract, subtract);
  BINARY(Multiply, multiply);
  BINARY(Divide, divide);
  BINARY(TrueDivide, divide);
  BINARY(FloorDivide, floor_divide);
  BINARY(Mod, mod);
  BINARY(Power, power);
  BINARY(Maximum, maximum);
  BINARY(Minimum, minimum);
  BINARY(Arctan2, arctan2);
  BINARY(Equal, equal);
  BINARY(NotEqual, not_equal);
  BINARY(Less, less);
  BINARY(LessEqual, less_equal);
  BINARY(Greater, greater);
  BINARY(GreaterEqual, greater_equal);
  BINARY(LogicalAnd, logical_and);
  BINARY(LogicalOr, logical_or);
  BINARY(LogicalXor, logical_xor);
  UNARY(Negative, "numpy", negative);
  UNARY(Absolute, "numpy", abs);
  UNARY(Abs, "numpy", abs);
  UNARY(Sign, "numpy", sign);
  UNARY(Square, "numpy", square);
  UNARY(Sqrt, "numpy", sqrt);
  UNARY(Rsqrt, "math", rsqrt);
  UNARY(Reciprocal, "numpy", reciprocal);
  UNARY(Exp, "numpy", exp);
  UNARY(Expm1, "numpy", expm1);
  UNARY(Log, "numpy", log);
  UNARY(Log1p, "numpy", log1p);
  UNARY(Sin, "numpy", sin);
  UNARY(Cos, "numpy", cos);
  UNARY(Tan, "numpy", tan);
  UNARY(Tanh, "numpy", tanh);
  UNARY(Floor, "numpy", floor);
  UNARY(Ceil, "numpy", ceil);
  UNARY(LogicalNot, "numpy", logical_not);
  UNARY(Erf, "math", erf);
  UNARY(Sigmoid, "nn", sigmoid);
  UNARY(Softplus, "nn", softplus);
  UNARY(Relu, "nn", relu);
  UNARY(Relu6, "nn", relu6);
  UNARY(Silu, "nn", silu);
  UNARY(Selu, "nn", selu);
  UNARY(HardSigmoid, "nn", hard_sigmoid);
  UNARY(StopGradient, "core", stop_gradient);
  REDUCE(Sum, "numpy", sum);
  REDUCE(Mean, "numpy", mean);
  REDUCE(Prod, "numpy", prod);
  REDUCE(Max, "numpy", max);
  REDUCE(Min, "numpy", min);
  REDUCE(Any, "numpy", any);
  REDUCE(All, "numpy", all);
  REDUCE(Var, "numpy", var);
  REDUCE(Std, "numpy", std);
  REDUCE(Logsumexp, "math", logsumexp);
  defs.push_back({"Argmax", "numpy", arg_reduce<ops::argmax>, x});
  defs.push_back({"Argmin", "numpy", arg_reduce<ops::argmin>, x});
  defs.push_back({"Softmax", "nn", softmax<ops::softmax>, x});
  defs.push_back({"LogSoftmax", "nn", softmax<ops::log_softmax>, x});
  defs.push_back({"Where", "numpy", where, {"condition", "x1", "x2"}});
  defs.push_back({"Reshape", "numpy", reshape, x});
  defs.push_back({"Transpose", "numpy", transpose, x});
  defs.push_back({"Clip", "numpy", clip, x});
  defs.push_back({"Gelu", "nn", gelu, x});
  defs.push_back({"Cast", "core", cast, x});
  defs.push_back({"Repeat", "numpy", repeat, x});
  OTHER(LeakyRelu,
        "nn",
        return ops::leaky_relu(call.tensor(0), call.real_option("negative_slope", 0.2)););
  OTHER(Elu, "nn", return ops::elu(call.tensor(0), call.real_option("alpha", 1)););
  OTHER(Matmul, "numpy", return ops::matmul(call.tensor(0), call.tensor(1)););
  OTHER(Concatenate,
        "numpy",
        return ops::concatenate(call.tensors(0), {.axis = call.int_option("axis", 0)}););
  OTHER(Stack, "numpy", return ops::stack(call.tensors(0), {.axis = call.int_option("axis", 0)}););
  OTHER(ExpandDims, "numpy", return ops::expand_dims(call.tensor(0), call.int_option("axis", 0)););
  OTHER(Squeeze, "numpy", return ops::squeeze(call.tensor(0), call.axes()););
  OTHER(Flip, "numpy", return ops::flip(call.tensor(0), call.axes()););
  OTHER(Tile, "numpy", return ops::tile(call.tensor(0), call.sizes("repeats")););
  OTHER(
      BroadcastTo, "numpy", return ops::broadcast_to(call.tensor(0), Shape(call.sizes("shape"))););
  OTHER(Einsum, "numpy", return ops::einsum(call.option("subscripts").as_string(), call.all()););
  OTHER(GetItem, "numpy", return get_item(call.tensor(0), call.arg(1)););
#undef BINARY
#undef UNARY
#undef REDUCE
#undef OTHER
  return defs;
}

}  // namespace

const std::vector<OperationDef>& operation_defs() {
  static const std::vector<OperationDef> defs = make_defs();
  return defs;
}

const Config& OperationCall::arg(std::size_t i) const {
  if (i < args_.size()) return args_[i];
  throw ValueError("argument " + std::to_string(i) + " is missing");
}

bool OperationCall::is_tensor(std::size_t i) const { return is_placeholder(arg(i)); }

Tensor OperationCall::at(const Config& placeholder) const {
  if (!is_placeholder(placeholder))
    throw TypeError("received " + placeholder.str().substr(0, 200) + ", expected a tensor");
  return tensors_[static_cast<std::size_t>(placeholder.at(kPlaceholder).as_int())];
}

Tensor OperationCall::tensor(std::size_t i) const { return at(arg(i)); }

std::vector<Tensor> OperationCall::tensors(std::size_t i) const {
  std::vector<Tensor> all;
  for (const Config& item : arg(i).as_list()) all.push_back(at(item));
  return all;
}

Scalar OperationCall::scalar(std::size_t i) const {
  const Config& value = arg(i);
  if (value.is_bool()) return value.as_bool();
  if (value.is_int()) return value.as_int();
  return value.as_double();
}

Config OperationCall::option(const char* name) const {
  const Config* value = options_.find(name);
  return value == nullptr ? Config() : *value;
}

int OperationCall::int_option(const char* name, int otherwise) const {
  const Config value = option(name);
  return value.is_null() ? otherwise : ConfigCodec<int>::from(value);
}

double OperationCall::real_option(const char* name, double otherwise) const {
  const Config value = option(name);
  return value.is_null() ? otherwise : value.as_double();
}

bool OperationCall::flag(const char* name) const {
  const Config value = option(name);
  return !value.is_null() && value.as_bool();
}

Axes OperationCall::axes() const {
  const Config value = option("axis");
  if (value.is_null()) return {};
  if (value.is_int()) return ConfigCodec<int>::from(value);
  return ConfigCodec<std::vector<int>>::from(value);
}

std::vector<std::int64_t> OperationCall::sizes(const char* name) const {
  const Config value = option(name);
  if (value.is_null()) return {};
  if (value.is_int()) return {value.as_int()};
  return ConfigCodec<std::vector<std::int64_t>>::from(value);
}

namespace {

std::optional<std::int64_t> bound(const Config& slice, const char* name) {
  const Config& value = slice.at("config").at(name);
  if (value.is_null()) return std::nullopt;
  return value.as_int();
}

bool is_class(const Config& key, const char* name) {
  const Config* found = key.find("class_name");
  return found != nullptr && found->is_string() && found->as_string() == name;
}

}  // namespace

Tensor get_item(const Tensor& x, const Config& key) {
  const Config::List keys = key.is_list() ? key.as_list() : Config::List{key};
  int given = 0;
  for (const Config& item : keys) given += !item.is_null() && !is_class(item, "__ellipsis__");
  if (given > x.rank()) {
    throw IndexError("received " + std::to_string(given) + " indices for shape " + x.shape().str());
  }
  std::vector<ops::Range1> ranges;
  std::vector<int> dropped;   // axes of x that an integer takes away
  std::vector<int> inserted;  // axes of the result that None adds
  int result_axis = 0;
  for (const Config& item : keys) {
    if (item.is_null()) {
      inserted.push_back(result_axis++);
    } else if (is_class(item, "__ellipsis__")) {
      for (int i = given; i < x.rank(); ++i, ++result_axis) ranges.emplace_back();
    } else if (is_class(item, "__slice__")) {
      ranges.push_back(
          {bound(item, "start"), bound(item, "stop"), bound(item, "step").value_or(1)});
      ++result_axis;
    } else if (item.is_int()) {
      const std::int64_t index = item.as_int();
      if (index == std::numeric_limits<std::int64_t>::max())
        throw IndexError("index " + std::to_string(index) + " is out of bounds");
      const std::int64_t size = x.shape()[static_cast<int>(ranges.size())];
      if (size != None && (index >= size || index < -size)) {
        throw IndexError("index " + std::to_string(index) + " is out of bounds for shape " +
                         x.shape().str());
      }
      dropped.push_back(static_cast<int>(ranges.size()));
      ranges.push_back({index, index == -1 ? std::nullopt : std::optional(index + 1)});
    } else {
      throw UnsupportedError("indexing by " + item.str().substr(0, 200) + " is not supported");
    }
  }
  Tensor y = ops::slice(x, ranges);
  if (!dropped.empty()) y = ops::squeeze(y, dropped);
  for (int axis : inserted) y = ops::expand_dims(y, axis);
  return y;
}

}  // namespace nyala
