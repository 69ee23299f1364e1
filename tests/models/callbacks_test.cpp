#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "training_support.hpp"

#include <nyala/core/log.hpp>

namespace nyala::callbacks {
namespace {

using testing::Net;
using testing::Toy;
using testing::toy_net;

// Sets "val_loss" to a number of the test's own choice, as if it had been measured.
class Pretend : public Callback {
 public:
  explicit Pretend(std::vector<double> values) : values_(std::move(values)) {}
  void on_epoch_end(int epoch, Logs& logs) override {
    logs["val_loss"] = values_.at(static_cast<std::size_t>(epoch));
  }
  bool wants_batch_logs() override { return false; }

 private:
  std::vector<double> values_;
};

struct Run {
  Toy toy;
  std::unique_ptr<Net> net = toy_net(toy);

  explicit Run(optimizers::Optimizer optimizer = optimizers::SGD({.learning_rate = 0.1})) {
    net->trainer.compile({.optimizer = std::move(optimizer), .loss = "mse", .metrics = {"mae"}});
  }
  History fit(int epochs, std::vector<CallbackRef> callbacks) {
    return net->trainer.fit(toy.x,
                            toy.y,
                            {.batch_size = 4,
                             .epochs = epochs,
                             .verbose = 0,
                             .callbacks = std::move(callbacks),
                             .shuffle = false});
  }
  double rate() { return net->trainer.optimizer()->learning_rate().item<double>(); }
};

// No warnings while it lives.
struct Quiet {
  LogLevel before = log_level();
  Quiet() { set_log_level(LogLevel::error); }
  ~Quiet() { set_log_level(before); }
};

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_CASE("EarlyStopping waits for its patience") {
  Run run;
  const Pretend pretend({5, 4, 3, 3, 3, 1, 1});
  SUBCASE("and stops") {
    EarlyStopping stop({.patience = 2});
    CHECK(run.fit(7, {pretend, stop}).epoch().size() == 5);
    CHECK(stop.stopped_epoch() == 4);
    CHECK(stop.best() == 3);
    CHECK(stop.best_epoch() == 2);
  }
  SUBCASE("which may be long enough") {
    EarlyStopping stop({.patience = 3});
    CHECK(run.fit(7, {pretend, stop}).epoch().size() == 7);
    CHECK(stop.stopped_epoch() == 0);
  }
  SUBCASE("small improvements may not count") {
    EarlyStopping stop({.min_delta = 1.5});
    CHECK(run.fit(7, {pretend, stop}).epoch().size() == 2);
  }
  SUBCASE("more may be better") {
    EarlyStopping stop({.mode = "max"});
    CHECK(run.fit(7, {pretend, stop}).epoch().size() == 2);
  }
  SUBCASE("a baseline must be beaten") {
    EarlyStopping stop({.patience = 3, .baseline = 2.0});
    CHECK(run.fit(7, {pretend, stop}).epoch().size() == 4);
  }
  SUBCASE("a start may be left alone") {
    EarlyStopping stop({.start_from_epoch = 3});
    CHECK(run.fit(7, {pretend, stop}).epoch().size() == 5);
  }
  SUBCASE("what is missing stops nothing") {
    const Quiet quiet;
    CHECK(run.fit(3, {EarlyStopping({.monitor = "val_nothing", .mode = "min"})}).epoch().size() ==
          3);
  }
  SUBCASE("a metric knows which way is better") {
    CHECK_NOTHROW(run.fit(2, {EarlyStopping({.monitor = "mae"})}));
    const LambdaCallback odd({.on_epoch_end = [](int, Logs& logs) { logs["odd"] = 1; }});
    CHECK_THROWS_AS(run.fit(2, {odd, EarlyStopping({.monitor = "odd"})}), ValueError);
  }
}

TEST_CASE("EarlyStopping puts the best weights back") {
  Run run;
  std::vector<Tensor> best;
  const LambdaCallback keep({.on_epoch_end = [&](int epoch, Logs&) {
    if (epoch == 1) best = run.net->layer->get_weights();
  }});
  run.fit(
      4,
      {Pretend({5, 1, 2, 3}), keep, EarlyStopping({.patience = 5, .restore_best_weights = true})});
  const std::vector<Tensor> now = run.net->layer->get_weights();
  REQUIRE(best.size() == now.size());
  for (std::size_t i = 0; i < now.size(); ++i) CHECK(ops::array_equal(now[i], best[i]));
}

TEST_CASE("ReduceLROnPlateau") {
  Run run;
  const Pretend pretend({1, 1, 1, 1, 1, 1});
  SUBCASE("reduces at each end of its patience") {
    const History history =
        run.fit(6, {pretend, ReduceLROnPlateau({.factor = 0.5, .patience = 2})});
    // Told before it is changed, as Keras does.
    const std::vector<double> wanted{0.1, 0.1, 0.1, 0.05, 0.05, 0.025};
    REQUIRE(history["learning_rate"].size() == 6);
    for (std::size_t i = 0; i < 6; ++i)
      CHECK(history["learning_rate"][i] == doctest::Approx(wanted[i]));
  }
  SUBCASE("rests while it cools down") {
    run.fit(5, {pretend, ReduceLROnPlateau({.factor = 0.5, .patience = 1, .cooldown = 10})});
    CHECK(run.rate() == doctest::Approx(0.05));
  }
  SUBCASE("has a least rate") {
    run.fit(6, {pretend, ReduceLROnPlateau({.factor = 0.1, .patience = 1, .min_lr = 0.04})});
    CHECK(run.rate() == doctest::Approx(0.04));
  }
  SUBCASE("wants a factor below 1") {
    CHECK_THROWS_AS(ReduceLROnPlateau({.factor = 1.0}), ValueError);
    CHECK_THROWS_AS(ReduceLROnPlateau({.factor = std::nan("")}), ValueError);
  }
}

TEST_CASE("LearningRateScheduler sets the rate of each epoch") {
  Run run;
  SUBCASE("from the rate") {
    const auto half = [](int epoch, double rate) { return epoch == 0 ? rate : rate / 2; };
    const History history = run.fit(3, {LearningRateScheduler(half)});
    CHECK(history["learning_rate"][0] == static_cast<double>(0.1F));
    CHECK(history["learning_rate"][2] == doctest::Approx(0.025));
  }
  SUBCASE("from the epoch") {
    run.fit(2, {LearningRateScheduler({.schedule = [](int epoch) { return 0.5 * epoch; }})});
    CHECK(run.rate() == 0.5);
  }
  SUBCASE("which must be a number") {
    CHECK_THROWS_AS(run.fit(1, {LearningRateScheduler([](int) { return std::nan(""); })}),
                    ValueError);
  }
}

TEST_CASE("CSVLogger writes what Keras writes") {
  const auto path = std::filesystem::temp_directory_path() /
                    ("nyala_csv_" + std::to_string(reinterpret_cast<std::uintptr_t>(&contents)));
  const std::string file = path.string();
  const auto logged = [](CSVLogger& logger, int epoch, Logs logs) {
    logger.on_epoch_end(epoch, logs);
  };
  CSVLogger logger(file);
  logger.on_train_begin();
  logged(logger, 0, {{"loss", 0.4838108718395233}, {"accuracy", 1}});
  logged(logger, 1, {{"loss", 1e-5}, {"accuracy", std::nan("")}});
  logger.on_train_end({});
  CHECK(contents(path) ==
        "epoch,accuracy,loss,val_accuracy,val_loss\r\n0,1.0,0.4838108718395233,NA,NA\r\n"
        "1,nan,1e-05,NA,NA\r\n");

  CSVLogger more({.filename = file, .separator = ";", .append = true});
  more.on_train_begin();
  logged(more, 2, {{"loss", 1e16}, {"val_loss", -0.25}});
  more.on_train_end({});
  const std::string text = contents(path);
  CHECK(text.substr(text.find("\n2;") + 1) == "2;1e+16;-0.25\r\n");
  std::filesystem::remove(path);

  Run run;
  CHECK_THROWS_AS(run.fit(1, {CSVLogger("/nowhere/at/all.csv")}), IoError);
  CHECK_THROWS_AS(CSVLogger({.filename = file, .separator = ""}), ValueError);
}

TEST_CASE("TerminateOnNaN ends training") {
  Run run(optimizers::SGD({.learning_rate = 1e30}));
  SUBCASE("quietly") { CHECK(run.fit(5, {TerminateOnNaN()}).epoch().size() < 5); }
  SUBCASE("or not") { CHECK_THROWS_AS(run.fit(5, {TerminateOnNaN({.raise_error = true})}), Error); }
}

// Writes down what it hears.
class Diary : public Callback {
 public:
  std::string text;
  void on_train_begin() override { text += "("; }
  void on_train_end(const Logs&) override { text += ")"; }
  void on_epoch_begin(int epoch) override { text += "<" + std::to_string(epoch); }
  void on_epoch_end(int, Logs& logs) override { text += logs.contains("val_loss") ? "v>" : ">"; }
  void on_train_batch_begin(std::int64_t batch) override { text += "b" + std::to_string(batch); }
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override {
    text += "e" + std::to_string(batch) + (logs.contains("loss") ? "" : "?");
  }
  void on_test_begin() override { text += "["; }
  void on_test_end(const Logs&) override { text += "]"; }
  void on_test_batch_end(std::int64_t batch, const Logs&) override {
    text += "t" + std::to_string(batch);
  }
};

TEST_CASE("callbacks hear of everything, in order") {
  Run run;
  Diary diary;
  FitArgs args{.batch_size = 5, .epochs = 2, .verbose = 0, .callbacks = {std::ref(diary)}};
  args.validation_data = {run.toy.x, run.toy.y};
  args.validation_freq = 2;
  run.net->trainer.fit(run.toy.x, run.toy.y, args);
  CHECK(diary.text == "(<0b0e0b1e1><1b0e0b1e1[t0t1]v>)");
  CHECK_THROWS_AS(diary.model(), StateError);

  diary.text.clear();
  run.net->trainer.compile({.optimizer = "sgd", .loss = "mse", .steps_per_execution = 2});
  run.net->trainer.fit(
      run.toy.x, run.toy.y, {.batch_size = 4, .verbose = 0, .callbacks = {std::ref(diary)}});
  CHECK(diary.text == "(<0b0e1b2e2>)");
}

TEST_CASE("a callback may stop training, and may throw") {
  Run run;
  class Stop : public Callback {
   public:
    void on_train_batch_end(std::int64_t, const Logs&) override { model().set_stop_training(true); }
  };
  Diary diary;
  run.fit(3, {Stop(), std::ref(diary)});
  CHECK(diary.text == "(<0b0e0>)");

  const LambdaCallback thrower({.on_train_batch_begin = [](std::int64_t batch) {
    if (batch == 1) throw std::runtime_error("enough");
  }});
  CHECK_THROWS_WITH(run.fit(1, {thrower}), "enough");
  CHECK(run.fit(2, {std::make_shared<Diary>()}).epoch().size() == 2);
}

TEST_CASE("History tells which names there are") {
  Run run;
  const History history = run.fit(1, {});
  CHECK_THROWS_WITH_AS(
      history["accuracy"], "the history has no \"accuracy\"; it has: loss, mae", IndexError);
  CHECK(history.contains("loss"));
}

}  // namespace
}  // namespace nyala::callbacks
