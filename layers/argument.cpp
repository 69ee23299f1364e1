#include <nyala/layers/argument.hpp>

#include <limits>

#include <nyala/core/fields.hpp>
#include <nyala/core/ops.hpp>

namespace nyala {
namespace {

// The elements from `at` on, as lists nested by the axes from `axis` on.
template <class Element>
Config nested(const Shape& shape, int axis, std::int64_t& at, const Element& element) {
  if (axis == shape.rank()) return element(at++);
  Config::List items;
  for (std::int64_t i = 0; i < shape[axis]; ++i)
    items.push_back(nested(shape, axis + 1, at, element));
  return Config(std::move(items));
}

Config numbers_of(const Tensor& tensor) {
  std::int64_t at = 0;
  if (tensor.dtype() == DType::bool_) {
    const Tensor values = ops::cast(tensor, DType::int32).contiguous();
    const auto* data = values.data<std::int32_t>();
    return nested(tensor.shape(), 0, at, [&](std::int64_t i) { return Config(data[i] != 0); });
  }
  if (is_floating(tensor.dtype())) {
    const Tensor values = ops::cast(tensor, DType::float64).contiguous();
    const auto* data = values.data<double>();
    return nested(tensor.shape(), 0, at, [&](std::int64_t i) { return Config(data[i]); });
  }
  const Tensor values = ops::cast(tensor, DType::int64).contiguous();
  const auto* data = values.data<std::int64_t>();
  return nested(tensor.shape(), 0, at, [&](std::int64_t i) { return Config(data[i]); });
}

struct Numbers {
  Shape shape;
  std::vector<double> values;
  bool is_real = false;
  bool is_bool = true;
};

constexpr int kMaxNesting = 16;

void collect(const Config& value, int axis, Numbers& numbers) {
  if (axis > kMaxNesting) throw LimitError("numbers nest too deep");
  if (value.is_list()) {
    const auto size = static_cast<std::int64_t>(value.size());
    if (numbers.values.empty() && axis == numbers.shape.rank()) numbers.shape.push_back(size);
    if (axis >= numbers.shape.rank() || numbers.shape[axis] != size)
      throw ShapeError("received uneven lists " + value.str().substr(0, 80));
    for (const Config& item : value.as_list()) collect(item, axis + 1, numbers);
    return;
  }
  if (!value.is_number() && !value.is_bool())
    throw TypeError("received " + value.str().substr(0, 200) + ", expected a tensor");
  if (axis != numbers.shape.rank())
    throw ShapeError("received uneven lists at " + value.str().substr(0, 80));
  numbers.is_bool = numbers.is_bool && value.is_bool();
  numbers.is_real = numbers.is_real || (value.is_number() && !value.is_int());
  numbers.values.push_back(value.is_bool() ? (value.as_bool() ? 1.0 : 0.0) : value.as_double());
}

}  // namespace

Argument::Argument() noexcept = default;
Argument::Argument(Config value) : value_(std::move(value)) {}
Argument::Argument(List items) : value_(std::move(items)) {}
Argument::Argument(Value value) : value_(std::move(value)) {}
Argument::Argument(const Argument& other) = default;
Argument::Argument(Argument&& other) noexcept = default;
Argument& Argument::operator=(const Argument& other) = default;
Argument& Argument::operator=(Argument&& other) noexcept = default;
Argument::~Argument() = default;

Argument Argument::symbol(std::size_t index) { return Argument(Value(SymbolIndex{index})); }
Argument Argument::tensor(Tensor value, bool is_numpy) {
  return Argument(Value(Constant{std::move(value), is_numpy}));
}

Tensor tensor_from_config(const Config& value) {
  Numbers numbers;
  collect(value, 0, numbers);
  const DType dtype = numbers.values.empty() || numbers.is_real ? floatx()
                      : numbers.is_bool                         ? DType::bool_
                                                                : DType::int32;
  return ops::cast(Tensor::from(numbers.values, numbers.shape), dtype);
}

Argument::List Argument::items() const {
  if (const List* list = std::get_if<List>(&value_)) return *list;
  if (!is_plain() || !plain().is_list()) throw TypeError("received no list where one is expected");
  List items;
  for (const Config& item : plain().as_list()) items.emplace_back(item);
  return items;
}

Config Argument::config() const {
  if (is_plain()) return plain();
  if (is_tensor()) return numbers_of(tensor());
  if (is_symbol()) throw TypeError("received a symbol where a plain value is expected");
  Config::List list;
  for (const Argument& item : std::get<List>(value_)) list.push_back(item.config());
  return Config(std::move(list));
}

Config Argument::record(const std::vector<Config>& symbols) const {
  if (is_plain()) return plain();
  if (is_symbol()) return symbols.at(symbol_index());
  if (const auto* constant = std::get_if<Constant>(&value_)) {
    Config config = Config::dict();
    config["value"] = numbers_of(constant->value);
    config["dtype"] = ConfigCodec<DType>::to(constant->value.dtype());
    Config record = Config::dict();
    record["class_name"] = constant->is_numpy ? "__numpy__" : "__tensor__";
    record["config"] = std::move(config);
    return record;
  }
  Config::List list;
  for (const Argument& item : std::get<List>(value_)) list.push_back(item.record(symbols));
  return Config(std::move(list));
}

const Argument* Arguments::find(std::string_view name) const {
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return nullptr;
}

}  // namespace nyala
