#include <nyala/core/config.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

#include <nyala/core/error.hpp>

namespace nyala {
namespace {

void write_string(std::string& out, std::string_view text) {
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      out += ' ';
    else
      out += c;
  }
  out += '"';
}

void write_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
    return;
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
  if (std::find_if(text, end, [](char c) { return c == '.' || c == 'e'; }) == end) out += ".0";
}

void write(std::string& out, const Config& value) {
  if (value.is_null())
    out += "null";
  else if (value.is_bool())
    out += value.as_bool() ? "true" : "false";
  else if (value.is_int())
    out += std::to_string(value.as_int());
  else if (value.is_number())
    write_number(out, value.as_double());
  else if (value.is_string())
    write_string(out, value.as_string());
  else if (value.is_list()) {
    out += '[';
    for (const char* comma = ""; const Config& item : value.as_list()) {
      out += std::exchange(comma, ", ");
      write(out, item);
    }
    out += ']';
  } else {
    out += '{';
    for (const char* comma = ""; const auto& [key, item] : value.as_dict()) {
      out += std::exchange(comma, ", ");
      write_string(out, key);
      out += ": ";
      write(out, item);
    }
    out += '}';
  }
}

[[noreturn]] void wrong_kind(const Config& value, const char* wanted) {
  throw TypeError("received " + value.str().substr(0, 200) + ", expected " + wanted);
}

}  // namespace

Config::Config() noexcept = default;
Config::Config(std::nullptr_t) noexcept {}
Config::Config(bool value) noexcept : value_(value) {}
Config::Config(int value) noexcept : value_(std::int64_t{value}) {}
Config::Config(std::int64_t value) noexcept : value_(value) {}
Config::Config(double value) noexcept : value_(value) {}
Config::Config(const char* value) : value_(detail::text_of(value)) {}
Config::Config(std::string value) : value_(std::move(value)) {}
Config::Config(std::string_view value) : value_(std::string(value)) {}
Config::Config(List items) : value_(std::move(items)) {}
Config::Config(Dict entries) : value_(std::move(entries)) {}
Config::Config(const Config& other) : value_(copy_of(other.value_)) {}
Config::Config(Config&& other) noexcept = default;
Config& Config::operator=(const Config& other) {
  if (this != &other) value_ = copy_of(other.value_);
  return *this;
}
Config& Config::operator=(Config&& other) noexcept = default;
Config::~Config() = default;

Config Config::list() { return Config(List{}); }
Config Config::dict() { return Config(Dict{}); }

bool operator==(const Config& a, const Config& b) { return a.value_ == b.value_; }

Config::Value Config::copy_of(const Value& value) {
  return std::visit(
      [](const auto& item) -> Value {
        auto copy = item;
        return copy;
      },
      value);
}

bool Config::as_bool() const {
  if (const bool* value = std::get_if<bool>(&value_)) return *value;
  wrong_kind(*this, "true or false");
}

std::int64_t Config::as_int() const {
  if (const std::int64_t* value = std::get_if<std::int64_t>(&value_)) return *value;
  wrong_kind(*this, "an integer");
}

double Config::as_double() const {
  if (const double* value = std::get_if<double>(&value_)) return *value;
  if (const std::int64_t* value = std::get_if<std::int64_t>(&value_))
    return static_cast<double>(*value);
  wrong_kind(*this, "a number");
}

const std::string& Config::as_string() const {
  if (const std::string* value = std::get_if<std::string>(&value_)) return *value;
  wrong_kind(*this, "a string");
}

const Config::List& Config::as_list() const {
  if (const List* value = std::get_if<List>(&value_)) return *value;
  wrong_kind(*this, "a list");
}

const Config::Dict& Config::as_dict() const {
  if (const Dict* value = std::get_if<Dict>(&value_)) return *value;
  wrong_kind(*this, "a dict");
}

Config::List& Config::as_list() { return const_cast<List&>(std::as_const(*this).as_list()); }
Config::Dict& Config::as_dict() { return const_cast<Dict&>(std::as_const(*this).as_dict()); }

const Config* Config::find(std::string_view key) const {
  const Dict* entries = std::get_if<Dict>(&value_);
  if (entries == nullptr) return nullptr;
  const auto found = std::find_if(
      entries->begin(), entries->end(), [&](const Entry& e) { return e.first == key; });
  return found == entries->end() ? nullptr : &found->second;
}

const Config& Config::at(std::string_view key) const {
  if (const Config* value = find(key)) return *value;
  throw IndexError("the entry \"" + std::string(key) + "\" is missing");
}

Config& Config::operator[](std::string_view key) {
  if (is_null()) value_ = Dict{};
  if (const Config* value = find(key)) return const_cast<Config&>(*value);
  return as_dict().emplace_back(std::string(key), Config()).second;
}

void Config::erase(std::string_view key) {
  std::erase_if(as_dict(), [&](const Entry& entry) { return entry.first == key; });
}

void Config::push_back(Config item) {
  if (is_null()) value_ = List{};
  as_list().push_back(std::move(item));
}

std::size_t Config::size() const { return is_list() ? as_list().size() : as_dict().size(); }

std::string Config::str() const {
  std::string out;
  write(out, *this);
  return out;
}

}  // namespace nyala
