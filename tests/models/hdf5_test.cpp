#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/hdf5/filters.hpp>
#include <nyala/models/saving/hdf5/reader.hpp>
#include <nyala/models/saving/npz.hpp>

#include "hdf5_walk.hpp"
#include "shared_data.hpp"
#include "test_data.hpp"

namespace fs = std::filesystem;

namespace nyala::saving {
namespace {

std::vector<fs::path> fixtures() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(test_data("saving/hdf5"))) {
    if (entry.path().extension() == ".h5") paths.push_back(entry.path());
  }
  return paths;
}

std::vector<std::byte> bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.spec() == b.spec() && std::memcmp(a.data(), b.data(), a.nbytes()) == 0;
}

TEST_CASE("hdf5: files of every form hold what h5py sees in them") {
  REQUIRE(fixtures().size() >= 15);
  for (const fs::path& path : fixtures()) {
    CAPTURE(path.filename().string());
    const hdf5::File file(path.string());
    NamedTensors got;
    nyala::testing::walk(file.root(), got);
    const NamedTensors listed = load_npz(fs::path(path).replace_extension(".npz").string());
    const std::map<std::string, Tensor> want(listed.begin(), listed.end());
    REQUIRE(got.size() == want.size());
    for (const auto& one : got) {
      CAPTURE(one.first);
      REQUIRE(want.count(one.first) == 1);
      CHECK(same(one.second, want.at(one.first)));
    }
  }
}

TEST_CASE("hdf5: a contiguous dataset is seen where it stands") {
  const hdf5::File file(test_data("saving/hdf5/types_old.h5"));
  const hdf5::Object f4 = file.root().at("f4");
  const auto bytes = f4.bytes();
  REQUIRE(bytes.has_value());
  const Tensor read = f4.read();
  CHECK(std::memcmp(bytes->data(), read.data(), read.nbytes()) == 0);
  CHECK_FALSE(file.root().at("big_f4").bytes().has_value());
}

TEST_CASE("hdf5: what is not there is named") {
  const hdf5::File file(test_data("saving/hdf5/groups_old.h5"));
  CHECK(file.root().contains("a/g07/w"));
  CHECK_FALSE(file.root().contains("a/g99/w"));
  CHECK_THROWS_WITH_AS(
      file.root().at("a/g99/w"), doctest::Contains("there is no '/a/g99/w'"), FormatError);
  CHECK_THROWS_AS(file.root().text_attribute("none"), FormatError);
}

// Each changed file is read as it is or refused with an Error: a crash, a hang or another
// exception ends the test (under the sanitizers, so does a read beyond the bytes).
TEST_CASE("hdf5: damaged files are read or refused") {
  std::mt19937 random(12);
  int refused = 0;
  const auto read_all = [&](std::vector<std::byte> bytes) {
    try {
      const hdf5::File file(std::move(bytes), "damaged.h5");
      NamedTensors all;
      nyala::testing::walk(file.root(), all);
    } catch (const Error& error) {
      ++refused;
      CHECK(std::string(error.what()).find('\n') == std::string::npos);
    }
  };
  for (const fs::path& path : fixtures()) {
    CAPTURE(path.filename().string());
    const std::vector<std::byte> whole = bytes_of(path);
    for (int i = 0; i < 40; ++i) {
      std::vector<std::byte> bytes = whole;
      // The structures stand at the beginning.
      const std::size_t among = std::min<std::size_t>(bytes.size(), i % 2 == 0 ? 1024 : 8192);
      for (int k = 0; k <= i % 4; ++k)
        bytes[random() % among] = static_cast<std::byte>(i % 3 == 0 ? 0xff : random() & 0xff);
      read_all(std::move(bytes));
      read_all(
          {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(random() % whole.size())});
    }
  }
  CHECK(refused > 500);
}

TEST_CASE("hdf5: a shuffle of more bytes than there are leaves them as they are") {
  std::vector<std::byte> bytes(24);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  const hdf5::Image image(bytes, "test", Limits());
  for (const std::uint64_t width : {std::uint64_t{25}, ~std::uint64_t{0}}) {
    const std::vector<hdf5::Filter> filters(3, hdf5::Filter{2, {width}});
    CHECK(hdf5::unfilter(image, filters, 0, bytes, bytes.size()) == bytes);
  }
}

TEST_CASE("hdf5: what fuzzing has found is read or refused") {
  for (const auto& entry : fs::directory_iterator(test_data("fuzz/corpus/hdf5"))) {
    CAPTURE(entry.path().filename().string());
    NamedTensors got;
    try {
      const hdf5::File file(entry.path().string());
      nyala::testing::walk(file.root(), got);
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find('\n') == std::string::npos);
    }
  }
}

TEST_CASE("hdf5: the files that broke the HDF5 library are harmless") {
  const fs::path folder = shared_data("hdf5-reproducers");
  if (!fs::exists(folder)) return;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".h5") continue;
    CAPTURE(entry.path().filename().string());
    try {
      const hdf5::File file(entry.path().string());
      NamedTensors all;
      nyala::testing::walk(file.root(), all);
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find('\n') == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace nyala::saving
