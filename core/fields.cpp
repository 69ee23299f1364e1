#include <nyala/core/fields.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <sstream>

namespace nyala {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string Range::str() const {
  std::ostringstream text;
  text << (open_min ? '(' : '[') << min << ", " << max << (open_max ? ')' : ']');
  return text.str();
}

Config ConfigCodec<Shape>::to(const Shape& shape) {
  Config list = Config::list();
  for (std::int64_t size : shape) list.push_back(size < 0 ? Config() : Config(size));
  return list;
}

Shape ConfigCodec<Shape>::from(const Config& config) {
  std::vector<std::int64_t> sizes;
  for (const Config& item : config.as_list()) {
    const std::int64_t size = item.is_null() ? None : item.as_int();
    if (!item.is_null() && size < 0)
      throw ValueError("received size " + std::to_string(size) + " in a shape, expected 0 or more");
    sizes.push_back(size);
  }
  if (sizes.size() > 32)
    throw LimitError("received a shape of rank " + std::to_string(sizes.size()) +
                     ", expected 32 at most");
  return Shape(sizes);
}

namespace detail {

void throw_range(const std::string& who, const char* name, double value, const Range& range) {
  std::ostringstream text;
  text << who << ": received " << name << " = " << value << ", expected a number";
  if (std::isfinite(range.min) || std::isfinite(range.max)) text << " in " << range.str();
  throw ValueError(text.str());
}

namespace {

std::string suggestion(const std::string& name, const std::vector<std::string>& known) {
  const auto nearest =
      std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
        return edit_distance(name, a) < edit_distance(name, b);
      });
  return nearest == known.end() ? "" : "; did you mean \"" + *nearest + "\"?";
}

}  // namespace

void throw_unknown_key(const std::string& who,
                       const std::string& key,
                       const std::vector<std::string>& known) {
  throw ValueError(who + ": option \"" + key.substr(0, 200) + "\" is unknown" +
                   suggestion(key, known));
}

void throw_unknown_name(const std::string& kind,
                        const std::string& name,
                        const std::vector<std::string>& known) {
  throw ValueError(kind + " \"" + name.substr(0, 200) + "\" is unknown" + suggestion(name, known));
}

void check_options(const std::string& who, Options options, const void* args) {
  for (const Option& option : options)
    option.type().check(who, option.name, option.in(args), option.range);
}

void options_to_config(Options options, const void* args, Config& config) {
  for (const Option& option : options) {
    const void* value = option.in(args);
    if (!option.type().omit(value)) config[option.name] = option.type().to(value);
  }
}

void options_from_config(const std::string& who,
                         Options options,
                         const Config& config,
                         void* args) {
  for (const Option& option : options) {
    void* to = option.member(args);
    const Config* value = config.find(option.name);
    if (value == nullptr) {
      if (option.type().is_missing(to))
        throw ValueError(who + ": option \"" + option.name + "\" is missing");
      continue;
    }
    try {
      option.type().from(*value, to);
    } catch (const Error& error) {
      throw ValueError(who + ": option \"" + option.name + "\" " + error.what());
    }
  }
}

std::vector<std::string> option_names(Options options) {
  std::vector<std::string> names;
  for (const Option& option : options) names.emplace_back(option.name);
  return names;
}

}  // namespace detail

void check_keys(const std::string& who,
                const Config& config,
                const std::vector<std::string>& known) {
  for (const auto& [key, value] : config.as_dict()) {
    if (std::find(known.begin(), known.end(), key) == known.end())
      detail::throw_unknown_key(who, key, known);
  }
}

NYALA_DEFINE_OPTION_TYPE(bool)
NYALA_DEFINE_OPTION_TYPE(int)
NYALA_DEFINE_OPTION_TYPE(double)
NYALA_DEFINE_OPTION_TYPE(std::string)
NYALA_DEFINE_OPTION_TYPE(std::optional<int>)
NYALA_DEFINE_OPTION_TYPE(std::optional<double>)
NYALA_DEFINE_OPTION_TYPE(std::optional<DTypeLike>)
NYALA_DEFINE_OPTION_TYPE(Required<int>)
NYALA_DEFINE_OPTION_TYPE(Required<double>)

}  // namespace nyala
