// Models in files: what is saved comes back, and a file that is no good changes nothing.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/zip.hpp>
#include <nyala/nyala.hpp>

#include "folder.hpp"
#include "test_data.hpp"

using namespace nyala;
using testing::Folder;
using testing::write_bytes;

namespace {

Tensor data(const Shape& shape, int seed) { return random::normal(shape, {.seed = seed}); }

// Plain layers, statistics, a model inside and a layer that is used twice.
Model nested_model() {
  Symbol x = Input({.shape = {4}, .name = "x"});
  Sequential inner({Input({.shape = {6}}), layers::Dense({.units = 5, .activation = "tanh"})},
                   {.name = "inner"});
  layers::Dense shared({.units = 6, .activation = "relu", .name = "shared"});
  Symbol y = layers::BatchNormalization({.name = "norm"})(shared(x));
  Symbol a = inner(y);
  Symbol b = inner(shared(x));
  Model model(
      x, layers::Dense({.units = 2, .name = "out"})(layers::Add()({a, b})), {.name = "nested"});
  model.compile(
      {.optimizer = optimizers::Adam({.learning_rate = 0.01}), .loss = "mse", .metrics = {"mae"}});
  return model;
}

bool same(const Tensor& a, const Tensor& b) {
  return a.spec() == b.spec() && std::memcmp(a.data(), b.data(), a.nbytes()) == 0;
}

bool same(const std::vector<Variable>& a, const std::vector<Variable>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i].value(), b[i].value())) return false;
  }
  return true;
}

FitArgs quiet(int epochs) {
  return {.batch_size = 8, .epochs = epochs, .verbose = 0, .shuffle = false};
}

}  // namespace

TEST_CASE("saving: a model trains on from its file as if it had never stopped") {
  const Folder folder;
  for (const char* name : {"model.keras", "model.h5"}) {
    CAPTURE(name);
    const Tensor x = data({32, 4}, 1);
    const Tensor y = data({32, 2}, 2);
    const Model model = nested_model();
    model.fit(x, y, quiet(2));
    model.save(folder / name);
    const Model loaded = load_model(folder / name);
    if (std::string(name) == "model.keras") CHECK(loaded.to_json() == model.to_json());
    CHECK(same(loaded.variables(), model.variables()));
    CHECK(same(loaded.optimizer().variables(), model.optimizer().variables()));
    const History straight = model.fit(x, y, quiet(2));
    const History resumed = loaded.fit(x, y, quiet(2));
    CHECK(straight["loss"] == resumed["loss"]);
    CHECK(straight["mae"] == resumed["mae"]);
    CHECK(same(loaded.variables(), model.variables()));
    CHECK(same(loaded.optimizer().variables(), model.optimizer().variables()));
  }
}

TEST_CASE("saving: a model that is not compiled stays so") {
  const Folder folder;
  const Sequential model({Input({.shape = {3}}), layers::Dense({.units = 2})});
  model.save(folder / "plain.keras");
  const Model plain = load_model(folder / "plain.keras");
  CHECK_FALSE(plain.base().trainer().compiled());
  CHECK(same(plain.variables(), model.variables()));
  nested_model().save(folder / "compiled.keras");
  CHECK(load_model(folder / "compiled.keras").base().trainer().compiled());
  CHECK_FALSE(
      load_model(folder / "compiled.keras", {.compile = false}).base().trainer().compiled());
}

// Keras loads an archive that was unpacked, too.
TEST_CASE("saving: the members of an archive in a folder are a model") {
  const Folder folder;
  const Model model = nested_model();
  model.save(folder / "m.keras");
  const saving::ZipReader archive(folder / "m.keras");
  const std::string unpacked = folder / "unpacked";
  std::filesystem::create_directory(unpacked);
  for (const std::string& name : archive.names())
    write_bytes(unpacked + "/" + name, archive.text(name));
  CHECK(same(load_model(unpacked).variables(), model.variables()));
  CHECK_THROWS_WITH(model.load_weights(unpacked), doctest::Contains("is a folder"));
  std::filesystem::remove(unpacked + "/model.weights.h5");
  CHECK_THROWS_WITH(load_model(unpacked), doctest::Contains("model.weights.h5"));
}

// Of 16 bits too, which Keras writes as opaque bytes where NumPy has no name for them.
TEST_CASE("saving: weights of every floating dtype") {
  const Folder folder;
  for (const DType dtype : {float16, bfloat16, float32, float64}) {
    CAPTURE(dtype);
    const Sequential model({Input({.shape = {4}}), layers::Dense({.units = 3, .dtype = dtype})});
    model.compile({.optimizer = "adam", .loss = "mse"});
    model.train_on_batch(data({8, 4}, 1), data({8, 3}, 2));
    REQUIRE(model.variables()[0].dtype() == dtype);
    for (const char* name : {"m.keras", "m.h5"}) {
      model.save(folder / name);
      const Model loaded = load_model(folder / name);
      CHECK(same(loaded.variables(), model.variables()));
      CHECK(same(loaded.optimizer().variables(), model.optimizer().variables()));
    }
    const auto& weights = model.variables();
    for (const char* name : {"w.weights.h5", "w.npz", "w.safetensors"}) {
      model.save_weights(folder / name);
      const std::vector<Tensor> before = {weights[0].value(), weights[1].value()};
      weights[0].assign(ops::zeros_like(before[0]));
      model.load_weights(folder / name);
      CHECK(same(weights[0].value(), before[0]));
      CHECK(same(weights[1].value(), before[1]));
    }
  }
}

TEST_CASE("loading: weights are read over those of the model, never beside them") {
  const Folder folder;
  const Sequential model({Input({.shape = {256}}), layers::Dense(512), layers::Dense(256)});
  for (const char* name : {"w.weights.h5", "w.npz", "w.safetensors", "w.keras", "w.h5"}) {
    CAPTURE(name);
    if (std::string(name).starts_with("w.k") || std::string(name) == "w.h5")
      model.save(folder / name);
    else
      model.save_weights(folder / name);
    std::vector<Tensor> before;
    for (const Variable& weight : model.weights()) {
      before.push_back(weight.value());
      weight.assign(ops::zeros_like(before.back()));
    }
    const std::int64_t limit = memory_limit();
    set_memory_limit(memory_stats().bytes_in_use + 4096);
    CHECK_NOTHROW(model.load_weights(folder / name));
    set_memory_limit(limit);
    for (std::size_t i = 0; i < before.size(); ++i)
      CHECK(same(model.weights()[i].value(), before[i]));
  }
}

TEST_CASE("saving: a kernel that two layers hold") {
  const Folder folder;
  const auto make = [] {
    const layers::SpectralNormalization layer({.layer = layers::Dense(3), .name = "normalised"});
    const Sequential model({Input({.shape = {4}}), layer});
    layer(data({2, 4}, 1), {.training = true});
    return model;
  };
  const Sequential model = make();
  for (const char* name : {"model.keras", "model.h5"}) {
    CAPTURE(name);
    model.save(folder / name);
    CHECK(same(load_model(folder / name).weights(), model.weights()));
  }
  for (const char* name : {"m.weights.h5", "m.npz", "m.safetensors"}) {
    CAPTURE(name);
    const Sequential other = make();
    CHECK(!same(other.weights(), model.weights()));
    model.save_weights(folder / name);
    other.load_weights(folder / name);
    CHECK(same(other.weights(), model.weights()));
  }
}

TEST_CASE("saving: weights alone") {
  const Folder folder;
  const Model model = nested_model();
  model.fit(data({16, 4}, 1), data({16, 2}, 2), quiet(1));
  for (const char* name : {"w.weights.h5", "w.npz", "w.safetensors", "w.keras", "w.h5"}) {
    CAPTURE(name);
    const bool whole = std::string(name) == "w.keras" || std::string(name) == "w.h5";
    if (whole)
      model.save(folder / name);
    else
      model.save_weights(folder / name);
    const Model twin = nested_model();
    twin.fit(data({16, 4}, 3), data({16, 2}, 4), quiet(1));
    REQUIRE_FALSE(same(twin.variables(), model.variables()));
    twin.load_weights(folder / name);
    CHECK(same(twin.variables(), model.variables()));
    // Keras's legacy files have the optimizer beside the weights, for load_model only.
    if (std::string(name) != "w.h5")
      CHECK(same(twin.optimizer().variables(), model.optimizer().variables()));
  }
}

TEST_CASE("saving: legacy files by order and by name") {
  const Folder folder;
  const auto stack = [](const char* first, const char* second) {
    return Sequential({Input({.shape = {3}}),
                       layers::Dense({.units = 3, .name = first}),
                       layers::Dense({.units = 3, .name = second})});
  };
  const Sequential model = stack("a", "b");
  model.save(folder / "m.h5");
  const Sequential by_order = stack("b", "a");
  by_order.load_weights(folder / "m.h5");
  CHECK(same(by_order.variables(), model.variables()));
  const Sequential by_name = stack("b", "c");
  const Tensor before = by_name.get_layer("c").get_weights()[0];
  by_name.load_weights(folder / "m.h5", {.by_name = true});
  CHECK(same(by_name.get_layer("b").variables(), model.get_layer("b").variables()));
  CHECK(same(by_name.get_layer("c").get_weights()[0], before));
  const Sequential deep({Input({.shape = {3}}), layers::Dense({.units = 3})});
  CHECK_THROWS_WITH(deep.load_weights(folder / "m.h5"),
                    doctest::Contains("Model expected 1 layers, found 2 saved layers"));
}

TEST_CASE("saving: weights that do not fit are listed and change nothing") {
  const Folder folder;
  const auto stack = [](int first, int second) {
    return Sequential({Input({.shape = {3}}),
                       layers::Dense({.units = first, .name = "u"}),
                       layers::Dense({.units = second, .name = "v"}),
                       layers::Dense({.units = 2, .name = "w"})});
  };
  stack(4, 5).save_weights(folder / "a.weights.h5");
  const Sequential other = stack(4, 6);
  const std::vector<Tensor> before = other.get_weights();
  const auto unchanged = [&] {
    const std::vector<Tensor> after = other.get_weights();
    for (std::size_t i = 0; i < before.size(); ++i) CHECK(same(before[i], after[i]));
  };
  CHECK_THROWS_WITH_AS(
      other.load_weights(folder / "a.weights.h5"),
      doctest::Contains("2 objects could not be loaded: Dense \"v\" (layers/dense_1/vars), Dense "
                        "\"w\" (layers/dense_2/vars); the first: Dense \"v\": \"kernel\" has shape "
                        "(4, 6), the file has (4, 5)"),
      ValueError);
  unchanged();
  const Sequential taken = stack(4, 6);
  set_log_sink([](LogLevel, std::string_view) {});
  taken.load_weights(folder / "a.weights.h5", {.skip_mismatch = true});
  set_log_sink({});
  const Sequential deep(
      {Input({.shape = {3}}), layers::Dense({.units = 4}), layers::Dense({.units = 1})});
  deep.save_weights(folder / "b.weights.h5");
  const Sequential deeper({Input({.shape = {3}}),
                           layers::Dense({.units = 4}),
                           layers::Dense({.units = 1}),
                           layers::Dense({.units = 2, .name = "w"})});
  CHECK_THROWS_WITH_AS(
      deeper.load_weights(folder / "b.weights.h5"),
      doctest::Contains("Dense \"w\" has 2 variables [kernel, bias], the file has 0"),
      ValueError);
  unchanged();
  CHECK_THROWS_AS(other.load_weights(folder / "a.weights.h5", {.by_name = true}), ValueError);
  CHECK_THROWS_AS(other.load_weights(folder / "none.weights.h5"), IoError);
  CHECK_THROWS_AS(Sequential({layers::Dense({.units = 2})}).load_weights(folder / "a.weights.h5"),
                  StateError);
}

TEST_CASE("saving: names and what is there already") {
  const Folder folder;
  const Sequential model({Input({.shape = {3}}), layers::Dense({.units = 2})});
  CHECK_THROWS_AS(model.save(folder / "model.pb"), ValueError);
  CHECK_THROWS_AS(model.save_weights(folder / "model.h6"), ValueError);
  CHECK_THROWS_AS(Model().save(folder / "m.keras"), StateError);
  CHECK(folder.files() == 0);
  model.save(folder / "m.keras");
  const std::string before = testing::read_bytes(folder / "m.keras");
  CHECK_THROWS_AS(model.save(folder / "m.keras", {.overwrite = false}), IoError);
  CHECK(testing::read_bytes(folder / "m.keras") == before);
  model.save(folder / "m.keras");
  CHECK_THROWS_AS(model.save(folder / "nowhere/m.keras"), IoError);
  CHECK(folder.files() == 1);
}

TEST_CASE("saving: a file that is no model is named for what it is") {
  const Folder folder;
  const auto refused = [&](const std::string& bytes, const char* what) {
    CAPTURE(what);
    write_bytes(folder / "m.keras", bytes);
    CHECK_THROWS_WITH(load_model(folder / "m.keras"), doctest::Contains(what));
    CHECK_THROWS_WITH(load_model(folder / "m.keras"), doctest::Contains("m.keras: "));
  };
  refused("", "is empty");
  refused("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "Git LFS");
  refused(std::string("\x80\x04\x95\x10\0\0\0", 7), "Python pickle");
  refused("<!DOCTYPE html><html><body>404</body></html>", "HTML page");
  refused("\n<HTML></HTML>", "HTML page");
  refused(std::string("\x93NUMPY\x01\0", 8), "NumPy array");
  refused("\x1f\x8b\x08 gz", "gzip");
  refused("hello", "neither a .keras archive nor an HDF5 file nor JSON");
  refused("PK\x03\x04 not really", "zip archive");
  refused("{\"class_name\": ", "JSON");
  CHECK_THROWS_WITH(load_model(folder / "."), doctest::Contains("is a folder"));
  write_bytes(folder / "saved_model.pb", "x");
  CHECK_THROWS_WITH(load_model(folder / "."), doctest::Contains("SavedModel"));
  CHECK_THROWS_AS(load_model(folder / "none.keras"), IoError);
  const auto archive = [&](const std::string& member) {
    saving::ZipWriter zip(folder / "m.keras");
    zip.add({member, saving::Pieces({std::byte{1}})});
    zip.commit();
  };
  // The size of a header that begins as a pickle does.
  const std::string tensors = std::string("\x80\x04\0\0\0\0\0\0", 8) + "{";
  write_bytes(folder / "m.keras", tensors);
  CHECK_THROWS_WITH(load_model(folder / "m.keras"), doctest::Contains("holds tensors"));
  archive("archive/data.pkl");
  CHECK_THROWS_WITH(load_model(folder / "m.keras"), doctest::Contains("PyTorch"));
  archive("x.npy");
  CHECK_THROWS_WITH(load_model(folder / "m.keras"), doctest::Contains("arrays without a model"));
  archive("other");
  CHECK_THROWS_WITH(load_model(folder / "m.keras"), doctest::Contains("without config.json"));
}

TEST_CASE("saving: the error says which Keras wrote the file and what is missing") {
  const Folder folder;
  const auto pieces = [](const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text));
    return saving::Pieces({bytes.begin(), bytes.end()});
  };
  saving::ZipWriter zip(folder / "m.keras");
  zip.add({"metadata.json", pieces(R"({"keras_version": "3.4.1"})")});
  zip.add({"config.json", pieces(R"({"module": "keras", "class_name": "Sequential", "config":
    {"name": "s", "layers": [{"module": "mine", "class_name": "Strange", "config": {"name": "a"}},
    {"module": "mine", "class_name": "Odd", "config": {"name": "b"}}]}})")});
  zip.add({"model.weights.h5", pieces("x")});
  zip.commit();
  CHECK_THROWS_WITH(load_model(folder / "m.keras"),
                    doctest::Contains("m.keras (written by Keras 3.4.1): unknown layer classes: "
                                      "Strange (s/a), Odd (s/b)"));
}

TEST_CASE("saving: JSON gives a model with new weights") {
  const Folder folder;
  const std::string text = nested_model().to_json();
  saving::write_text(folder / "m.anything", text);
  CHECK(load_model(folder / "m.anything").to_json() == text);
}
