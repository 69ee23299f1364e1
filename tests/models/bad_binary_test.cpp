// Bad binary files: archives, HDF5, arrays of NumPy, and files that are no model.
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nyala/models/saving/zip.hpp>
#include <nyala/nyala.hpp>

#include "models/bad_files.hpp"

using namespace nyala;
using testing::BadFiles;
using testing::expect_refused;
using testing::Folder;
using testing::little_endian;
using testing::patched;
using testing::read_bytes;
using testing::replaced;

namespace {

const saving::Limits kLimits{.memory = std::uint64_t{64} << 20};

void load(const std::string& path) { (void)load_model(path, {.limits = kLimits}); }

Sequential small_model() {
  return Sequential({Input({.shape = {3}}), layers::Dense({.units = 2})});
}

using Members = std::vector<std::pair<std::string, std::string>>;

std::string archive(const Members& members) {
  const Folder folder;
  saving::ZipWriter writer(folder / "made.zip");
  for (const auto& [name, text] : members) {
    const auto bytes = std::as_bytes(std::span(text));
    writer.add({name, saving::Pieces({bytes.begin(), bytes.end()})});
  }
  writer.commit();
  return read_bytes(folder / "made.zip");
}

// The members of a sound .keras file.
Members sound_members() {
  const Folder folder;
  small_model().save(folder / "m.keras");
  const saving::ZipReader reader(folder / "m.keras");
  Members members;
  for (const std::string& name : reader.names()) members.emplace_back(name, reader.text(name));
  return members;
}

// A .keras file with other text in a member; without it for no text.
std::string keras_with(const std::string& name, const std::string& text) {
  Members members;
  for (auto& member : sound_members()) {
    if (member.first != name) members.push_back(std::move(member));
  }
  if (!text.empty()) members.emplace_back(name, text);
  return archive(members);
}

TEST_CASE("bad archives: their structure") {
  const std::string good = archive(sound_members());
  const std::size_t end = good.rfind("PK\5\6");
  const std::size_t entry = good.find("PK\1\2");
  const auto in_end = [&](std::size_t at, std::uint64_t value, int size) {
    return patched(good, end + at, little_endian(value, size));
  };
  const auto in_entry = [&](std::size_t at, std::uint64_t value, int size) {
    return patched(good, entry + at, little_endian(value, size));
  };
  const std::string twins =
      archive({{"config.json", "{}"}, {"config.jsom", "{}"}, {"model.weights.h5", "x"}});
  const auto same_names = [&] {
    std::string bytes = twins;
    for (std::size_t at = 0; (at = bytes.find("jsom", at)) != std::string::npos;)
      bytes.replace(at, 4, "json");
    return bytes;
  };
  const std::size_t config = good.find("{\"module\"");
  REQUIRE(config != std::string::npos);
  expect_refused({{"two bytes", good.substr(0, 2)},
                  {"four bytes", good.substr(0, 4)},
                  {"first half", good.substr(0, good.size() / 2)},
                  {"no directory", good.substr(0, entry)},
                  {"no end record", good.substr(0, end)},
                  {"end record cut", good.substr(0, good.size() - 3)},
                  {"text behind", good + std::string(70'000, 'x')},
                  {"only an end record", good.substr(end)},
                  {"other end", patched(good, end, "XX")},
                  {"other disk", in_end(4, 3, 2)},
                  {"more members than there are", in_end(10, 9, 2)},
                  {"directory behind the end", in_end(16, 0x7fffffff, 4)},
                  {"directory at the beginning", in_end(16, 0, 4)},
                  {"directory too large", in_end(12, 0x7fffffff, 4)},
                  {"other entry", patched(good, entry, "XX")},
                  {"encrypted", in_entry(8, 1, 2)},
                  {"unknown method", in_entry(10, 99, 2)},
                  {"deflated it says", in_entry(10, 8, 2)},
                  {"larger inside", in_entry(24, 0x7fffffff, 4)},
                  {"larger than the file",
                   patched(in_entry(20, 0x7ffffff0, 4), entry + 24, little_endian(0x7ffffff0, 4))},
                  {"name longer than the file", in_entry(28, 0xffff, 2)},
                  {"member behind the end", in_entry(42, 0x7fffffff, 4)},
                  {"other header", patched(good, 0, "PK\3\5")},
                  {"other name in the header", patched(good, 30, "x")},
                  {"a name twice", same_names()},
                  {"a letter of the configuration", patched(good, config + 2, "n")}},
                 ".keras",
                 load);
}

TEST_CASE("bad archives: their members") {
  const std::string config = sound_members()[1].second;
  REQUIRE(sound_members()[1].first == "config.json");
  const std::string weights = sound_members()[2].second;
  expect_refused(
      {{"no configuration", keras_with("config.json", "")},
       {"configuration of spaces", keras_with("config.json", "  ")},
       {"configuration cut", keras_with("config.json", config.substr(0, config.size() / 2))},
       {"configuration of a list", keras_with("config.json", "[1, 2]")},
       {"configuration of an optimizer",
        keras_with("config.json", R"({"class_name": "Adam", "config": {}})")},
       {"configuration of a layer",
        keras_with("config.json", R"({"class_name": "Dense", "config": {"units": 2}})")},
       {"other compile settings",
        keras_with("config.json",
                   replaced(config,
                            "{\"module\"",
                            "{\"compile_config\": {\"optimizer\": "
                            "\"magic\", \"loss\": \"mse\"}, \"module\""))},
       {"no weights", keras_with("model.weights.h5", "")},
       {"weights of a text", keras_with("model.weights.h5", "weights")},
       {"weights cut", keras_with("model.weights.h5", weights.substr(0, weights.size() / 2))},
       {"weights of Python objects",
        archive({sound_members()[0], sound_members()[1], {"model.weights.npz", "PK"}})},
       {"another model's weights",
        keras_with("config.json", replaced(config, "\"units\": 2", "\"units\": 3"))},
       {"PyTorch", archive({{"a/data.pkl", "x"}, {"a/data/0", "x"}})},
       {"SavedModel", archive({{"m/saved_model.pb", "x"}})},
       {"arrays", archive({{"a.npy", "x"}})},
       {"anything", archive({{"word/document.xml", "<x/>"}})}},
      ".keras",
      load);
}

TEST_CASE("bad HDF5: weights") {
  const Folder folder;
  const Sequential model = small_model();
  model.save_weights(folder / "good.weights.h5");
  const std::string good = read_bytes(folder / "good.weights.h5");
  const auto set = [&](std::size_t at, std::uint64_t value, int size) {
    return patched(good, at, little_endian(value, size));
  };
  const std::size_t tree = good.rfind("TREE");  // that of the root
  const std::size_t heap = good.rfind("HEAP");
  const std::size_t node = good.rfind("SNOD");
  // The header of a dataset of two axes: 16 bytes, then dataspace, datatype, fill value, layout.
  const std::size_t type = good.find(std::string("\x11\x20\x1f\0\4\0\0\0", 8));
  for (const std::size_t at : {tree, heap, node, type}) REQUIRE(at != std::string::npos);
  const std::size_t header = type - 56;
  const std::size_t space = header + 24;
  const std::size_t layout = header + 104;
  const std::uint64_t far = std::uint64_t{1} << 40;
  const std::uint64_t huge = ~std::uint64_t{0} >> 2;
  expect_refused({{"signature only", good.substr(0, 8)},
                  {"superblock cut", good.substr(0, 40)},
                  {"superblock only", good.substr(0, 96)},
                  {"first half", good.substr(0, good.size() / 2)},
                  {"last byte missing", good.substr(0, good.size() - 8)},
                  {"unknown superblock", set(8, 9, 1)},
                  {"addresses of three bytes", set(13, 3, 1)},
                  {"lengths of no bytes", set(14, 0, 1)},
                  {"root beyond the end", set(64, far, 8)},
                  {"root at the superblock", set(64, 0, 8)},
                  {"root nowhere", set(64, huge * 4 + 3, 8)},
                  {"other tree", patched(good, tree, "TREX")},
                  {"tree of chunks", set(tree + 4, 1, 1)},
                  {"tree of 200 levels", set(tree + 5, 200, 1)},
                  {"tree of too many children", set(tree + 6, 0xffff, 2)},
                  {"child beyond the end", set(tree + 32, far, 8)},
                  {"child that is its parent", set(tree + 32, tree, 8)},
                  {"other heap", patched(good, heap, "HEAX")},
                  {"unknown heap", set(heap + 4, 9, 1)},
                  {"heap without an end", set(heap + 8, huge, 8)},
                  {"heap beyond the end", set(heap + 24, far, 8)},
                  {"other node", patched(good, node, "SNOX")},
                  {"unknown node", set(node + 4, 9, 1)},
                  {"node of too many names", set(node + 6, 0xffff, 2)},
                  {"name beyond the heap", set(node + 8, far, 8)},
                  {"object beyond the end", set(node + 16, far, 8)},
                  {"object that is the file", set(node + 16, 0, 8)},
                  {"unknown header", set(header, 9, 1)},
                  {"header beyond the end", set(header + 8, 0xfffffff0, 4)},
                  {"message beyond its header", set(header + 18, 0xfff8, 2)},
                  {"shared message", set(header + 20, 2, 1)},
                  {"unknown shape", set(space, 9, 1)},
                  {"200 axes", set(space + 1, 200, 1)},
                  {"three axes", set(space + 1, 3, 1)},
                  {"huge axis", set(space + 8, huge, 8)},
                  {"longer axis", set(space + 8, 1'000'000, 8)},
                  {"other axis", set(space + 8, 2, 8)},
                  {"unlimited axis", set(space + 8, ~std::uint64_t{0}, 8)},
                  {"type of no version", set(type, 1, 1)},
                  {"compound type", set(type, 0x16, 1)},
                  {"reference type", set(type, 0x17, 1)},
                  {"unknown type", set(type, 0x1e, 1)},
                  {"type of no bytes", set(type + 4, 0, 4)},
                  {"type of three bytes", set(type + 4, 3, 4)},
                  {"type of gigabytes", set(type + 4, 0xffffffff, 4)},
                  {"other exponent", set(type + 13, 9, 1)},
                  {"other bias", set(type + 16, 99, 4)},
                  {"unknown layout", set(layout, 9, 1)},
                  {"virtual layout", set(layout + 1, 3, 1)},
                  {"elements beyond the end", set(layout + 2, far, 8)},
                  {"elements at the last byte", set(layout + 2, good.size() - 1, 8)},
                  {"no layout", set(header + 96, 0, 2)},
                  {"no type", set(header + 48, 0, 2)},
                  {"no shape", set(header + 16, 0, 2)}},
                 ".weights.h5",
                 [&](const std::string& path) { model.load_weights(path, {.limits = kLimits}); });
}

std::string npy(const std::string& header, std::size_t bytes = 8) {
  return std::string("\x93NUMPY\1\0", 8) + little_endian(header.size(), 2) + header +
         std::string(bytes, '\1');
}

BadFiles bad_arrays() {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  const auto with = [&](const char* what, const char* by) { return npy(replaced(good, what, by)); };
  return {{"nothing", ""},
          {"magic only", "\x93NUMPY"},
          {"header cut", npy(good).substr(0, 30)},
          {"unknown version", patched(npy(good), 6, "\x09")},
          {"header beyond the end", patched(npy(good), 8, "\xff\xff")},
          {"other magic", patched(npy(good), 1, "X")},
          {"elements cut", npy(good, 7)},
          {"elements behind", npy(good, 9)},
          {"no elements", npy(good, 0)},
          {"empty header", npy("")},
          {"header of a list", npy("[1]")},
          {"no dtype", with("'descr': '<f4',", "")},
          {"no order", with("'fortran_order': False,", "")},
          {"no shape", with("'shape': (2,),", "")},
          {"a key twice", with("'shape'", "'descr': '<f4', 'shape'")},
          {"unknown key", with("'shape'", "'size': 1, 'shape'")},
          {"objects of Python", with("<f4", "|O")},
          {"complex numbers", with("<f4", "<c8")},
          {"texts", with("<f4", "<U1")},
          {"records", with("'<f4'", "[('a', '<f4')]")},
          {"big-endian", with("<f4", ">f4")},
          {"dtype of a number", with("'<f4'", "4")},
          {"text without an end", with("'<f4'", "'<f4")},
          {"order of a number", with("False", "0")},
          {"shape of a number", with("(2,)", "2")},
          {"negative size", with("(2,)", "(-2,)")},
          {"size of a fraction", with("(2,)", "(2.0,)")},
          {"size of a name", with("(2,)", "(x,)")},
          {"sizes whose product runs over", with("(2,)", "(4294967296, 4294967296, 2)")},
          {"size beyond 64 bits", with("(2,)", "(99999999999999999999,)")},
          {"gigabytes", with("(2,)", "(1099511627776,)")},
          {"gigabytes of nothing", with("(2,)", "(0, 9223372036854775807, 9)")},
          {"no closing brace", with("), }", "), ")},
          {"code", with("False", "__import__('os')")},
          {"text behind", npy(good + " x")}};
}

TEST_CASE("bad arrays") {
  expect_refused(
      bad_arrays(), ".npy", [](const std::string& path) { saving::load_npy(path, kLimits); });
  BadFiles archives = {
      {"no array", archive({{"readme.txt", "x"}})},
      {"nothing", ""},
      {"one array", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }")}};
  for (const auto& [kind, bytes] : bad_arrays())
    archives.push_back({kind, archive({{"a.npy", bytes}})});
  expect_refused(
      archives, ".npz", [](const std::string& path) { saving::load_npz(path, kLimits); });
}

TEST_CASE("files that are no model") {
  std::string tar(512, '\0');
  tar.replace(257, 5, "ustar");
  expect_refused({{"Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"},
                  {"pickle", std::string("\x80\4\x95\0\0", 5)},
                  {"HTML", "<!DOCTYPE html><html></html>"},
                  {"XML", "<?xml version=\"1.0\"?><a/>"},
                  {"gzip", std::string("\x1f\x8b\x08\0\0\0", 6)},
                  {"tar", tar},
                  {"TensorFlow Lite", std::string("\x1c\0\0\0TFL3\0\0\0\0", 12)},
                  {"array", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }")},
                  {"tensors", little_endian(2, 8) + "{}"},
                  {"image", std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16)},
                  {"text", "hello\n"},
                  {"zeros", std::string(100'000, '\0')}},
                 ".keras",
                 load);
}

}  // namespace
