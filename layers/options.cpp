#include <nyala/layers/options.hpp>

#include <algorithm>

#include <nyala/core/ops.hpp>

namespace nyala {
namespace {

std::string short_text(const Config& config) { return config.str().substr(0, 200); }

std::int64_t product(const Shape& shape, int from) {
  std::int64_t count = 1;
  for (int i = from; i < shape.rank(); ++i) count *= shape[i];
  return count;
}

Config nested_lists(const double* values, const Shape& shape, int axis) {
  if (axis == shape.rank()) return *values;
  Config list = Config::list();
  const std::int64_t step = product(shape, axis + 1);
  for (std::int64_t i = 0; i < shape[axis]; ++i)
    list.push_back(nested_lists(values + i * step, shape, axis + 1));
  return list;
}

void read_nested(const Config& config, int depth, Shape& shape, std::vector<double>& values) {
  if (!config.is_list()) {
    if (depth != shape.rank())
      throw ValueError("received rows of different length, expected an array");
    values.push_back(config.as_double());
    return;
  }
  const Config::List& items = config.as_list();
  const auto size = static_cast<std::int64_t>(items.size());
  if (depth == shape.rank() && values.empty()) {
    if (depth == 32) throw LimitError("received lists nested more than 32 deep");
    shape.push_back(size);
  }
  if (depth >= shape.rank() || shape[depth] != size)
    throw ValueError("received rows of different length, expected an array");
  for (const Config& item : items) read_nested(item, depth + 1, shape, values);
}

}  // namespace

void rename_option(Config& config, const char* from, const char* to) {
  const Config* value = config.find(from);
  if (value == nullptr) return;
  Config kept = *value;
  config.erase(from);
  if (!config.contains(to)) config[to] = std::move(kept);
}

Config ConfigCodec<AxisList>::to(const AxisList& axes) {
  if (!axes.is_list()) return axes.axes().at(0);
  return ConfigCodec<std::vector<int>>::to(axes.axes());
}

AxisList ConfigCodec<AxisList>::from(const Config& config) {
  if (config.is_int()) return AxisList(ConfigCodec<int>::from(config));
  if (!config.is_list())
    throw TypeError("received " + short_text(config) + ", expected an integer or a list of them");
  return AxisList(ConfigCodec<std::vector<int>>::from(config));
}

Numbers::Numbers(const Tensor& values)
    : tensor_(values.defined() ? ops::cast(values, DType::float64).clone() : values) {}

Config ConfigCodec<Numbers>::to(const Numbers& numbers) {
  if (!numbers.given()) return {};
  const Tensor values = numbers.tensor().contiguous();
  return nested_lists(values.data<double>(), values.shape(), 0);
}

Numbers ConfigCodec<Numbers>::from(const Config& config) {
  if (config.is_null()) return {};
  if (config.is_dict()) return from(config.at("config").at("value"));
  Shape shape;
  std::vector<double> values;
  read_nested(config, 0, shape, values);
  return Numbers(Tensor::from(values, shape));
}

Config ConfigCodec<Margin>::to(const Margin& margin) {
  return ConfigCodec<std::vector<int>>::to({margin.before, margin.after});
}

Margin ConfigCodec<Margin>::from(const Config& config) {
  if (config.is_int()) return Margin(ConfigCodec<int>::from(config));
  const std::vector<int> ends = ConfigCodec<std::vector<int>>::from(config);
  if (ends.size() != 2)
    throw ValueError("received " + short_text(config) + ", expected one or two integers");
  return {ends[0], ends[1]};
}

Config detail::margins_to_config(std::span<const Margin> margins) {
  Config list = Config::list();
  for (const Margin& margin : margins) list.push_back(ConfigCodec<Margin>::to(margin));
  return list;
}

void detail::margins_from_config(const Config& config, std::span<Margin> margins) {
  if (config.is_int()) {
    std::fill(margins.begin(), margins.end(), Margin(ConfigCodec<int>::from(config)));
    return;
  }
  const Config::List& items = config.as_list();
  if (items.size() != margins.size())
    throw ValueError("received " + short_text(config) + ", expected one for each of " +
                     std::to_string(margins.size()) + " axes");
  for (std::size_t i = 0; i < items.size(); ++i) margins[i] = ConfigCodec<Margin>::from(items[i]);
}

DataFormat::DataFormat(const std::string& name) : channels_first_(name == "channels_first") {
  if (!channels_first_ && name != "channels_last") {
    throw ValueError("data format \"" + name.substr(0, 200) +
                     "\" is unknown; expected \"channels_last\" or \"channels_first\"");
  }
}

Config ConfigCodec<AxisPair>::to(const AxisPair& axes) {
  if (!axes.is_pair()) return axes.first();
  Config list = Config::list();
  list.push_back(axes.first());
  list.push_back(axes.second());
  return list;
}

AxisPair ConfigCodec<AxisPair>::from(const Config& config) {
  // Python's True is the integer 1.
  if (config.is_bool()) return AxisPair(config.as_bool() ? 1 : 0);
  if (config.is_int()) return AxisPair(ConfigCodec<int>::from(config));
  if (!config.is_list())
    throw TypeError("received " + config.str().substr(0, 200) +
                    ", expected an integer or a pair of them");
  const Config::List& items = config.as_list();
  if (items.size() != 2 || !items[0].is_int() || !items[1].is_int()) {
    throw ValueError("received " + config.str().substr(0, 200) + ", expected two integers");
  }
  return {ConfigCodec<int>::from(items[0]), ConfigCodec<int>::from(items[1])};
}

NYALA_DEFINE_OPTION_TYPE(AlwaysNull)

}  // namespace nyala
