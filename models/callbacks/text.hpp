#pragma once
/// Numbers as Python writes them. Not part of the public API.
#include <string>

#pragma GCC visibility push(default)

namespace nyala::callbacks::detail {

/// The shortest text that reads back as the same number: 0.1, 1e-05, 3.0, nan.
std::string python_repr(double value);
/// `format` of printf, with "nan" and "inf" as Python has them.
std::string formatted(const char* format, double value);

}  // namespace nyala::callbacks::detail

#pragma GCC visibility pop
