#include <nyala/layers/options.hpp>

namespace nyala {

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

}  // namespace nyala
