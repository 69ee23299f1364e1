// The recorded models of sample/: they load, predict and train as they did in Keras.
#include <doctest/doctest.h>

#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/npz.hpp>
#include <nyala/nyala.hpp>

#include "conformance/golden.hpp"

using namespace nyala;
using conformance::Json;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Arrays with the keys 0, 1, 2, ...
std::vector<Tensor> numbered(const std::string& path) {
  const saving::NamedTensors named = saving::load_npz(path);
  std::vector<Tensor> tensors(named.size());
  for (const auto& [key, tensor] : named) tensors.at(std::stoul(key)) = tensor;
  return tensors;
}

// Those whose key is the letter and a number, in order.
std::vector<Tensor> with_letter(const saving::NamedTensors& named, char letter) {
  std::map<std::size_t, Tensor> found;
  for (const auto& [key, tensor] : named) {
    if (key.size() < 2 || key[0] != letter) continue;
    if (key.find_first_not_of("0123456789", 1) != std::string::npos) continue;
    found[std::stoul(key.substr(1))] = tensor;
  }
  std::vector<Tensor> tensors;
  for (const auto& [index, tensor] : found) tensors.push_back(tensor);
  return tensors;
}

conformance::Tolerance tolerance(const Json& meta, const char* what) {
  return {meta["tol"][what]["rtol"], meta["tol"][what]["atol"]};
}

struct SampleModel {
  explicit SampleModel(const std::string& name)
      : folder(conformance::sample_folder(name) + "/"),
        meta(conformance::read_json(folder + "meta.json")) {}

  Model model() const {
    Model made = model_from_json(text_of(folder + "model.json"));
    made.set_weights(numbered(folder + "weights.npz"));
    return made;
  }
  std::vector<Tensor> inputs() const {
    std::vector<Tensor> tensors;
    for (const auto& [key, tensor] : saving::load_npz(folder + "inputs.npz"))
      tensors.push_back(tensor);
    return tensors;
  }

  std::string folder;
  Json meta;
};

void check_outputs(const std::vector<Tensor>& got, const SampleModel& sample) {
  const saving::NamedTensors want = saving::load_npz(sample.folder + "outputs.npz");
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(want[i].first);
    CHECK(conformance::difference(got[i], want[i].second, tolerance(sample.meta, "out")) == "");
  }
}

void check_training(bool run_eagerly) {
  std::size_t ran = 0;
  std::size_t recorded = 0;
  for (const std::string& name : conformance::sample_folders()) {
    CAPTURE(name);
    CAPTURE(run_eagerly);
    const SampleModel sample(name);
    if (!sample.meta["trainable_record"].get<bool>()) continue;
    ++recorded;
    const Model model = sample.model();
    Config config = saving::parse_json(text_of(sample.folder + "compile.json"));
    config["run_eagerly"] = run_eagerly;
    model.base().trainer().compile_from_config(config);
    const saving::NamedTensors data = saving::load_npz(sample.folder + "train.npz");
    Tensor weights;
    for (const auto& [key, tensor] : data) {
      if (key == "sw") weights = tensor;
    }
    if (std::ifstream(sample.folder + "optimizer.npz")) {
      model.optimizer()->build(model.trainable_variables());
      const std::vector<Tensor> state = numbered(sample.folder + "optimizer.npz");
      const std::vector<Variable> variables = model.optimizer()->variables();
      REQUIRE(state.size() == variables.size());
      for (std::size_t i = 0; i < state.size(); ++i) variables[i].assign(state[i]);
    }
    FitArgs args{.batch_size = sample.meta["batch_size"].get<std::int64_t>(),
                 .epochs = sample.meta["epochs"].get<int>(),
                 .verbose = 0,
                 .shuffle = false};
    if (weights.defined()) args.sample_weight = weights;
    model.fit(with_letter(data, 'x'), with_letter(data, 'y'), args);

    const saving::NamedTensors result = saving::load_npz(sample.folder + "train_result.npz");
    const std::vector<Tensor> want = with_letter(result, 'w');
    const std::vector<Tensor> got = model.get_weights();
    if (!want.empty()) {
      REQUIRE(got.size() == want.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        CAPTURE(i);
        CHECK(conformance::difference(got[i], want[i], tolerance(sample.meta, "weights")) == "");
      }
      ++ran;
    }
  }
  std::cout << "sample models, training " << (run_eagerly ? "op by op: " : "compiled: ") << ran
            << " of " << recorded << " models\n";
  CHECK(ran == recorded);
}

}  // namespace

TEST_CASE("recorded models predict as in Keras, and survive our JSON") {
  std::size_t ran = 0;
  const std::vector<std::string> folders = conformance::sample_folders();
  for (const std::string& name : folders) {
    CAPTURE(name);
    const SampleModel sample(name);
    const Model model = sample.model();
    check_outputs(model.predict_all(sample.inputs(), {.verbose = 0}), sample);
    // Op by op, what is otherwise a compiled program.
    check_outputs(model.base().apply(sample.inputs(), {.training = false}), sample);

    const std::string json = model.to_json();
    const Model twin = model_from_json(json);
    CHECK(twin.to_json() == json);
    twin.set_weights(model.get_weights());
    check_outputs(twin.predict_all(sample.inputs(), {.verbose = 0}), sample);
    ++ran;
  }
  std::cout << "sample models, predictions: " << ran << " of " << folders.size() << " models\n";
  CHECK(ran == folders.size());
}

TEST_CASE("recorded models train as in Keras, compiled and op by op") {
  check_training(false);
  check_training(true);
}
