// Small files of several generations (files/, made by make_files.py): they load, predict and train
// on as Keras does.
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include <nyala/nyala.hpp>

#include "conformance/golden.hpp"
#include "folder.hpp"
#include "test_data.hpp"

using namespace nyala;

namespace {

// A few layers in float32; a step of training more for losses.
constexpr conformance::Tolerance kOutput{1e-4, 1e-5};
constexpr conformance::Tolerance kLoss{1e-4, 1e-5};

std::string file(const std::string& name) { return test_data("conformance/files/" + name); }

std::map<std::string, Tensor> arrays() {
  const saving::NamedTensors named = saving::load_npz(file("files.npz"));
  return {named.begin(), named.end()};
}

// `name` is that of the file, or of the same model in another format, for which arrays stand.
void check_model(const Model& model, const std::string& name) {
  const std::map<std::string, Tensor> all = arrays();
  const std::string stem = name.substr(0, name.rfind('.'));
  const std::string recorded = stem + (all.count(stem + ".h5/in_0") != 0 ? ".h5" : ".keras");
  const Tensor x = all.at(recorded + "/in_0");
  CHECK(conformance::difference(
            model.predict(x, {.verbose = 0}), all.at(recorded + "/out_0"), kOutput) == "");
  if (all.count(recorded + "/loss") == 0) return;
  std::vector<float> losses;
  for (int step = 0; step < 3; ++step)
    losses.push_back(static_cast<float>(model.train_on_batch(x, all.at(recorded + "/y"))["loss"]));
  CHECK(conformance::difference(Tensor::from(losses), all.at(recorded + "/loss"), kLoss) == "");
}

constexpr const char* kWhole[] = {
    "keras3_adam.keras",      "keras3_sgd_schedule.keras", "keras3_rmsprop.keras",
    "keras3_bfloat16.keras",  "keras3_float16.keras",      "keras3_attention.keras",
    "keras3_adam.h5",         "keras3_attention.h5",       "keras1_conv.h5",
    "theano_conv.h5",         "tf_keras_nested.h5",        "tf_keras_amsgrad.h5",
    "tf_keras_amsgrad.keras", "tf_keras_old_amsgrad.h5",   "tf_keras_average.h5",
    "tf_keras_average.keras", "tf_keras_schedule.h5",      "tf_keras_schedule.keras",
    "tf_keras_attention.h5",  "tf_keras_attention.keras",  "tf_keras_nadam.h5",
    "tf_keras_nadam.keras",   "tf_keras_old_nadam.h5"};

}  // namespace

TEST_CASE("files: each generation predicts and trains on as in Keras") {
  for (const char* name : kWhole) {
    CAPTURE(name);
    check_model(load_model(file(name)), name);
  }
}

TEST_CASE("files: Nadam of tf.keras goes on with the product that it does not write") {
  const double momenta[] = {0.9 * (1 - 0.5 * 0.96), 0.9 * (1 - 0.5 * 0.96 * 0.96)};
  for (const char* name : {"tf_keras_nadam.h5", "tf_keras_nadam.keras", "tf_keras_old_nadam.h5"}) {
    CAPTURE(name);
    const Model model = load_model(file(name));
    const std::vector<Variable> state = model.optimizer().variables();
    CHECK(model.optimizer().iterations().value().item<int>() == 2);
    CHECK(state.back().value().item<float>() == doctest::Approx(momenta[0] * momenta[1]));
    for (std::size_t i = 2; i + 1 < state.size(); ++i)
      CHECK(ops::any(ops::not_equal(state[i], 0)).item<bool>());
  }
}

TEST_CASE("files: a schedule that tf.keras gave no name has one") {
  for (const char* name : {"tf_keras_schedule.h5", "tf_keras_schedule.keras"}) {
    const Config rate = load_model(file(name)).optimizer().get_config().at("learning_rate");
    CHECK(rate.at("config").at("name") == Config("ExponentialDecay"));
  }
}

TEST_CASE("files: what is read and written again is the same") {
  const testing::Folder folder;
  for (const char* name : kWhole) {
    for (const char* ending : {".keras", ".h5"}) {
      CAPTURE(name);
      CAPTURE(ending);
      const std::string again = folder / (std::string("again") + ending);
      load_model(file(name)).save(again);
      check_model(load_model(again), name);
    }
  }
}

TEST_CASE("files: the bytes count, not the name") {
  const testing::Folder folder;
  testing::write_bytes(folder / "m.keras", testing::read_bytes(file("tf_keras_nested.h5")));
  check_model(load_model(folder / "m.keras"), "tf_keras_nested.h5");
  testing::write_bytes(folder / "m.h5", testing::read_bytes(file("keras3_adam.keras")));
  check_model(load_model(folder / "m.h5"), "keras3_adam.keras");
}

TEST_CASE("files: weights alone, with the optimizer's state") {
  const Model model = load_model(file("keras3_adam.keras"));
  const auto clear = [&] {
    for (const Variable& variable : model.variables())
      variable.assign(ops::zeros_like(variable.value()));
    for (const Variable& variable : model.optimizer().variables())
      variable.assign(ops::zeros_like(variable.value()));
  };
  clear();
  model.load_weights(file("keras3_adam.weights.h5"));
  check_model(model, "keras3_adam.keras");
  clear();
  model.load_weights(file("keras3_adam.keras"));
  check_model(model, "keras3_adam.keras");
}
