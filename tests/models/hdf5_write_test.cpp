// What the HDF5 writer writes, as the reader sees it (tests/saving/hdf5_property.py asks h5py).
#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/hdf5/reader.hpp>
#include <nyala/models/saving/hdf5/writer.hpp>

#include "folder.hpp"

namespace nyala::saving {
namespace {

std::vector<std::byte> bytes_of(const hdf5::Writer& writer) {
  std::vector<std::byte> bytes;
  writer.pieces().for_each([&](std::span<const std::byte> part) {
    bytes.insert(bytes.end(), part.begin(), part.end());
  });
  CHECK(bytes.size() == writer.pieces().size());
  return bytes;
}

bool same(const Tensor& a, const Tensor& b) {
  const Tensor x = a.contiguous();
  const Tensor y = b.contiguous();
  return x.spec() == y.spec() && std::memcmp(x.data(), y.data(), x.nbytes()) == 0;
}

TEST_CASE("hdf5 writer: datasets of every dtype, shape and layout come back") {
  hdf5::Writer writer;
  std::map<std::string, Tensor> all;
  for (const DType dtype : kDTypes)
    all["dtypes/" + std::string(name_of(dtype))] = ops::cast(ops::arange(1, 7), dtype);
  all["scalar"] = Tensor::scalar(2.5, float32);
  all["empty"] = Tensor::empty({0, 3}, float32);
  all["transposed"] = ops::transpose(ops::reshape(ops::arange(0, 6), {2, 3}));
  all["odd"] = ops::cast(ops::arange(0, 5), uint8);
  for (const auto& [name, tensor] : all) writer.add(name, tensor);
  const hdf5::File file(bytes_of(writer), "written.h5");
  for (const auto& one : all) {
    CAPTURE(one.first);
    CHECK(same(file.root().at(one.first).read(), one.second));
  }
  CHECK(file.root().names() ==
        std::vector<std::string>{"dtypes", "empty", "odd", "scalar", "transposed"});
  CHECK(file.root().at("transposed").bytes().has_value());
  CHECK(file.root().at("dtypes/bfloat16").text_attribute("dtype") == "bfloat16");
  CHECK(file.root().at("dtypes/float16").attribute_names().empty());
}

// Beyond 8 names a symbol table has several leaves, beyond 256 its tree several levels.
TEST_CASE("hdf5 writer: groups of any size") {
  for (const int count : {0, 1, 8, 9, 256, 257, 9000}) {
    CAPTURE(count);
    hdf5::Writer writer;
    writer.add_group("group");
    for (int i = 0; i < count; ++i)
      writer.add("group/" + std::to_string(i), Tensor::scalar(i, int32));
    const hdf5::File file(bytes_of(writer), "written.h5");
    const hdf5::Object group = file.root().at("group");
    REQUIRE(group.names().size() == static_cast<std::size_t>(count));
    for (int i = 0; i < count; i += 97) CHECK(group.at(std::to_string(i)).read().item<int>() == i);
    CHECK_FALSE(group.contains(std::to_string(count)));
  }
}

TEST_CASE("hdf5 writer: attributes") {
  hdf5::Writer writer;
  const std::string huge(200'000, 'z');
  writer.set_attribute("", "config", huge);
  writer.set_attribute("a", "text", "漢字");
  writer.set_attribute("a", "text", "once");
  writer.set_attribute("a", "none", std::vector<std::string>{});
  writer.set_attribute("a", "some", std::vector<std::string>{"x", "", "long"});
  writer.set_attribute("a", "numbers", Tensor::from<float>({1, 2}));
  // Keras splits what does not fit a header.
  const std::vector<std::string> many(3000, std::string(50, 'n'));
  writer.set_attribute("a", "many", many);
  const hdf5::File file(bytes_of(writer), "written.h5");
  CHECK(file.root().text_attribute("config") == huge);
  const hdf5::Object a = file.root().at("a");
  CHECK(a.text_attribute("text") == "once");
  CHECK(a.texts_attribute("none").empty());
  CHECK(a.texts_attribute("some") == std::vector<std::string>{"x", "", "long"});
  CHECK(same(a.attribute("numbers"), Tensor::from<float>({1, 2})));
  std::vector<std::string> parts;
  for (const char* name : {"many0", "many1", "many2"}) {
    const auto part = a.texts_attribute(name);
    parts.insert(parts.end(), part.begin(), part.end());
  }
  CHECK(parts == many);
  CHECK_FALSE(a.has_attribute("many3"));
  // More texts than one collection of the heap holds.
  hdf5::Writer full;
  for (int i = 0; i < 62'000; ++i)
    full.set_attribute("g" + std::to_string(i), "name", "n" + std::to_string(i));
  const hdf5::File heaps(bytes_of(full), "written.h5");
  for (const int i : {0, 1, 59'999, 60'000, 61'999})
    CHECK(heaps.root().at("g" + std::to_string(i)).text_attribute("name") ==
          "n" + std::to_string(i));
}

TEST_CASE("hdf5 writer: what cannot be written is refused") {
  hdf5::Writer writer;
  writer.add("a/b", Tensor::scalar(1, int32));
  CHECK_THROWS_AS(writer.add("a/b", Tensor::scalar(1, int32)), ValueError);
  CHECK_THROWS_AS(writer.add("a", Tensor::scalar(1, int32)), ValueError);
  CHECK_THROWS_AS(writer.add("a/b/c", Tensor::scalar(1, int32)), ValueError);
  CHECK_THROWS_AS(writer.add("", Tensor::scalar(1, int32)), ValueError);
  CHECK_THROWS_AS(writer.add_group("a/b"), ValueError);
  CHECK_THROWS_AS(writer.add_group(std::string("a\0b", 3)), ValueError);
  CHECK_THROWS_AS(
      writer.set_attribute("a", "t", std::vector<std::string>{std::string(70'000, 'x')}),
      LimitError);
}

TEST_CASE("hdf5 writer: the file holds the bytes that were laid out") {
  const testing::Folder folder;
  hdf5::Writer writer;
  writer.add("x", ops::arange(0, 1000));
  write_pieces(folder / "x.h5", writer.pieces());
  const hdf5::File file(folder / "x.h5");
  CHECK(same(file.root().at("x").read(), ops::arange(0, 1000)));
  CHECK(folder.files() == 1);
}

}  // namespace
}  // namespace nyala::saving
