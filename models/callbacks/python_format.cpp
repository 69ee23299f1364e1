#include <nyala/models/callbacks/python_format.hpp>

#include <cctype>
#include <cmath>
#include <optional>

#include <nyala/core/error.hpp>
#include <nyala/models/callbacks/text.hpp>

namespace nyala::callbacks::detail {
namespace {

// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct FormatSpec {
  char fill = ' ';
  char align = '>';
  char sign = '-';
  std::size_t width = 0;
  char grouping = 0;
  std::optional<int> precision = {};
  char type = 0;
};

bool is_align(char c) { return c == '<' || c == '>' || c == '=' || c == '^'; }

// Reads a specification from its front to its end.
class SpecParser {
 public:
  explicit SpecParser(const std::string& text) : text_(text) {}

  FormatSpec parse() {
    FormatSpec spec;
    if (text_.size() >= 2 && is_align(text_[1])) {
      spec.fill = text_[0];
      spec.align = text_[1];
      at_ = 2;
    } else if (!text_.empty() && is_align(text_[0])) {
      spec.align = text_[0];
      at_ = 1;
    }
    if (peek() == '+' || peek() == '-' || peek() == ' ') spec.sign = text_[at_++];
    if (peek() == '0' && at_ == 0) {
      spec.fill = '0';
      spec.align = '=';
    }
    spec.width = static_cast<std::size_t>(number());
    if (peek() == ',' || peek() == '_') spec.grouping = text_[at_++];
    if (peek() == '.') {
      ++at_;
      if (std::isdigit(static_cast<unsigned char>(peek())) == 0)
        throw ValueError("Format specifier missing precision");
      spec.precision = number();
    }
    if (at_ < text_.size()) spec.type = text_[at_++];
    if (at_ < text_.size()) throw ValueError("Invalid format specifier '" + cut(text_) + "'");
    return spec;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  int number() {
    int value = 0;
    for (; std::isdigit(static_cast<unsigned char>(peek())) != 0; ++at_) {
      value = value * 10 + (text_[at_] - '0');
      if (value > 200)
        throw ValueError("Too many digits in format specifier '" + cut(text_) + "', at most 200");
    }
    return value;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

[[noreturn]] void throw_unknown(char type, const char* kind) {
  throw ValueError(std::string("Unknown format code '") + type + "' for object of type '" + kind +
                   "'");
}

std::string group_digits(std::string digits, char separator) {
  std::size_t end = 0;
  while (end < digits.size() && std::isdigit(static_cast<unsigned char>(digits[end])) != 0) ++end;
  for (std::size_t at = end; at > 3; at -= 3) digits.insert(at - 3, 1, separator);
  return digits;
}

// Digits of a number that is not negative.
std::string float_digits(double value, const FormatSpec& spec) {
  if (!std::isfinite(value)) return formatted("%f", value);
  if (spec.type == 0 && !spec.precision) return python_repr(value);
  char type = spec.type == 0 || spec.type == 'n' ? 'g' : spec.type;
  if (type == '%') {
    type = 'f';
    value *= 100;
  }
  const std::string format = "%." + std::to_string(spec.precision.value_or(6)) + type;
  return formatted(format.c_str(), value) + (spec.type == '%' ? "%" : "");
}

std::string with_width(const std::string& sign, const std::string& digits, const FormatSpec& spec) {
  const std::size_t size = sign.size() + digits.size();
  if (size >= spec.width) return sign + digits;
  const std::size_t room = spec.width - size;
  const auto fill = [&](std::size_t count) { return std::string(count, spec.fill); };
  switch (spec.align) {
    case '<': return sign + digits + fill(room);
    case '=': return sign + fill(room) + digits;
    case '^': return fill(room / 2) + sign + digits + fill(room - room / 2);
    default: return fill(room) + sign + digits;
  }
}

std::string signed_text(bool negative, std::string digits, const FormatSpec& spec) {
  if (spec.grouping != 0) digits = group_digits(std::move(digits), spec.grouping);
  const std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  return with_width(sign, digits, spec);
}

std::string format_float(double value, const FormatSpec& spec) {
  if (spec.type != 0 && std::string("eEfFgGn%").find(spec.type) == std::string::npos)
    throw_unknown(spec.type, "float");
  return signed_text(
      std::signbit(value) && !std::isnan(value), float_digits(std::fabs(value), spec), spec);
}

std::string format_int(std::int64_t value, const FormatSpec& spec) {
  if (spec.type != 0 && spec.type != 'd' && spec.type != 'n') {
    if (std::string("eEfFgG%").find(spec.type) == std::string::npos)
      throw_unknown(spec.type, "int");
    return format_float(static_cast<double>(value), spec);
  }
  if (spec.precision) throw ValueError("Precision not allowed in integer format specifier");
  const std::string text = std::to_string(value);
  return signed_text(value < 0, value < 0 ? text.substr(1) : text, spec);
}

std::string fill_in(const std::string& field, const FormatValues& values) {
  const std::size_t colon = field.find(':');
  const std::string name = field.substr(0, colon);
  const FormatSpec spec =
      colon == std::string::npos ? FormatSpec() : SpecParser(field.substr(colon + 1)).parse();
  for (const auto& [known, value] : values) {
    if (known != name) continue;
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return format_int(*whole, spec);
    return format_float(std::get<double>(value), spec);
  }
  throw ValueError("'" + cut(name) + "'");
}

}  // namespace

std::string python_format(const std::string& pattern, const FormatValues& values) {
  std::string text;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    const bool twice = at + 1 < pattern.size() && pattern[at + 1] == c;
    if ((c == '{' || c == '}') && twice) {
      text += c;
      ++at;
    } else if (c == '}') {
      throw ValueError("Single '}' encountered in format string");
    } else if (c == '{') {
      const std::size_t end = pattern.find('}', at);
      if (end == std::string::npos) throw ValueError("expected '}' before end of string");
      text += fill_in(pattern.substr(at + 1, end - at - 1), values);
      at = end;
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace nyala::callbacks::detail
