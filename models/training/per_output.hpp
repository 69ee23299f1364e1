#pragma once
/// PerOutput: what Keras takes as one value, a list, or a dict by output name.
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/text.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// `"mse"`, `losses::Huber()`, `{"mse", "mae"}`, or `{{"left", "mse"}, {"right", "mae"}}`. A list
/// whose items are pairs that begin with a text is a dict; where a list of lists may stand as well
/// (metrics), it is one only if those texts are names of outputs.
template <class T>
class PerOutput {
 public:
  enum class Kind : std::uint8_t { none, text, value, list, dict };
  using Entry = std::pair<std::string, PerOutput>;

  PerOutput() = default;
  PerOutput(std::nullptr_t) {}
  PerOutput(const char* text) : PerOutput(detail::text_of(text)) {}
  PerOutput(const std::string& text) : kind_(Kind::text), text_(text) {}
  template <class U>
  requires(std::convertible_to<const U&, T> && !std::convertible_to<const U&, std::string> &&
           !std::same_as<U, PerOutput>)  //
      PerOutput(const U& value)
      : kind_(Kind::value), value_(static_cast<T>(value)) {}
  PerOutput(std::initializer_list<PerOutput> items) : kind_(Kind::list), items_(items) {}
  template <class U>
  requires std::convertible_to<const U&, PerOutput> PerOutput(const std::vector<U>& items)
      : kind_(Kind::list), items_(items.begin(), items.end()) {}
  template <class U>
  requires std::convertible_to<const U&, PerOutput> PerOutput(
      const std::map<std::string, U>& entries)
      : kind_(Kind::dict) {
    for (const auto& [name, value] : entries) add(name, PerOutput(value));
  }
  static PerOutput dict(const std::vector<Entry>& entries) {
    PerOutput result;
    result.kind_ = Kind::dict;
    for (const auto& [name, value] : entries) result.add(name, value);
    return result;
  }

  Kind kind() const { return kind_; }
  bool given() const { return kind_ != Kind::none; }
  const std::string& text() const { return text_; }
  const T& value() const { return *value_; }
  /// Of a list or a dict.
  const std::vector<PerOutput>& items() const { return items_; }
  /// Of a dict.
  const std::vector<std::string>& names() const { return names_; }

  /// A list of pairs {"name", value}.
  bool looks_like_dict() const {
    if (kind_ != Kind::list || items_.empty()) return false;
    for (const PerOutput& item : items_) {
      if (item.kind_ != Kind::list || item.items_.size() != 2) return false;
      if (item.items_[0].kind_ != Kind::text) return false;
    }
    return true;
  }
  /// Such a list as the dict that it is; all else as it is.
  PerOutput as_dict() const {
    if (!looks_like_dict()) return *this;
    PerOutput result;
    result.kind_ = Kind::dict;
    for (const PerOutput& item : items_) result.add(item.items_[0].text_, item.items_[1]);
    return result;
  }

 private:
  void add(std::string name, PerOutput value) {
    for (const std::string& known : names_) {
      if (known == name)
        throw ValueError("the name \"" + name + "\" comes twice in a dict by output name");
    }
    names_.push_back(std::move(name));
    items_.push_back(std::move(value));
  }

  Kind kind_ = Kind::none;
  std::string text_;
  std::optional<T> value_;
  std::vector<PerOutput> items_;
  std::vector<std::string> names_;
};

}  // namespace nyala

#pragma GCC visibility pop
