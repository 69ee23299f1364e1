#pragma once
#include <string>

namespace nyala {

/// Whether Keras counts layers of this class as built from the start: they have no weights, need no
/// shape, and write no build_config.
bool is_built_early(const std::string& class_name);

}  // namespace nyala
