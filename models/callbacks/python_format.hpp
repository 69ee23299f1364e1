#pragma once
/// Python's str.format for numbers. Not part of the public API.
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace nyala::callbacks::detail {

/// Numbers by name; Python formats whole ones and others in different ways.
using FormatValue = std::variant<std::int64_t, double>;
using FormatValues = std::vector<std::pair<std::string, FormatValue>>;

/// `"{epoch:02d}-{val_loss:.2f}"` with its fields filled in. Throws ValueError, in Python's words,
/// for a field that has no value and a format that Python refuses.
std::string python_format(const std::string& pattern, const FormatValues& values);

}  // namespace nyala::callbacks::detail
