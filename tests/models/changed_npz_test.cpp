// Arrays and archives changed by somebody who knows their form: they load or are refused by a
// typed error of one line, and nothing else. NYALA_FUZZ_RUNS asks for more of them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/tensor.hpp>
#include <nyala/models/saving/npz.hpp>
#include <nyala/models/saving/zip.hpp>

#include "folder.hpp"

namespace nyala::saving {
namespace {

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t count) { return engine_() % count; }
  template <class T, std::size_t N>
  const T& of(const T (&all)[N]) {
    return all[below(N)];
  }

 private:
  std::mt19937 engine_;
};

// The header of an array: whole parts of it are now and then extreme or not Python at all.
std::string header(Random& random) {
  if (random.below(2) == 0) return "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
  static const char* const kTypes[] = {
      "<f4", "<f8", "|b1", "<i4", "<i8", "|u1", ">f4", "<f2", "|O", "<U8", "<f3", "", "<f4\n"};
  static const char* const kOrders[] = {"False", "False", "True", "None", "0"};
  static const char* const kShapes[] = {"(2, 3)",
                                        "(6,)",
                                        "()",
                                        "(0, 3)",
                                        "(0, 9223372036854775807, 9223372036854775807)",
                                        "(4294967296, 4294967296)",
                                        "(9223372036854775807,)",
                                        "(18446744073709551616,)",
                                        "(-1, 6)",
                                        "(1000000000,)",
                                        "(2, 3",
                                        "6",
                                        "(2.0, 3)",
                                        ("(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
                                         "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)")};
  std::string text = "{'descr': '" + std::string(random.of(kTypes)) +
                     "', 'fortran_order': " + random.of(kOrders) +
                     ", 'shape': " + random.of(kShapes) + ", }";
  if (random.below(4) == 0) text.erase(random.below(text.size()), 1 + random.below(12));
  if (random.below(8) == 0) text.insert(random.below(text.size()), text);
  return text + "\n";
}

std::string array(Random& random) {
  const std::string text = header(random);
  static const char kVersions[] = {1, 1, 1, 2, 3, 0, 9};
  const char version = random.of(kVersions);
  const std::size_t length = random.below(10) == 0 ? random.below(1 << 16) : text.size();
  std::string bytes = "\x93NUMPY";
  bytes += version;
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    bytes += static_cast<char>(length >> (8 * i) & 0xff);
  return bytes + text + std::string(random.below(3) == 0 ? random.below(64) : 24, '\x01');
}

// Flips, cuts and copies bytes; most often at the end, where the directory of an archive is.
void damage(std::string& bytes, Random& random) {
  static const unsigned char kBytes[] = {0, 1, 0x7f, 0x80, 0xff, 'P'};
  for (std::size_t i = 1 + random.below(4); i > 0 && !bytes.empty(); --i) {
    const std::size_t reach =
        random.below(2) == 0 ? std::min<std::size_t>(bytes.size(), 120) : bytes.size();
    const std::size_t at = bytes.size() - 1 - random.below(reach);
    switch (random.below(4)) {
      case 0: bytes.erase(at, 1 + random.below(16)); break;
      case 1:
        bytes.insert(at, bytes.substr(random.below(bytes.size()), 1 + random.below(32)));
        break;
      default: bytes[at] = static_cast<char>(random.of(kBytes)); break;
    }
  }
}

// What loading says; empty when it loads. Anything but nyala::Error leaves.
std::string refusal(const std::string& path) {
  Limits limits;
  limits.memory = std::uint64_t{16} << 20;
  try {
    std::size_t bytes = 0;
    for (const auto& entry : load_npz(path, limits)) bytes += entry.second.nbytes();
    CHECK(bytes <= limits.memory);
  } catch (const Error& error) {
    REQUIRE(std::strlen(error.what()) > 0);
    return error.what();
  }
  return {};
}

int runs() {
  const char* asked = std::getenv("NYALA_FUZZ_RUNS");
  return asked == nullptr ? 1000 : std::atoi(asked);
}

}  // namespace

TEST_CASE("npz: changed archives load or are refused by one line") {
  const testing::Folder folder;
  const std::string path = folder / "changed.npz";
  int loaded = 0;
  for (int run = 0; run < runs(); ++run) {
    CAPTURE(run);
    Random random(static_cast<unsigned>(run));
    // The writer gives every member its checksum, so that the change reaches the array's reader.
    ZipWriter writer(path);
    const std::size_t members = 1 + random.below(3);
    for (std::size_t i = 0; i < members; ++i) {
      const std::string bytes = array(random);
      const auto view = std::as_bytes(std::span(bytes));
      writer.add({"x" + std::to_string(i) + ".npy", Pieces({view.begin(), view.end()})});
    }
    writer.commit();
    if (random.below(2) == 0) {
      std::string bytes = testing::read_bytes(path);
      damage(bytes, random);
      testing::write_bytes(path, bytes);
    }
    std::string text;
    CHECK_NOTHROW(text = refusal(path));
    CHECK(text.find('\n') == std::string::npos);
    CHECK(text.size() < 1000);
    loaded += text.empty();
  }
  // Enough get through to show that the changes are no mere noise.
  CHECK(loaded > runs() / 100);
}

}  // namespace nyala::saving
