#pragma once
#include <string>

namespace bench {

/// Measures the quick workloads as multiples of a reference loop in this process and compares them
/// with those of the file; returns the number of those that exceed twice their entry.
int guard(const std::string& file);
/// Writes the file.
void record_guard(const std::string& file);

}  // namespace bench
