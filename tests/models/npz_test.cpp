#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/core/tensor.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/npy.hpp>
#include <nyala/models/saving/npz.hpp>
#include <nyala/models/saving/zip.hpp>

#include "folder.hpp"
#include "test_data.hpp"

namespace fs = std::filesystem;

namespace nyala::saving {
namespace {

using testing::Folder;

std::string slurp(const std::string& path) { return testing::read_bytes(path); }

void spill(const std::string& path, const std::string& bytes) { testing::write_bytes(path, bytes); }

// An npy file of version 1.0 with this header and these elements.
std::string npy(const std::string& header, const std::string& elements) {
  std::string text = std::string("\x93NUMPY\x01\0", 8);
  text += static_cast<char>(header.size() & 0xff);
  text += static_cast<char>(header.size() >> 8);
  return text + header + elements;
}

Tensor parse(const std::string& bytes, const Limits& limits = {}) {
  MemorySource source(std::as_bytes(std::span(bytes)), "test.npy");
  return read_npy(source, limits);
}

template <class T>
std::string elements(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

}  // namespace

TEST_CASE("npz: tensors of every dtype come back as they were") {
  const Folder folder;
  NamedTensors saved = {
      {"floats", Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3})},
      {"doubles", Tensor::from(std::vector<double>{-0.5}, {1, 1, 1})},
      {"ints", Tensor::from(std::vector<std::int32_t>{1, -2}, {2})},
      {"longs", Tensor::from(std::vector<std::int64_t>{std::int64_t{1} << 40}, {})},
      {"bytes", Tensor::from(std::vector<std::uint8_t>{0, 255}, {2})},
      {"flags", Tensor::from(std::vector<bool>{true, false, true}, {3})},
      {"none", Tensor::empty({0, 3}, float32)},
      {"dir/sub name", Tensor::from(std::vector<float>{7}, {1})},
  };
  for (const DType dtype : kDTypes)
    saved.emplace_back(name_of(dtype), ops::cast(ops::arange(5), dtype));
  save_npz(folder / "all.npz", saved);
  const NamedTensors loaded = load_npz(folder / "all.npz");

  REQUIRE(loaded.size() == saved.size());
  for (std::size_t i = 0; i < saved.size(); ++i) {
    CAPTURE(saved[i].first);
    CHECK(loaded[i].first == saved[i].first);
    CHECK(loaded[i].second.spec() == saved[i].second.spec());
    const std::size_t bytes = saved[i].second.nbytes();
    CHECK(bytes == loaded[i].second.nbytes());
    CHECK(std::memcmp(loaded[i].second.data(), saved[i].second.data(), bytes) == 0);
  }
  CHECK(folder.files() == 1);
}

TEST_CASE("npy: numbers of 16 bits are read as NumPy writes them") {
  const auto halves = [](const std::string& dtype) {
    return parse(npy("{'descr': '" + dtype + "', 'fortran_order': False, 'shape': (2,)}",
                     elements<std::uint16_t>({0x3c00, 0xc100})));
  };
  CHECK(ops::cast(halves("<f2"), float32).to_vector<float>() == std::vector<float>{1, -2.5f});
  CHECK(halves("<V2").dtype() == bfloat16);
  CHECK(halves("|V2").dtype() == bfloat16);
  CHECK(halves("<u2").to_vector<std::uint16_t>() == std::vector<std::uint16_t>{15360, 49408});
  CHECK(halves("<i2").to_vector<std::int16_t>() == std::vector<std::int16_t>{15360, -16128});
}

TEST_CASE("npz: the same tensors give the same bytes") {
  const Folder folder;
  const Tensor x = Tensor::from(std::vector<float>{1, 2}, {2});
  save_npz(folder / "a.npz", {{"x", x}});
  save_npz(folder / "b.npz", {{"x", x}});
  CHECK(slurp(folder / "a.npz") == slurp(folder / "b.npz"));
}

TEST_CASE("npy: a view is written in row-major order") {
  const Folder folder;
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  save_npy(folder / "t.npy", Tensor::strided(x, {3, 2}, {1, 3}, 0));
  const Tensor back = load_npy(folder / "t.npy");
  CHECK(back.shape() == Shape{3, 2});
  CHECK(back.to_vector<float>() == std::vector<float>{1, 4, 2, 5, 3, 6});
}

TEST_CASE("npy: headers as NumPy and others write them") {
  const std::string six = elements<float>({1, 2, 3, 4, 5, 6});
  const Tensor c =
      parse(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n", six));
  CHECK(c.shape() == Shape{2, 3});
  CHECK(c.to_vector<float>() == std::vector<float>{1, 2, 3, 4, 5, 6});

  const Tensor f = parse(npy("{\"shape\":(2,3),\"fortran_order\":True,\"descr\":\"<f4\"}", six));
  CHECK(f.shape() == Shape{2, 3});
  CHECK(f.to_vector<float>() == std::vector<float>{1, 3, 5, 2, 4, 6});

  const Tensor scalar = parse(
      npy("{'descr': '<i8', 'fortran_order': False, 'shape': ()}", elements<std::int64_t>({9})));
  CHECK(scalar.shape() == Shape{});
  CHECK(scalar.item<std::int64_t>() == 9);

  // A byte that is neither 0 nor 1 is true.
  const Tensor flags = parse(
      npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", std::string("\0\1\7", 3)));
  CHECK(flags.to_vector<bool>() == std::vector<bool>{false, true, true});
}

TEST_CASE("npy: what is broken is refused") {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}";
  const std::string one = elements<float>({1});
  CHECK_NOTHROW(parse(npy(good, one)));
  const std::vector<std::pair<const char*, std::string>> broken = {
      {"empty", ""},
      {"no magic", "NUMPY" + npy(good, one)},
      {"too few elements", npy(good, one.substr(1))},
      {"too many elements", npy(good, one + "x")},
      {"header longer than the file", npy(good, one).substr(0, 30)},
      {"no dict", npy("('descr', '<f4')", one)},
      {"missing key", npy("{'descr': '<f4', 'shape': (1,)}", one)},
      {"key twice", npy("{'shape': (1,), " + good.substr(1), one)},
      {"unknown key", npy("{'extra': '<f4', " + good.substr(1), one)},
      {"text after the dict", npy(good + "x", one)},
      {"negative size", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", one)},
      {"size that is no number",
       npy("{'descr': '<f4', 'fortran_order': False, 'shape': (a,)}", one)},
      {"bool that is none", npy("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}", one)},
      {"string without an end", npy("{'descr': '<f4", one)},
      {"size over 64 bits",
       npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", one)},
      {"product over 64 bits",
       npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", one)},
      {"product over 64 bits beside a 0",
       npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904, 4)}", "")},
      {"elements that the file does not hold",
       npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,)}", one)},
  };
  for (const auto& item : broken) {
    CAPTURE(item.first);
    CHECK_THROWS_AS(parse(item.second), FormatError);
  }
}

TEST_CASE("npy: what Nyala does not do is said") {
  const auto with_dtype = [](const std::string& dtype) {
    return npy("{'descr': " + dtype + ", 'fortran_order': False, 'shape': (0,)}", "");
  };
  for (const char* dtype : {"'>f4'", "'<f16'", "'|O'", "'<U3'", "'<c8'", "[('a', '<f4')]"}) {
    CAPTURE(dtype);
    CHECK_THROWS_AS(parse(with_dtype(dtype)), UnsupportedError);
  }
  CHECK_THROWS_WITH(parse(with_dtype("'<f16'")),
                    "test.npy: has dtype '<f16', expected a bool, an integer or a float, "
                    "little-endian");
  std::string version = npy("{}", "");
  version[6] = 9;
  CHECK_THROWS_AS(parse(version), UnsupportedError);

  std::string axes = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (int i = 0; i < 33; ++i) axes += "1,";
  CHECK_THROWS_AS(parse(npy(axes + ")}", elements<float>({1}))), LimitError);
  CHECK_THROWS_AS(save_npy("/nowhere.npy", Tensor::abstract({1}, float16)), Error);
}

TEST_CASE("npz: damaged archives are refused") {
  const Folder folder;
  save_npz(folder / "good.npz",
           {{"x", Tensor::from(std::vector<float>{1, 2, 3, 4}, {4})},
            {"y", Tensor::from(std::vector<float>{5}, {1})}});
  const std::string good = slurp(folder / "good.npz");

  SUBCASE("cut anywhere") {
    for (std::size_t size = 0; size < good.size(); size += 7) {
      CAPTURE(size);
      spill(folder / "cut.npz", good.substr(0, size));
      CHECK_THROWS_AS(load_npz(folder / "cut.npz"), FormatError);
    }
  }
  SUBCASE("an element changed: the checksum tells") {
    std::string bad = good;
    const std::string wanted = elements<float>({1, 2, 3, 4});
    bad[bad.find(wanted) + 2] ^= 1;
    spill(folder / "bad.npz", bad);
    CHECK_THROWS_AS(load_npz(folder / "bad.npz"), FormatError);
  }
  SUBCASE("any byte changed: an error of ours or the same names, never a crash") {
    for (std::size_t at = 0; at < good.size(); ++at) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 0xff);
      spill(folder / "bad.npz", bad);
      try {
        const NamedTensors loaded = load_npz(folder / "bad.npz");
        CHECK(loaded.size() == 2);
      } catch (const Error& error) {
        CHECK(std::string(error.what()).find('\n') == std::string::npos);
      }
    }
  }
  SUBCASE("the same name twice") {
    std::string bad = good;
    for (std::size_t at = bad.find("y.npy"); at != std::string::npos; at = bad.find("y.npy", at)) {
      bad[at] = 'x';
    }
    spill(folder / "twice.npz", bad);
    CHECK_THROWS_AS(load_npz(folder / "twice.npz"), FormatError);
  }
  SUBCASE("a member that is no array") {
    ZipWriter archive(folder / "text.npz");
    archive.add({"readme.txt", Pieces(std::vector<std::byte>(3))});
    archive.commit();
    CHECK_THROWS_AS(load_npz(folder / "text.npz"), FormatError);
  }
  SUBCASE("more members or bytes than the caller allows") {
    Limits limits;
    limits.zip_members = 1;
    CHECK_THROWS_AS(load_npz(folder / "good.npz", limits), LimitError);
  }
}

TEST_CASE("zip: members are seen where they stand, in zip64 archives too") {
  const ZipReader archive(test_data("saving/zip/wide.zip"));
  const std::map<std::string, std::string> members = {
      {"short.txt", "short"}, {"long.txt", "more than ten bytes"}, {"last.txt", "the last member"}};
  REQUIRE(archive.names().size() == members.size());
  for (const auto& member : members) {
    const auto& name = member.first;
    const auto& text = member.second;
    CAPTURE(name);
    CHECK(archive.text(name) == text);
    const auto part = archive.stored(name);
    REQUIRE(part.has_value());
    CHECK(std::string(reinterpret_cast<const char*>(part->bytes.data()), part->bytes.size()) ==
          text);
  }
}

TEST_CASE("npz: deflated members may not explode") {
  const std::string path = test_data("conformance/golden/dot.npz");
  CHECK_NOTHROW(ZipReader{path});
  Limits ratio;
  ratio.inflate_free = 0;
  ratio.inflate_ratio = 1;
  CHECK_THROWS_AS((ZipReader{path, ratio}), LimitError);
  Limits memory;
  memory.memory = 0;
  CHECK_THROWS_AS((ZipReader{path, memory}), LimitError);
}

TEST_CASE("files: only regular ones are read, and a failed write leaves the old one") {
  const Folder folder;
  CHECK_THROWS_AS(load_npy(folder / "missing.npy"), IoError);
  CHECK_THROWS_AS(load_npy(fs::temp_directory_path().string()), IoError);
  CHECK_THROWS_AS(load_npy("/dev/zero"), IoError);
  REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK_THROWS_AS(load_npz(folder / "pipe"), IoError);
  fs::remove(folder / "pipe");

  const Tensor x = Tensor::from(std::vector<float>{1}, {1});
  CHECK_THROWS_AS(save_npz(folder / "no/such/folder.npz", {{"x", x}}), IoError);

  save_npz(folder / "x.npz", {{"x", x}});
  const std::string before = slurp(folder / "x.npz");
  CHECK_THROWS_AS(save_npz(folder / "x.npz", {{"a", x}, {"a", x}}), ValueError);
  CHECK_THROWS_AS(save_npz(folder / "x.npz", {{"", x}}), ValueError);
  CHECK_THROWS_AS(save_npz(folder / "x.npz", {{"a", Tensor()}}), ValueError);
  CHECK_THROWS_AS(save_npz(folder / "x.npz", {}), ValueError);
  CHECK(slurp(folder / "x.npz") == before);
  CHECK(folder.files() == 1);

  write_text(folder / "a.txt", "new");
  CHECK(slurp(folder / "a.txt") == "new");
  CHECK_THROWS_AS(read_text(folder / "a.txt", 2), LimitError);
}

TEST_CASE("foreign text in messages is cut and escaped") {
  CHECK(quote_text("a\nb") == "'a\\x0ab'");
  CHECK(quote_text(std::string(300, 'x')).size() == 205);
}

}  // namespace nyala::saving
