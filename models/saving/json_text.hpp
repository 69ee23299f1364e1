#pragma once
/// JSON as text, and as a Config.
#include <string>

#include <nyala/core/config.hpp>
#include <nyala/models/saving/limits.hpp>

namespace nyala::saving {

/// The text that Python's json.dumps gives. Throws ValueError for infinities and NaN.
std::string to_json_text(const Config& config);

/// Throws FormatError for text that is not JSON, a key that comes twice, and numbers that do not
/// fit; LimitError for text that is too long or too deep.
Config parse_json(const std::string& text, const Limits& limits = {});

}  // namespace nyala::saving
