#include <nyala/models/saving/json_text.hpp>

#include <charconv>
#include <cmath>
#include <unordered_set>

#include <nlohmann/json.hpp>

#include <nyala/core/error.hpp>

namespace nyala::saving {
namespace {

void write_unicode(std::string& text, std::uint32_t code) {
  char escape[16];
  if (code >= 0x10000) {
    code -= 0x10000;
    std::snprintf(
        escape, sizeof escape, "\\u%04x\\u%04x", 0xd800 + (code >> 10), 0xdc00 + (code & 0x3ffU));
  } else {
    std::snprintf(escape, sizeof escape, "\\u%04x", code);
  }
  text += escape;
}

// The character of UTF-8 that begins at `at`, which moves behind it; a byte that is none stands for
// itself.
std::uint32_t next_code(const std::string& value, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(value[i]); };
  const std::uint32_t first = byte(at++);
  int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
  if (more == 0) return first;
  std::uint32_t code = first & (0x3fU >> more);
  for (; more > 0 && at < value.size() && (byte(at) & 0xc0U) == 0x80U; --more)
    code = (code << 6) | (byte(at++) & 0x3fU);
  return code;
}

void write_string(std::string& text, const std::string& value) {
  text += '"';
  for (std::size_t at = 0; at < value.size();) {
    const std::uint32_t code = next_code(value, at);
    switch (code) {
      case '"': text += "\\\""; break;
      case '\\': text += "\\\\"; break;
      case '\n': text += "\\n"; break;
      case '\r': text += "\\r"; break;
      case '\t': text += "\\t"; break;
      case '\b': text += "\\b"; break;
      case '\f': text += "\\f"; break;
      default:
        if (code >= 0x20 && code < 0x7f)
          text += static_cast<char>(code);
        else
          write_unicode(text, code);
    }
  }
  text += '"';
}

// Python's repr: the shortest digits that read back as the same number.
std::string repr(double value) {
  if (!std::isfinite(value))
    throw ValueError("JSON has no number for infinity and NaN, received " + std::to_string(value));
  const double size = std::fabs(value);
  const bool plain = value == 0 || (size >= 1e-4 && size < 1e16);
  char digits[512];
  const auto end = std::to_chars(digits,
                                 digits + sizeof digits,
                                 value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(digits, end.ptr);
  if (plain && text.find('.') == std::string::npos) text += ".0";
  return text;
}

void write(std::string& text, const Config& value) {
  if (value.is_null()) {
    text += "null";
  } else if (value.is_bool()) {
    text += value.as_bool() ? "true" : "false";
  } else if (value.is_int()) {
    text += std::to_string(value.as_int());
  } else if (value.is_number()) {
    text += repr(value.as_double());
  } else if (value.is_string()) {
    write_string(text, value.as_string());
  } else if (value.is_list()) {
    text += '[';
    bool first = true;
    for (const Config& item : value.as_list()) {
      if (!std::exchange(first, false)) text += ", ";
      write(text, item);
    }
    text += ']';
  } else {
    text += '{';
    bool first = true;
    for (const auto& [key, item] : value.as_dict()) {
      if (!std::exchange(first, false)) text += ", ";
      write_string(text, key);
      text += ": ";
      write(text, item);
    }
    text += '}';
  }
}

// Builds the value as the parser, which does not recurse, meets its parts.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(const Limits& limits) : limits_(limits) {}

  Config take() { return std::move(root_); }

  bool null() override { return add(Config()); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override {
    // Keras writes addresses as numbers; one that fits no int64 is kept as a double.
    if (value > static_cast<std::uint64_t>(INT64_MAX)) return add(static_cast<double>(value));
    return add(static_cast<std::int64_t>(value));
  }
  bool number_float(double value, const std::string& /*text*/) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override { return open(Config::dict(), true); }
  bool start_array(std::size_t) override { return open(Config::list(), false); }
  bool key(std::string& name) override {
    if (!open_.back().keys.insert(name).second)
      throw FormatError("JSON: the key \"" + name.substr(0, 200) + "\" comes twice");
    open_.back().key = std::move(name);
    return true;
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool parse_error(std::size_t position,
                   const std::string&,
                   const nlohmann::json::exception& error) override {
    std::string reason = error.what();
    for (char& c : reason) {
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
    }
    throw FormatError("JSON: not valid at byte " + std::to_string(position) + ": " +
                      reason.substr(0, 200));
  }

 private:
  struct Open {
    Config value;
    bool is_dict;
    std::string key = {};
    std::unordered_set<std::string> keys = {};
  };

  bool add(Config value) {
    if (++count_ > limits_.json_values)
      throw LimitError("JSON: more than " + std::to_string(limits_.json_values) + " values");
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().is_dict) {
      open_.back().value.as_dict().emplace_back(std::move(open_.back().key), std::move(value));
    } else {
      open_.back().value.as_list().push_back(std::move(value));
    }
    return true;
  }
  bool open(Config value, bool is_dict) {
    if (open_.size() >= static_cast<std::size_t>(limits_.json_depth)) {
      throw LimitError("JSON: deeper than " + std::to_string(limits_.json_depth) + " levels");
    }
    open_.push_back({std::move(value), is_dict});
    return true;
  }
  bool close() {
    Config value = std::move(open_.back().value);
    open_.pop_back();
    return add(std::move(value));
  }

  const Limits& limits_;
  Config root_;
  std::vector<Open> open_;
  std::uint64_t count_ = 0;
};

}  // namespace

std::string to_json_text(const Config& config) {
  std::string text;
  write(text, config);
  return text;
}

Config parse_json(const std::string& text, const Limits& limits) {
  if (text.size() > limits.json_bytes) {
    throw LimitError("JSON: " + std::to_string(text.size()) + " bytes, expected at most " +
                     std::to_string(limits.json_bytes));
  }
  Builder builder(limits);
  nlohmann::json::sax_parse(text, &builder);
  return builder.take();
}

}  // namespace nyala::saving
