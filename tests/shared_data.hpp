#pragma once
/// Data that is not part of the project.
#include <cstdlib>
#include <string>

#include "test_data.hpp"

namespace nyala {

/// A folder beside the project's own: `shared_data("corpus")`; where that is, NYALA_SHARED may say.
/// Tests that need one do nothing where it is not there.
inline std::string shared_data(const std::string& folder) {
  const char* given = std::getenv("NYALA_SHARED");
  return (given != nullptr ? std::string(given) : test_data("../../shared")) + "/" + folder;
}

}  // namespace nyala
