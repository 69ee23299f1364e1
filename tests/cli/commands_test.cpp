// Each command of the program, against the library in this process.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include <doctest/doctest.h>

#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/saving.hpp>
#include <nyala/nyala.hpp>

#include "program.hpp"

using namespace nyala;
using namespace nyala::testing;
namespace fs = std::filesystem;

namespace {

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.contiguous().data(), b.contiguous().data(), a.nbytes()) == 0;
}

void expect_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(same_bits(a[i], b[i]));
}

// What the program says when all went well.
std::string done(const std::vector<std::string>& arguments) {
  const Run result = run(arguments);
  INFO(result.err);
  CHECK(result.status == 0);
  CHECK((result.err.empty() || result.err.starts_with("nyala: warning: ")));
  return result.out;
}

// A folder with the small model and data for it.
struct Files {
  Folder folder;
  Model model = small_model();
  std::string keras = folder / "model.keras";
  std::string data = folder / "data.npz";

  Files() {
    model.save(keras);
    save_data(data);
  }
  std::map<std::string, Tensor> arrays() const {
    std::map<std::string, Tensor> all;
    for (const auto& [name, tensor] : saving::load_npz(data)) all[name] = tensor;
    return all;
  }
};

}  // namespace

TEST_CASE("summary prints the table, or JSON") {
  const Files files;
  const std::string table = done({"summary", files.keras});
  CHECK(table.find("Model: \"small\"") != std::string::npos);
  CHECK(table.find("near (Dense)") != std::string::npos);
  CHECK(table.find('\x1b') == std::string::npos);

  const Config json = saving::parse_json(done({"summary", files.keras, "--json"}));
  CHECK(json.at("name").as_string() == "small");
  CHECK(json.at("class_name").as_string() == "Functional");
  CHECK(json.at("total_params").as_int() == files.model.count_params());
  CHECK(json.at("trainable_params").as_int() == files.model.count_params());
  CHECK(json.at("non_trainable_params").as_int() == 0);
  const auto& layers = json.at("layers").as_list();
  REQUIRE(layers.size() == files.model.layers().size());
  CHECK(layers[2].at("name").as_string() == "a");
  CHECK(layers[2].at("class_name").as_string() == "Dense");
  CHECK(layers[2].at("output_shape").str() == "[null, 6]");
  CHECK(layers[2].at("params").as_int() == 30);
}

TEST_CASE("inspect tells what a file holds") {
  const Files files;
  const std::string text = done({"inspect", files.keras});
  for (const char* part : {"Keras archive",
                           "Keras 3",
                           "Functional \"small\"",
                           "left (None, 4) float32",
                           "Dense x 4",
                           "Missing:      nothing",
                           "Adam",
                           "mean_absolute_error",
                           "after 0 steps"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
}

TEST_CASE("predict writes the outputs under their names") {
  const Files files;
  const std::string out = files.folder / "out.npz";
  CHECK(done({"predict", files.keras, "--inputs", files.data, "--out", out}).empty());
  const auto arrays = files.arrays();
  const Outputs wanted = files.model.predict_all(
      {{"left", arrays.at("left")}, {"right", arrays.at("right")}}, {.verbose = 0});
  const auto outputs = saving::load_npz(out);
  REQUIRE(outputs.size() == 2);
  CHECK(outputs[0].first == "near");
  CHECK(outputs[1].first == "far");
  CHECK(same_bits(outputs[0].second, wanted["near"]));
  CHECK(same_bits(outputs[1].second, wanted["far"]));

  SUBCASE("inputs may be numbered") {
    for (const std::string prefix : {"x", "in_"}) {
      const std::string numbered = files.folder / "numbered.npz";
      saving::save_npz(numbered,
                       {{prefix + "0", arrays.at("left")}, {prefix + "1", arrays.at("right")}});
      done({"predict", files.keras, "--inputs", numbered, "--out", files.folder / "n.npz"});
      CHECK(same_bits(saving::load_npz(files.folder / "n.npz")[0].second, wanted["near"]));
    }
  }
  SUBCASE("an architecture takes its weights from another file") {
    const std::string json = files.folder / "model.json";
    done({"convert", files.keras, json});
    for (const char* ending : {"w.weights.h5", "w.npz", "w.safetensors"}) {
      const std::string weights = files.folder / ending;
      done({"convert", files.keras, weights});
      done({"predict", json, "--weights", weights, "--inputs", files.data, "--out", out});
      CHECK(same_bits(saving::load_npz(out)[0].second, wanted["near"]));
    }
  }
}

TEST_CASE("train goes on from the file, as fit does") {
  const Files files;
  const std::string out = files.folder / "trained.keras";
  const std::string history = files.folder / "history.json";
  const std::string text = done({"train",
                                 files.keras,
                                 "--data",
                                 files.data,
                                 "--epochs",
                                 "2",
                                 "--batch-size",
                                 "8",
                                 "--seed",
                                 "5",
                                 "--validation-data",
                                 files.data,
                                 "--save",
                                 out,
                                 "--history",
                                 history});
  CHECK(text.find("Epoch 1/2 - ") == 0);
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);

  const auto arrays = files.arrays();
  const Data x{{"left", arrays.at("left")}, {"right", arrays.at("right")}};
  const Data y{{"near", arrays.at("y0")}, {"far", arrays.at("y1")}};
  set_random_seed(5);
  const Model twin = load_model(files.keras);
  const History wanted =
      twin.fit(x, y, {.batch_size = 8, .epochs = 2, .verbose = 0, .validation_data = {x, y}});
  const Model trained = load_model(out);
  expect_same(trained.get_weights(), twin.get_weights());
  CHECK(trained.optimizer().iterations().value().item<std::int64_t>() == 10);
  const Config json = saving::parse_json(read_bytes(history));
  CHECK(json.as_dict().size() == wanted.names().size());
  for (const std::string& name : wanted.names()) {
    REQUIRE(json.at(name).size() == 2);
    CHECK(json.at(name).as_list()[1].as_double() == wanted[name][1]);
  }
}

TEST_CASE("train takes sample weights and settings from the command line") {
  const Files files;
  auto arrays = saving::load_npz(files.data);
  arrays.emplace_back("sw", ops::zeros({40}));
  const std::string data = files.folder / "weighted.npz";
  saving::save_npz(data, arrays);
  const std::string out = files.folder / "out.keras";
  const std::string text = done({"train",
                                 files.keras,
                                 "--data",
                                 data,
                                 "--optimizer",
                                 "sgd",
                                 "--loss",
                                 "mean_squared_error",
                                 "--learning-rate",
                                 "0.5",
                                 "--no-shuffle",
                                 "--save",
                                 out});
  CHECK(text.find("loss: 0.0000e+00") != std::string::npos);
  const Model trained = load_model(out);
  expect_same(trained.get_weights(), files.model.get_weights());
  CHECK(trained.optimizer()->class_name() == "SGD");
}

TEST_CASE("tables are data too") {
  const Folder folder;
  const Symbol x = Input({.shape = {2}});
  const Model model(x, layers::Dense({.units = 1, .kernel_initializer = "ones"})(x));
  model.compile({.optimizer = "sgd", .loss = "mean_squared_error"});
  model.save(folder / "m.keras");
  std::ofstream(folder / "t.csv") << "a,price,\"b\"\n1,3,2\n2,5,3\r\n\n0.5,2,1.5\n";
  const std::string text =
      done({"evaluate", folder / "m.keras", "--data", folder / "t.csv", "--target", "price"});
  CHECK(text.find("loss: 0.0000e+00") == 0);
  done({"train",
        folder / "m.keras",
        "--data",
        folder / "t.csv",
        "--target",
        "price",
        "--save",
        folder / "out.weights.h5"});
  done({"predict",
        folder / "m.keras",
        "--inputs",
        folder / "t.csv",
        "--target",
        "price",
        "--out",
        folder / "out.npz"});
  CHECK(saving::load_npz(folder / "out.npz")[0].second.to_vector<float>() ==
        std::vector<float>{3, 5, 2});
}

TEST_CASE("evaluate prints what evaluate gives") {
  const Files files;
  const auto arrays = files.arrays();
  const EvaluateResult wanted =
      files.model.evaluate(Data{{"left", arrays.at("left")}, {"right", arrays.at("right")}},
                           Data{{"near", arrays.at("y0")}, {"far", arrays.at("y1")}},
                           {.verbose = 0});
  const Config json =
      saving::parse_json(done({"evaluate", files.keras, "--data", files.data, "--json"}));
  REQUIRE(json.as_dict().size() == wanted.size());
  for (const auto& [name, value] : wanted) CHECK(json.at(name).as_double() == value);
  CHECK(done({"evaluate", files.keras, "--data", files.data}).find("loss: ") == 0);
}

TEST_CASE("convert writes every format, and each of them reads as the same model") {
  const Files files;
  for (const char* ending : {"c.keras", "c.h5"}) {
    const std::string out = files.folder / ending;
    done({"convert", files.keras, out});
    expect_same(load_model(out).get_weights(), files.model.get_weights());
  }
  done({"convert", files.keras, files.folder / "c.keras"});
  CHECK(done({"diff", files.keras, files.folder / "c.keras"}).empty());
}

TEST_CASE("plot draws an SVG and a DOT") {
  const Files files;
  done({"plot", files.keras, files.folder / "p.svg"});
  const std::string svg = read_bytes(files.folder / "p.svg");
  CHECK(svg.starts_with("<svg "));
  CHECK(svg.ends_with("</svg>\n"));
  for (const char* name : {">near<", ">left<", "(None, 12)"})
    CHECK(svg.find(name) != std::string::npos);
  done({"plot", files.keras, files.folder / "p.dot", "--rankdir", "LR", "--show-dtype"});
  const std::string dot = read_bytes(files.folder / "p.dot");
  CHECK(dot.starts_with("digraph \"small\" {"));
  CHECK(dot.find("rankdir=LR") != std::string::npos);
  CHECK(dot.find("float32") != std::string::npos);
}

TEST_CASE("diff names what differs and ends with 1") {
  const Files files;
  CHECK(done({"diff", files.keras, files.keras}).empty());
  const Model other = load_model(files.keras);
  std::vector<Tensor> weights = other.get_weights();
  weights[1] = weights[1] + 0.5;
  other.set_weights(weights);
  const std::string path = files.folder / "other.keras";
  other.save(path);
  const Run result = run({"diff", files.keras, path});
  CHECK(result.status == 1);
  CHECK(result.err.empty());
  CHECK(result.out == "weights/a/bias: 6 of 6 values differ, by up to 0.5\n");
  CHECK(run({"diff", files.keras, path, "--atol", "1"}).status == 0);
}

TEST_CASE("diff tells weights inside a wrapper apart") {
  const Files files;
  const Sequential model(
      {Input({.shape = {3, 2}}),
       layers::Bidirectional({.layer = layers::GRU({.units = 2, .name = "g"}), .name = "both"})});
  const std::string before = files.folder / "before.keras";
  const std::string after = files.folder / "after.keras";
  model.save(before);
  model.weights()[5].assign(model.weights()[5] + 1);
  model.save(after);
  CHECK(run({"diff", before, after}).out ==
        "weights/both/backward_g/gru_cell/bias: 12 of 12 values differ, by up to 1\n");
}

TEST_CASE("bench measures") {
  const Files files;
  const Config json = saving::parse_json(
      done({"bench", files.keras, "--batch-size", "4", "--seconds", "0", "--json"}));
  for (const char* key : {"predict_ms", "train_ms", "peak_memory_mb"})
    CHECK(json.at(key).as_double() > 0);
  CHECK(done({"bench", files.keras, "--seconds", "0"}).find("Prediction:") != std::string::npos);
}

TEST_CASE("help, version, completion and manual") {
  CHECK(done({"--version"}).starts_with("nyala "));
  const std::string help = done({"--help"});
  for (const char* command : {"summary",
                              "inspect",
                              "predict",
                              "train",
                              "evaluate",
                              "convert",
                              "plot",
                              "diff",
                              "bench",
                              "completion"}) {
    CAPTURE(command);
    CHECK(help.find(command) != std::string::npos);
    CHECK(done({command, "--help"}).find("--help") != std::string::npos);
  }
  for (const char* shell : {"bash", "zsh", "fish"})
    CHECK(done({"completion", shell}).find("checkpoint") != std::string::npos);
  CHECK(done({"manual"}).starts_with(".TH NYALA 1"));
}
