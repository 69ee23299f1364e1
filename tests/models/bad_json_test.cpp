// Bad JSON: as text, as a model, as the header of a safetensors file.
#include <string>
#include <vector>

#include <nyala/nyala.hpp>

#include "models/bad_files.hpp"

using namespace nyala;
using testing::BadFiles;
using testing::expect_refused;
using testing::little_endian;
using testing::replaced;

namespace {

void load(const std::string& path) {
  (void)load_model(path, {.limits = {.memory = std::uint64_t{64} << 20}});
}

const std::string kInput =
    R"({"class_name": "InputLayer", "config": {"batch_shape": [null, 4], "dtype": "float32", )"
    R"("name": "x"}})";

std::string sequential(const std::string& layers) {
  return R"({"class_name": "Sequential", "config": {"name": "s", "layers": [)" + layers + "]}}";
}

// A model of one layer behind an input of a shape.
std::string layer(const std::string& class_name,
                  const std::string& config,
                  const std::string& shape = "[null, 4]") {
  return sequential(replaced(kInput, "[null, 4]", shape) + R"(, {"class_name": ")" + class_name +
                    R"(", "config": {)" + (config.empty() ? "" : config + ", ") +
                    "\"name\": \"y\"}}");
}

std::string dense(const std::string& entry) {
  return layer("Dense", entry.find("\"units\"") == 0 ? entry : R"("units": 2, )" + entry);
}

TEST_CASE("bad JSON: the text is none") {
  const std::string good = dense(R"("use_bias": false)");
  const std::string deep(100'000, '[');
  std::string deep_dicts;
  for (int i = 0; i < 20'000; ++i) deep_dicts += "{\"a\":";
  expect_refused({{"nothing", ""},
                  {"spaces", "   \n\t "},
                  {"one brace", "{"},
                  {"cut in the middle", good.substr(0, good.size() / 2)},
                  {"cut in a name", good.substr(0, good.find("name") + 2)},
                  {"last brace missing", good.substr(0, good.size() - 1)},
                  {"text behind", good + "x"},
                  {"two values", good + good},
                  {"comma before a brace", replaced(good, "}}]", ",}}]")},
                  {"comma missing", replaced(good, ", \"dtype\"", " \"dtype\"")},
                  {"colon missing", replaced(good, "\"dtype\":", "\"dtype\"")},
                  {"key without quotes", replaced(good, "\"dtype\"", "dtype")},
                  {"single quotes", replaced(good, "\"dtype\"", "'dtype'")},
                  {"comment", replaced(good, "\"dtype\"", "/* */ \"dtype\"")},
                  {"zero byte", replaced(good, "\"dtype\"", std::string("\0\"dtype\"", 8))},
                  {"newline in a text", replaced(good, "float32", "float\n32")},
                  {"unknown escape", replaced(good, "float32", "float\\x32")},
                  {"escape of three digits", replaced(good, "float32", "float\\u032")},
                  {"not UTF-8", replaced(good, "float32", "float\xff\xfe")},
                  {"UTF-16", std::string("\xff\xfe{\0}\0", 6)},
                  {"leading zero", replaced(good, "4]", "04]")},
                  {"hexadecimal", replaced(good, "4]", "0x4]")},
                  {"plus sign", replaced(good, "4]", "+4]")},
                  {"exponent without digits", replaced(good, "4]", "4e]")},
                  {"only a sign", replaced(good, "4]", "-]")},
                  {"unknown word", replaced(good, "null", "nil")},
                  {"Python's None", replaced(good, "null", "None")},
                  {"very deep lists", R"({"class_name": )" + deep},
                  {"very deep dicts", deep_dicts},
                  {"a list of models", "[" + good + "]"},
                  {"a text", "\"model\""},
                  {"a number", "42"}},
                 ".json",
                 load);
}

TEST_CASE("bad JSON: the model is none") {
  const std::string nodes =
      R"({"class_name": "Functional", "config": {"name": "f", "layers": [{"class_name": "InputLayer", )"
      R"("name": "x", "config": {"batch_shape": [null, 4], "dtype": "float32", "name": "x"}, )"
      R"("inbound_nodes": []}, {"class_name": "Dense", "name": "d", "config": {"name": "d", )"
      R"("units": 2}, "inbound_nodes": [[["x", 0, 0, {}]]]}], "input_layers": [["x", 0, 0]], )"
      R"("output_layers": [["d", 0, 0]]}})";
  REQUIRE_NOTHROW((void)model_from_json(nodes));
  expect_refused(
      {{"empty dict", "{}"},
       {"no class", R"({"config": {"layers": []}})"},
       {"class of a number", R"({"class_name": 5, "config": {"layers": []}})"},
       {"no configuration", R"({"class_name": "Sequential"})"},
       {"configuration of null", R"({"class_name": "Sequential", "config": null})"},
       {"configuration of a number", R"({"class_name": "Sequential", "config": 7})"},
       {"layers of a number", R"({"class_name": "Sequential", "config": {"layers": 3}})"},
       {"layers of a dict", R"({"class_name": "Functional", "config": {"layers": {}}})"},
       {"layer of null", sequential(kInput + ", null")},
       {"layer of a text", sequential(kInput + ", \"Dense\"")},
       {"layer of a list", sequential(kInput + ", []")},
       {"layer without a class", sequential(kInput + ", {\"config\": {}}")},
       {"layer without a configuration", sequential(kInput + R"(, {"class_name": "Dense"})")},
       {"unknown layer", layer("NoSuchLayer", "")},
       {"code of Python", layer("Lambda", R"("function": "x")")},
       {"a class with a path", layer("../../Dense", "\"units\": 2")},
       {"node of an unknown layer",
        replaced(nodes, R"([["x", 0, 0, {}]])", R"([["z", 0, 0, {}]])")},
       {"node of the layer itself",
        replaced(nodes, R"([["x", 0, 0, {}]])", R"([["d", 0, 0, {}]])")},
       {"node of an index beyond", replaced(nodes, R"(["x", 0, 0, {}])", R"(["x", 9, 0, {}])")},
       {"tensor of an index beyond", replaced(nodes, R"(["x", 0, 0, {}])", R"(["x", 0, 9, {}])")},
       {"negative index", replaced(nodes, R"(["x", 0, 0, {}])", R"(["x", -1, 0, {}])")},
       {"node of a number", replaced(nodes, R"([[["x", 0, 0, {}]]])", "5")},
       {"node of a text", replaced(nodes, R"([[["x", 0, 0, {}]]])", "\"x\"")},
       {"node too short", replaced(nodes, R"(["x", 0, 0, {}])", R"(["x"])")},
       {"unknown input", replaced(nodes, R"("input_layers": [["x")", R"("input_layers": [["z")")},
       {"unknown output", replaced(nodes, R"([["d", 0, 0]])", R"([["z", 0, 0]])")},
       {"outputs of null", replaced(nodes, R"([["d", 0, 0]])", "null")},
       {"output of an index beyond", replaced(nodes, R"([["d", 0, 0]])", R"([["d", 0, 7]])")}},
      ".json",
      load);
}

TEST_CASE("bad JSON: a layer's configuration is none") {
  const std::string image = "[null, 5, 5, 2]";
  expect_refused(
      {{"no units", layer("Dense", "")},
       {"negative units", dense(R"("units": -1)")},
       {"no unit", dense(R"("units": 0)")},
       {"units of a text", dense(R"("units": "two")")},
       {"units of null", dense(R"("units": null)")},
       {"a broken number of units", dense(R"("units": 1.5)")},
       {"units of a list", dense(R"("units": [2])")},
       {"more units than memory", dense(R"("units": 1099511627776)")},
       {"more units than integers", dense(R"("units": 99999999999999999999)")},
       {"units beyond all numbers", dense(R"("units": 1e999)")},
       {"unknown key", dense(R"("unit": 2)")},
       {"unknown activation", dense(R"("activation": "swoosh")")},
       {"activation of a number", dense(R"("activation": 3)")},
       {"activation of a list", dense(R"("activation": ["relu"])")},
       {"unknown initializer", dense(R"("kernel_initializer": "nice")")},
       {"initializer of a number", dense(R"("kernel_initializer": 1)")},
       {"unknown regularizer", dense(R"("kernel_regularizer": "l3")")},
       {"unknown constraint", dense(R"("kernel_constraint": {"class_name": "Odd", "config": {}})")},
       {"unknown dtype", dense(R"("dtype": "float31")")},
       {"dtype of a number", dense(R"("dtype": 32)")},
       {"bias of a text", dense(R"("use_bias": "perhaps")")},
       {"negative shape", layer("Dense", "\"units\": 2", "[null, -4]")},
       {"shape of texts", layer("Dense", "\"units\": 2", "[null, \"4\"]")},
       {"shape of a number", layer("Dense", "\"units\": 2", "4")},
       {"shape beyond memory", layer("Dense", "\"units\": 9", "[null, 1099511627776]")},
       {"kernel of no size", layer("Conv2D", R"("filters": 2, "kernel_size": 0)", image)},
       {"kernel of three sizes",
        layer("Conv2D", R"("filters": 2, "kernel_size": [1, 1, 1])", image)},
       {"kernel beyond the image", layer("Conv2D", R"("filters": 2, "kernel_size": 9)", image)},
       {"no stride", layer("Conv2D", R"("filters": 2, "kernel_size": 2, "strides": 0)", image)},
       {"negative dilation",
        layer("Conv2D", R"("filters": 2, "kernel_size": 2, "dilation_rate": -1)", image)},
       {"unknown padding",
        layer("Conv2D", R"("filters": 2, "kernel_size": 2, "padding": "most")", image)},
       {"unknown data format",
        layer("Conv2D", R"("filters": 2, "kernel_size": 2, "data_format": "nhwc")", image)},
       {"groups that do not divide",
        layer("Conv2D", R"("filters": 2, "kernel_size": 2, "groups": 3)", image)},
       {"image of two axes", layer("Conv2D", R"("filters": 2, "kernel_size": 2)")},
       {"pool of no size", layer("MaxPooling2D", R"("pool_size": 0)", image)},
       {"crop of more than there is", layer("Cropping2D", R"("cropping": 4)", image)},
       {"padding beyond memory",
        layer("ZeroPadding2D", R"("padding": 4611686018427387904)", image)},
       {"negative state", layer("LSTM", R"("units": -5)", "[null, 3, 4]")},
       {"steps of two axes", layer("GRU", R"("units": 5)")},
       {"rate beyond one", layer("Dropout", R"("rate": 2)")},
       {"negative vocabulary", layer("Embedding", R"("input_dim": -1, "output_dim": 2)")},
       {"shape that does not fit", layer("Reshape", R"("target_shape": [3, 3])")},
       {"shape of two unknowns", layer("Reshape", R"("target_shape": [-1, -1])")},
       {"repeats beyond memory", layer("RepeatVector", R"("n": 4611686018427387904)")},
       {"axes that are not there", layer("Permute", R"("dims": [2, 1])")},
       {"wrapper of nothing", layer("TimeDistributed", "", "[null, 3, 4]")},
       {"wrapper of a text", layer("Bidirectional", R"("layer": "LSTM")", "[null, 3, 4]")},
       {"normalized axis beyond", layer("BatchNormalization", R"("axis": 7)")}},
      ".json",
      load);
}

// A safetensors file of a header and some bytes of data.
std::string tensors(const std::string& header, std::size_t data = 8) {
  return little_endian(header.size(), 8) + header + std::string(data, '\1');
}

TEST_CASE("bad safetensors") {
  const Sequential model({Input({.shape = {1}}), layers::Dense({.units = 1})});
  const std::string good =
      R"({"layers/dense/vars/0": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}, )"
      R"("layers/dense/vars/1": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})";
  const testing::Folder folder;
  testing::write_bytes(folder / "good.safetensors", tensors(good));
  REQUIRE_NOTHROW(model.load_weights(folder / "good.safetensors"));
  const auto with = [&](const char* what, const char* by) {
    return tensors(replaced(good, what, by));
  };
  expect_refused({{"header beyond the file", little_endian(1000, 8) + good},
                  {"header beyond all files", std::string(7, '\xff') + "\x7f" + good},
                  {"header cut", little_endian(good.size(), 8) + good.substr(0, 40)},
                  {"header of a list", tensors("{\"a\": []}", 0)},
                  {"header that ends early", tensors(good.substr(0, good.size() - 1))},
                  {"no tensors", tensors("{}", 0)},
                  {"data cut", tensors(good, 7)},
                  {"data behind", tensors(good, 9)},
                  {"no data", tensors(good, 0)},
                  {"no dtype", with("\"dtype\"", "\"type\"")},
                  {"unknown dtype", with("F32", "F31")},
                  {"dtype of a number", with("\"F32\"", "32")},
                  {"wider dtype", with("F32", "F64")},
                  {"no shape", with("\"shape\"", "\"size\"")},
                  {"shape of a number", with("[1, 1]", "1")},
                  {"negative size", with("[1, 1]", "[-1, -1]")},
                  {"size of a text", with("[1, 1]", "[\"1\", 1]")},
                  {"size of a fraction", with("[1, 1]", "[1.0, 1]")},
                  {"more elements than bytes", with("[1, 1]", "[1, 2]")},
                  {"sizes whose product runs over", with("[1, 1]", "[4611686018427387904, 4]")},
                  {"too many axes",
                   tensors(replaced(
                       good,
                       "[1, 1]",
                       "[1" +
                           [] {
                             std::string ones;
                             for (int i = 0; i < 99; ++i) ones += ", 1";
                             return ones;
                           }() +
                           "]"))},
                  {"no offsets", with("\"data_offsets\"", "\"offsets\"")},
                  {"one offset", with("[0, 4]", "[4]")},
                  {"offsets of texts", with("[0, 4]", "[\"0\", \"4\"]")},
                  {"offsets turned around", with("[0, 4]", "[4, 0]")},
                  {"negative offset", with("[0, 4]", "[-4, 0]")},
                  {"tensors that overlap", with("[4, 8]", "[2, 6]")},
                  {"a gap between tensors", with("[4, 8]", "[5, 9]")},
                  {"offsets beyond the data", with("[4, 8]", "[4, 800]")},
                  {"another layer's tensors", with("layers/dense/vars/0", "layers/other/vars/0")},
                  {"another shape", with("[1, 1]", "[1]")}},
                 ".safetensors",
                 [&](const std::string& path) { model.load_weights(path); });
}

}  // namespace
