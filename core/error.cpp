#include <nyala/core/error.hpp>
#include <nyala/core/text.hpp>

#include <algorithm>
#include <string_view>

namespace nyala {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string one_line(const std::string& message) {
  if (std::none_of(message.begin(), message.end(), is_control)) return message;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string line;
  for (const char c : message) {
    if (!is_control(c)) {
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else {
      const auto byte = static_cast<unsigned char>(c);
      line += "\\x";
      line += digits[byte / 16];
      line += digits[byte % 16];
    }
  }
  return line;
}

template <class E>
void throw_if(const Error& error, const std::string& message) {
  if (dynamic_cast<const E*>(&error) != nullptr) throw E(message);
}

}  // namespace

Error::Error(const std::string& message) : std::runtime_error(one_line(message)) {}

void rethrow_as(const Error& error, const std::string& message) {
  throw_if<ShapeError>(error, message);
  throw_if<ValueError>(error, message);
  throw_if<TypeError>(error, message);
  throw_if<IndexError>(error, message);
  throw_if<FormatError>(error, message);
  throw_if<UnsupportedError>(error, message);
  throw_if<LimitError>(error, message);
  throw_if<IoError>(error, message);
  throw_if<StateError>(error, message);
  throw Error(message);
}

std::string cut(const std::string& text) {
  return text.size() <= 200 ? text : text.substr(0, 200) + "...";
}

namespace detail {

std::string text_of(const char* text) {
  if (text == nullptr) throw ValueError("received a null pointer, expected a text");
  return text;
}

}  // namespace detail

}  // namespace nyala
