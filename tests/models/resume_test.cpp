// Training that is broken off at some batch and started again: it ends with the same bits.
#include <cstring>
#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>

#include <nyala/models/training/checkpoint.hpp>
#include <nyala/nyala.hpp>

#include "folder.hpp"

using namespace nyala;
using nyala::testing::Folder;
namespace fs = std::filesystem;

namespace {

// Breaks off after a number of batches.
class Break : public callbacks::Callback {
 public:
  explicit Break(int batches) : left_(batches) {}
  void on_train_batch_end(std::int64_t, const callbacks::Logs&) override {
    if (--left_ == 0) throw Error("broken off");
  }

 private:
  int left_;
};

struct Settings {
  int epochs = 4;
  callbacks::SaveFrequency save_freq = "epoch";
  std::optional<std::int64_t> steps_per_epoch = {};
  bool with_plateau = false;
  bool with_stop = false;
  bool eager = false;
};

struct Outcome {
  std::vector<Tensor> weights;
  std::vector<Tensor> optimizer;
  std::vector<double> losses;
};

std::vector<Tensor> values_of(const std::vector<Variable>& variables) {
  return {variables.begin(), variables.end()};
}

Model make_model(bool eager) {
  clear_session();
  set_random_seed(7);
  Symbol x = Input({.shape = {5}});
  Symbol h = layers::Dense({.units = 8, .activation = "relu"})(x);
  h = layers::Dropout({.rate = 0.4})(layers::BatchNormalization()(h));
  Model model(x, layers::Dense({.units = 3, .activation = "softmax"})(h));
  model.compile({.optimizer = optimizers::Adam(
                     {.learning_rate = 0.01, .use_ema = true, .gradient_accumulation_steps = 2}),
                 .loss = "categorical_crossentropy",
                 .metrics = {metrics::F1Score({.average = "macro"}), "accuracy"},
                 .run_eagerly = eager});
  return model;
}

// Trains, broken off after `batches` when these are given.
std::optional<Outcome> train(const Settings& settings,
                             const std::string& folder,
                             std::optional<int> batches = {}) {
  Model model = make_model(settings.eager);
  const Tensor x = random::normal({50, 5}, {.seed = 1});
  const Tensor y = ops::one_hot(random::randint({50}, 0, 3, {.seed = 2}), 3);
  FitArgs args{.batch_size = 8,
               .epochs = settings.epochs,
               .verbose = 0,
               .validation_data = {x, y},
               .steps_per_epoch = settings.steps_per_epoch};
  if (!folder.empty()) {
    args.callbacks.emplace_back(callbacks::BackupAndRestore(
        {.backup_dir = folder, .save_freq = settings.save_freq, .double_checkpoint = true}));
  }
  if (settings.with_plateau) {
    args.callbacks.emplace_back(callbacks::ReduceLROnPlateau(
        {.monitor = "loss", .factor = 0.5, .patience = 1, .mode = "max"}));
  }
  if (settings.with_stop) {
    args.callbacks.emplace_back(callbacks::EarlyStopping(
        {.monitor = "loss", .patience = 1, .mode = "max", .restore_best_weights = true}));
  }
  if (batches) args.callbacks.emplace_back(Break(*batches));
  try {
    const History history = model.fit(x, y, args);
    return Outcome{model.get_weights(),
                   values_of(model.optimizer().variables()),
                   history.contains("loss") ? history["loss"] : std::vector<double>()};
  } catch (const Error& error) {
    if (std::string(error.what()) != "broken off") throw;
    return {};
  }
}

void expect_equal(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    REQUIRE(a[i].shape() == b[i].shape());
    CHECK(std::memcmp(a[i].contiguous().data(), b[i].contiguous().data(), a[i].nbytes()) == 0);
  }
}

// Breaks off after 2, 5, 8, ... batches, again and again, until a run comes to its end.
void expect_same_end(const Settings& settings) {
  const Outcome whole = *train(settings, "");
  for (const int first : {1, 3, 7, 11, 16}) {
    CAPTURE(first);
    const Folder folder;
    std::optional<Outcome> resumed = train(settings, folder / "backup", first);
    int runs = 1;
    for (int batches = 6; !resumed && runs < 40; ++runs, batches += 2)
      resumed = train(settings, folder / "backup", batches);
    REQUIRE(resumed);
    expect_equal(resumed->weights, whole.weights);
    expect_equal(resumed->optimizer, whole.optimizer);
    // The history has the epochs of the last run, the first of them whole.
    for (std::size_t i = 0; i < resumed->losses.size(); ++i) {
      CHECK(resumed->losses[resumed->losses.size() - 1 - i] ==
            whole.losses[whole.losses.size() - 1 - i]);
    }
    CHECK(!fs::exists(folder / "backup"));
  }
}

}  // namespace

TEST_CASE("training goes on from the last epoch with the same bits") { expect_same_end({}); }

TEST_CASE("training goes on in the middle of an epoch with the same bits") {
  expect_same_end({.save_freq = 3});
  expect_same_end({.save_freq = 7});  // the last batch of each epoch
  expect_same_end({.save_freq = 1});
  expect_same_end({.save_freq = 2, .eager = true});
}

TEST_CASE("epochs of some steps go on where the data stood") {
  expect_same_end({.steps_per_epoch = 5});
  expect_same_end({.save_freq = 2, .steps_per_epoch = 5});
  expect_same_end({.save_freq = 4, .steps_per_epoch = 3});
}

TEST_CASE("callbacks go on with what they had seen") {
  expect_same_end({.epochs = 6, .with_plateau = true});
  expect_same_end({.epochs = 6, .save_freq = 4, .with_plateau = true, .with_stop = true});
  expect_same_end({.epochs = 6, .with_stop = true});
}

TEST_CASE("stateful layers go on with their states") {
  const Tensor x = random::normal({12, 3, 2}, {.seed = 1});
  const Tensor y = random::normal({12, 1}, {.seed = 2});
  const auto run = [&](const std::string& folder, int batches) {
    clear_session();
    set_random_seed(3);
    const Symbol in = Input({.batch_shape = {4, 3, 2}});
    const layers::GRU inner({.units = 2, .return_sequences = true, .stateful = true});
    const Symbol h = layers::Bidirectional(inner)(in);
    const Model model(in,
                      layers::Dense({.units = 1})(layers::LSTM({.units = 3, .stateful = true})(h)));
    model.compile({.optimizer = "sgd", .loss = "mse"});
    FitArgs args{.batch_size = 4, .epochs = 3, .verbose = 0};
    if (!folder.empty())
      args.callbacks.emplace_back(
          callbacks::BackupAndRestore({.backup_dir = folder, .save_freq = 2}));
    if (batches > 0) args.callbacks.emplace_back(Break(batches));
    model.fit(x, y, args);
    return std::vector<Tensor>{model.predict(x, {.batch_size = 4, .verbose = 0}),
                               model.predict(x, {.batch_size = 4, .verbose = 0})};
  };
  const std::vector<Tensor> whole = run("", 0);
  CHECK(!ops::array_equal(whole[0], whole[1]));
  for (const int batches : {3, 5, 7}) {
    CAPTURE(batches);
    const Folder folder;
    CHECK_THROWS_WITH(run(folder / "backup", batches), "broken off");
    expect_equal(run(folder / "backup", 0), whole);
  }
}

TEST_CASE("a run that is broken off behind its last epoch ends with the averages all the same") {
  const Outcome whole = *train({}, "");
  const Folder folder;
  const auto run = [&](bool breaks) {
    Model model = make_model(false);
    const Tensor x = random::normal({50, 5}, {.seed = 1});
    const Tensor y = ops::one_hot(random::randint({50}, 0, 3, {.seed = 2}), 3);
    callbacks::LambdaCallback end({.on_train_end = [&](const callbacks::Logs&) {
      if (breaks) throw Error("broken off");
    }});
    model.fit(x,
              y,
              {.batch_size = 8,
               .epochs = 4,
               .verbose = 0,
               .callbacks = {callbacks::BackupAndRestore(folder / "backup"), end},
               .validation_data = {x, y}});
    return model.get_weights();
  };
  CHECK_THROWS_AS(run(true), Error);
  expect_equal(run(false), whole.weights);
}

TEST_CASE("a damaged backup is left for the one before") {
  const Settings settings;
  const Outcome whole = *train(settings, "");
  const Folder folder;
  CHECK(!train(settings, folder / "backup", 20));
  REQUIRE(fs::exists(folder / "backup/latest.npz.bkp"));
  const auto size = fs::file_size(folder / "backup/latest.npz");
  for (const auto cut : {size / 2, size - 1, std::uintmax_t{0}}) {
    CAPTURE(cut);
    fs::resize_file(folder / "backup/latest.npz", cut);
    CHECK(!train(settings, folder / "backup", 8));
  }
  fs::resize_file(folder / "backup/latest.npz", 10);
  fs::resize_file(folder / "backup/latest.npz.bkp", 10);
  CHECK_THROWS_AS(train(settings, folder / "backup"), FormatError);
  fs::remove_all(folder / "backup");
  CHECK(!train(settings, folder / "backup", 20));
  const Outcome resumed = *train(settings, folder / "backup");
  expect_equal(resumed.weights, whole.weights);
}

TEST_CASE("what a killed run left half written is removed") {
  const Folder folder;
  CHECK(!train({}, folder / "backup", 10));
  std::ofstream(folder / "backup/latest.npz.tmp-1-0") << "unfinished";
  CHECK(train({}, folder / "backup"));
  CHECK(!fs::exists(folder / "backup"));
}

TEST_CASE("a backup of another model is refused") {
  const Folder folder;
  CHECK(!train({}, folder / "backup", 10));
  const Symbol x = Input({.shape = {5}});
  const Model other(x, layers::Dense({.units = 3})(x));
  other.compile({.optimizer = "sgd", .loss = "mse"});
  const std::vector<Tensor> before = other.get_weights();
  CHECK_THROWS_AS(
      other.fit(ops::ones({8, 5}),
                ops::ones({8, 3}),
                {.verbose = 0, .callbacks = {callbacks::BackupAndRestore(folder / "backup")}}),
      ValueError);
  expect_equal(other.get_weights(), before);
  const Sequential unbuilt({layers::Dense({.units = 3})});
  unbuilt.compile({.loss = "mse"});
  CHECK_THROWS_AS(
      unbuilt.fit(ops::ones({8, 5}),
                  ops::ones({8, 3}),
                  {.verbose = 0, .callbacks = {callbacks::BackupAndRestore(folder / "backup")}}),
      StateError);
  CHECK_THROWS_AS(callbacks::BackupAndRestore(""), ValueError);
  CHECK_THROWS_AS(callbacks::BackupAndRestore({.backup_dir = "x", .save_freq = 0}), ValueError);
}

TEST_CASE("checkpoints belong to fit") {
  const Model model = make_model(false);
  CHECK_THROWS_AS(model.base().trainer().checkpoint(), StateError);
  CHECK_THROWS_AS(model.base().trainer().resume({}), StateError);
}
