// What the program says when something is wrong: one line, a status, and no file left behind.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include <nyala/models/saving/saving.hpp>
#include <nyala/nyala.hpp>

#include "program.hpp"

using namespace nyala;
using namespace nyala::testing;
namespace fs = std::filesystem;

namespace {

void expect_failure(int status,
                    const std::vector<std::string>& arguments,
                    const std::vector<std::string>& parts) {
  const Run result = run(arguments);
  std::string line;
  for (const std::string& argument : arguments) line += argument + " ";
  CAPTURE(line);
  INFO(result.err);
  CHECK(result.status == status);
  CHECK(result.out.empty());
  CHECK(result.err.starts_with("nyala: "));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(result.err.find(part) != std::string::npos);
  }
}

struct Files {
  Folder folder;
  std::string keras = folder / "model.keras";
  std::string data = folder / "data.npz";
  std::string out = folder / "sub" + "/out";

  Files() {
    fs::create_directory(folder / "sub");
    small_model().save(keras);
    save_data(data);
  }
  // Nothing is left where outputs were to go.
  ~Files() { CHECK(fs::is_empty(folder / "sub")); }
};

}  // namespace

TEST_CASE("wrong usage ends with 2") {
  const Files files;
  expect_failure(2, {}, {"nyala --help"});
  expect_failure(2, {"sumary"}, {"sumary"});
  expect_failure(2, {"summary"}, {"MODEL", "nyala summary --help"});
  expect_failure(2, {"summary", files.keras, "--jso"}, {"--jso"});
  expect_failure(2, {"predict", files.keras, "--out", "o.npz"}, {"--inputs"});
  expect_failure(2,
                 {"predict", files.keras, "--inputs", "i", "--out", "o", "--batch-size", "0"},
                 {"--batch-size: received 0, expected a number above 0"});
  expect_failure(2, {"predict", files.keras, "--inputs", "i", "--out", "o.csv"}, {"o.csv", ".npz"});
  expect_failure(2,
                 {"train", files.keras, "--data", files.data, "--save", files.out + ".txt"},
                 {".txt", ".keras"});
  expect_failure(2, {"convert", files.keras, files.out + ".onnx"}, {".onnx", ".keras"});
  expect_failure(2, {"plot", files.keras, files.out + ".png"}, {".png", ".svg"});
  expect_failure(2, {"completion", "tcsh"}, {"tcsh"});
  expect_failure(2,
                 {"train",
                  files.keras,
                  "--data",
                  files.data,
                  "--save",
                  files.out + ".keras",
                  "--epochs",
                  "three"},
                 {"three"});
  std::ofstream(files.folder / "t.csv") << "a,b\n1,2\n";
  expect_failure(2, {"evaluate", files.keras, "--data", files.folder / "t.csv"}, {"t.csv"});
}

TEST_CASE("a model file that cannot be read is named, with the cause") {
  const Files files;
  const std::string bad = files.folder / "bad.keras";
  const auto every_command = [&](const std::string& model, const std::vector<std::string>& parts) {
    expect_failure(1, {"summary", model}, parts);
    expect_failure(1, {"summary", model, "--json"}, parts);
    expect_failure(1, {"inspect", model}, parts);
    expect_failure(1, {"predict", model, "--inputs", files.data, "--out", files.out}, parts);
    expect_failure(
        1, {"train", model, "--data", files.data, "--save", files.out + ".keras"}, parts);
    expect_failure(1, {"evaluate", model, "--data", files.data}, parts);
    expect_failure(1, {"convert", model, files.out + ".keras"}, parts);
    expect_failure(1, {"plot", model, files.out + ".svg"}, parts);
    expect_failure(1, {"diff", model, files.keras}, parts);
    expect_failure(1, {"diff", files.keras, model}, parts);
    expect_failure(1, {"bench", model}, parts);
  };
  every_command(files.folder / "missing.keras", {"missing.keras", "No such file"});
  every_command(files.folder / "sub", {"sub"});
  std::ofstream(bad) << "";
  every_command(bad, {"bad.keras"});
  std::ofstream(bad) << "<html>not a model</html>";
  every_command(bad, {"bad.keras"});
  fs::copy_file(files.keras, bad, fs::copy_options::overwrite_existing);
  fs::resize_file(bad, fs::file_size(bad) / 2);
  every_command(bad, {"bad.keras"});
}

TEST_CASE("data that do not fit are named") {
  const Files files;
  const std::string bad = files.folder / "bad.npz";
  const auto predict = [&](const std::string& inputs, const std::vector<std::string>& parts) {
    expect_failure(1, {"predict", files.keras, "--inputs", inputs, "--out", files.out}, parts);
  };
  const auto train = [&](const std::string& data, const std::vector<std::string>& parts) {
    expect_failure(
        1, {"train", files.keras, "--data", data, "--save", files.out + ".keras"}, parts);
  };
  predict(files.folder / "missing.npz", {"missing.npz", "No such file"});
  std::ofstream(bad) << "no archive";
  predict(bad, {"bad.npz"});
  train(bad, {"bad.npz"});
  saving::save_npz(bad, {{"left", ops::ones({2, 4})}, {"rihgt", ops::ones({2, 3})}});
  predict(bad, {"bad.npz", "rihgt", "right"});
  saving::save_npz(bad, {{"left", ops::ones({2, 5})}, {"right", ops::ones({2, 3})}});
  predict(bad, {"bad.npz"});
  saving::save_npz(bad, {{"left", ops::ones({2, 4})}, {"right", ops::ones({3, 3})}});
  predict(bad, {"bad.npz"});
  saving::save_npz(bad, {{"left", ops::ones({2, 4})}, {"right", ops::ones({2, 3})}});
  train(bad, {"bad.npz", "y0"});
  std::ofstream(files.folder / "bad.csv") << "left_0,left_1\n1,two\n";
  predict(files.folder / "bad.csv", {"bad.csv: line 2, column 'left_1'", "'two'"});
}

TEST_CASE("outputs that cannot be written are named, and nothing is left") {
  const Files files;
  const std::string nowhere = files.folder / "nowhere/out";
  expect_failure(1, {"predict", files.keras, "--inputs", files.data, "--out", nowhere}, {nowhere});
  expect_failure(1, {"convert", files.keras, nowhere + ".keras"}, {nowhere});
  expect_failure(1, {"plot", files.keras, nowhere + ".svg"}, {nowhere});
  expect_failure(
      1, {"train", files.keras, "--data", files.data, "--save", nowhere + ".keras"}, {nowhere});
  expect_failure(1, {"convert", files.keras, files.folder / "sub.h5/x.h5"}, {"sub.h5/x.h5"});
}

TEST_CASE("an architecture alone does not predict") {
  const Files files;
  const std::string json = files.folder / "model.json";
  CHECK(run({"convert", files.keras, json}).status == 0);
  expect_failure(1,
                 {"predict", json, "--inputs", files.data, "--out", files.out},
                 {"model.json", "--weights"});
  expect_failure(1, {"convert", json, files.out + ".keras"}, {"model.json", "--weights"});
  expect_failure(
      1,
      {"predict", json, "--weights", files.data, "--inputs", files.data, "--out", files.out},
      {"data.npz"});
}

TEST_CASE("standard output that is closed, full or not read is no crash") {
  const Files files;
  const std::vector<std::vector<std::string>> commands{
      {"summary", files.keras}, {std::string("--help")}, {std::string("manual")}};
  for (const auto& command : commands) {
    const Run full = run(command, {.out_file = "/dev/full"});
    CHECK(full.status == 1);
    CHECK(full.err.find("standard output") != std::string::npos);
    const Run closed = run(command, {.out_file = "closed"});
    CHECK(closed.status == 1);
    CHECK(closed.err.find("standard output") != std::string::npos);
    const Run broken = run(command, {.broken_pipe = true});
    CHECK(broken.status == 1);
    CHECK(broken.err.empty());
  }
}
