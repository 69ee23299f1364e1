#pragma once
/// Text given by pointer.
#include <string>

#pragma GCC visibility push(default)

namespace nyala::detail {

/// The text behind a pointer. Throws ValueError for a null one.
std::string text_of(const char* text);

}  // namespace nyala::detail

#pragma GCC visibility pop
