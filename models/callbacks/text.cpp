#include <nyala/models/callbacks/text.hpp>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace nyala::callbacks::detail {
namespace {

std::string not_finite(double value) {
  if (std::isnan(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}

}  // namespace

std::string python_repr(double value) {
  if (!std::isfinite(value)) return not_finite(value);
  std::array<char, 64> room{};
  const auto put = [&](std::chars_format format) {
    const auto end = std::to_chars(room.data(), room.data() + room.size(), value, format).ptr;
    return std::string(room.data(), end);
  };
  std::string scientific = put(std::chars_format::scientific);
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  if (value != 0 && (exponent < -4 || exponent >= 16)) return scientific;
  const std::string fixed = put(std::chars_format::fixed);
  return fixed.find('.') == std::string::npos ? fixed + ".0" : fixed;
}

std::string formatted(const char* format, double value) {
  if (!std::isfinite(value)) return not_finite(value);
  std::array<char, 400> room{};
  std::snprintf(room.data(), room.size(), format, value);
  return room.data();
}

}  // namespace nyala::callbacks::detail
