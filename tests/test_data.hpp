#pragma once
/// Where the recorded data of the tests is.
#include <string>

namespace nyala {

/// The path of a file below tests/: `test_data("conformance/golden/dot.npz")`.
std::string test_data(const std::string& file);

}  // namespace nyala
