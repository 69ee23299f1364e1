#pragma once
/// Config: the value that `get_config` gives and `from_config` takes. What JSON can hold, with the
/// order of keys kept; models/saving turns it into text and back.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <nyala/core/text.hpp>

#pragma GCC visibility push(default)

namespace nyala {

class Config {
 public:
  using List = std::vector<Config>;
  using Entry = std::pair<std::string, Config>;
  using Dict = std::vector<Entry>;

  Config() noexcept;  // null
  Config(std::nullptr_t) noexcept;
  Config(bool value) noexcept;
  Config(int value) noexcept;
  Config(std::int64_t value) noexcept;
  Config(double value) noexcept;
  Config(const char* value);
  Config(std::string value);
  Config(std::string_view value);
  Config(List items);
  Config(Dict entries);
  // In the source: a variant's copies and its destructor are costly to compile.
  Config(const Config& other);
  Config(Config&& other) noexcept;
  Config& operator=(const Config& other);
  Config& operator=(Config&& other) noexcept;
  ~Config();
  static Config list();
  static Config dict();

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_int() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_int() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_list() const { return std::holds_alternative<List>(value_); }
  bool is_dict() const { return std::holds_alternative<Dict>(value_); }

  // Each throws TypeError, saying what the value is, when it is of another kind. An int reads as a
  // double; a double without a fraction does not read as an int.
  bool as_bool() const;
  std::int64_t as_int() const;
  double as_double() const;
  const std::string& as_string() const;
  const List& as_list() const;
  const Dict& as_dict() const;
  List& as_list();
  Dict& as_dict();

  bool contains(std::string_view key) const { return find(key) != nullptr; }
  /// The entry's value, null when this is no dict or has no such key.
  const Config* find(std::string_view key) const;
  /// The entry's value; throws IndexError when there is none.
  const Config& at(std::string_view key) const;
  /// The entry's value, made (null) when missing. A null Config becomes a dict.
  Config& operator[](std::string_view key);
  /// Removes the key if it is there.
  void erase(std::string_view key);
  /// Appends to a list. A null Config becomes one.
  void push_back(Config item);
  /// Items of a list or entries of a dict.
  std::size_t size() const;

  /// Compact JSON, for messages and tests.
  std::string str() const;

  friend bool operator==(const Config& a, const Config& b);

 private:
  using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Dict>;
  // Copies the item before there is a variant for it: libstdc++ 12 takes this one for never
  // valueless, and destroys what a copy that throws has not made.
  static Value copy_of(const Value& value);

  Value value_;
};

}  // namespace nyala

#pragma GCC visibility pop
