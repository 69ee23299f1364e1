#pragma once
/// Files that are no good, one kind each: loading refuses each by one line and little memory.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "folder.hpp"
#include "message_of.hpp"

namespace nyala::testing {

struct BadFile {
  std::string kind;
  std::string bytes;
};
using BadFiles = std::vector<BadFile>;

/// Kibibytes that the kernel counts for this process: "VmRSS", or "VmHWM" for the most since
/// `forget_peak`; 0 where there is no such count.
inline std::int64_t process_memory(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    std::int64_t number = 0;
    if (word == field + ":" && status >> number) return number;
  }
  return 0;
}
inline void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

/// Calls `load` with the path of each file.
template <class F>
void expect_refused(const BadFiles& files, const std::string& ending, F&& load) {
  constexpr std::int64_t kMost = 256 << 10;
  const Folder folder;
  for (const BadFile& file : files) {
    CAPTURE(file.kind);
    const std::string path = folder / ("bad" + ending);
    write_bytes(path, file.bytes);
    forget_peak();
    const std::int64_t before = process_memory("VmRSS");
    const std::string message = message_of([&] { load(path); });
    CHECK(process_memory("VmHWM") - before < kMost);
    CHECK(message != "no error");
    CHECK(message.find(path) != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
    CHECK(std::all_of(message.begin(), message.end(), [](char c) {
      return static_cast<unsigned char>(c) >= 0x20;
    }));
    CHECK(message.size() < 2000);
  }
}

/// `bytes` with others written over those at `at`.
inline std::string patched(std::string bytes, std::size_t at, const std::string& with) {
  return bytes.replace(at, with.size(), with);
}
/// `bytes` with the first `what` replaced; the test ends when there is none.
inline std::string replaced(std::string bytes, const std::string& what, const std::string& with) {
  const std::size_t at = bytes.find(what);
  REQUIRE(at != std::string::npos);
  return bytes.replace(at, what.size(), with);
}
/// A number of `size` bytes in little-endian order.
inline std::string little_endian(std::uint64_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i, value >>= 8) bytes += static_cast<char>(value & 0xff);
  return bytes;
}

}  // namespace nyala::testing
