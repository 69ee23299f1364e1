#include "test_data.hpp"

namespace nyala {

std::string test_data(const std::string& file) { return std::string(NYALA_TEST_DATA) + "/" + file; }

}  // namespace nyala
