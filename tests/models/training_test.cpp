#include <atomic>
#include <cmath>
#include <thread>

#include "training_support.hpp"

#include <nyala/autograd/random.hpp>
#include <nyala/core/log.hpp>
#include <nyala/core/parallel.hpp>

// Numbers marked "recorded" are those of Keras 3.15.1 (TensorFlow, CPU) for the same weights, data
// and order of samples.
namespace nyala {
namespace {

using testing::check_close;
using testing::Net;
using testing::Toy;
using testing::toy_net;

optimizers::Optimizer sgd() { return optimizers::SGD({.learning_rate = 0.1}); }

FitArgs quiet(int epochs) {
  return {.batch_size = 4, .epochs = epochs, .verbose = 0, .shuffle = false};
}

TEST_CASE("fit gives Keras's history") {
  const Toy toy;
  const auto net = toy_net(toy);
  SUBCASE("SGD") {
    net->trainer.compile({.optimizer = sgd(), .loss = "mse", .metrics = {"mae"}});
    const History history = net->trainer.fit(toy.x, toy.y, quiet(4));
    // recorded
    check_close(history["loss"], {0.14186522, 0.12028595, 0.10350941, 0.09024356});
    check_close(history["mae"], {0.3302446, 0.29452845, 0.26348871, 0.23655872});
    CHECK(history.epoch() == std::vector<int>{0, 1, 2, 3});
    CHECK(history.params().steps == 3);
    CHECK(history.names() == std::vector<std::string>{"loss", "mae"});

    const EvaluateResult result =
        net->trainer.evaluate(toy.x, toy.y, {.batch_size = 3, .verbose = 0});
    check_close({result["loss"], result["mae"]}, {0.0749393105, 0.1969220936});  // recorded
    const Data x = toy.x;
    const Data y = toy.y;
    const EvaluateResult step = net->trainer.train_on_batch(x.rows(0, 3), y.rows(0, 3));
    check_close({step.loss(), step["mae"]}, {0.1928679496, 0.3513473272});  // recorded
    const EvaluateResult test = net->trainer.test_on_batch(x.rows(0, 3), y.rows(0, 3));
    check_close({test, test["mae"]}, {0.1290150136, 0.2943539917});  // recorded
  }
  SUBCASE("Adam") {
    net->trainer.compile({.optimizer = optimizers::Adam({.learning_rate = 0.05}),
                          .loss = losses::MeanSquaredError(),
                          .metrics = {"mae"}});
    const History history = net->trainer.fit(toy.x, toy.y, quiet(4));
    // recorded
    check_close(history["loss"], {0.13490632, 0.05361353, 0.03629865, 0.0341015});
    check_close(history["mae"], {0.31698054, 0.17260173, 0.15000871, 0.14399931});
  }
  SUBCASE("validation_split takes the last samples") {
    FitArgs args = quiet(4);
    args.validation_split = 0.3;
    net->trainer.compile({.optimizer = sgd(), .loss = "mse", .metrics = {"mae"}});
    const History history = net->trainer.fit(toy.x, toy.y, args);
    // recorded
    check_close(history["loss"], {0.15557232, 0.12439728, 0.10790204, 0.09760707});
    check_close(history["val_loss"], {0.1034162, 0.10786847, 0.10521367, 0.0989792});
    check_close(history["val_mae"], {0.3170743, 0.32332817, 0.31811449, 0.30671766});
  }
  SUBCASE("sample weights") {
    FitArgs args = quiet(4);
    std::vector<float> weights;
    for (int i = 0; i < 10; ++i) weights.push_back(static_cast<float>(i % 3) + 0.5F);
    args.sample_weight = Tensor::from(weights);
    net->trainer.compile(
        {.optimizer = sgd(), .loss = "mse", .metrics = {"mae"}, .weighted_metrics = {"mae"}});
    const History history = net->trainer.fit(toy.x, toy.y, args);
    // recorded
    check_close(history["loss"], {0.13083313, 0.09814113, 0.0756316, 0.06074882});
    check_close(history["mae"], {0.32606873, 0.27938408, 0.23957105, 0.20798436});
    check_close(history["weighted_mae"], {0.26373845, 0.21131305, 0.16927852, 0.13685979});
  }
  SUBCASE("initial_epoch") {
    FitArgs args = quiet(4);
    args.initial_epoch = 2;
    net->trainer.compile({.optimizer = sgd(), .loss = "mse"});
    const History history = net->trainer.fit(toy.x, toy.y, args);
    CHECK(history.epoch() == std::vector<int>{2, 3});
    check_close(history["loss"], {0.14186522, 0.12028595});  // recorded
  }
  SUBCASE("steps_per_epoch goes on where the last epoch ended") {
    FitArgs args = quiet(4);
    args.steps_per_epoch = 2;
    net->trainer.compile({.optimizer = sgd(), .loss = "mse"});
    set_log_level(LogLevel::error);
    const History history = net->trainer.fit(toy.x, toy.y, args);
    set_log_level(LogLevel::warning);
    // recorded
    check_close(history["loss"], {0.15675128, 0.08232102, 0.13476247, 0.06237992});
  }
}

TEST_CASE("penalties of weights count") {
  const Toy toy;
  const auto net = toy_net(toy, "l2");
  net->trainer.compile({.optimizer = sgd(), .loss = "mse", .metrics = {"mae"}});
  const History history = net->trainer.fit(toy.x, toy.y, quiet(4));
  // recorded
  check_close(history["loss"], {0.15524259, 0.13337177, 0.11653531, 0.10330061});
  check_close(history["mae"], {0.33023596, 0.29473996, 0.26424727, 0.2380418});
}

TEST_CASE("class weights become sample weights") {
  const Toy toy;
  Net net({.units = {3}, .last_activation = "softmax"});
  net.trainer.predict(toy.x, {.verbose = 0});
  net.layer->set_weights({ops::slice_axis(toy.kernel1, 1, 0, 3), ops::zeros({3})});
  net.trainer.compile({.optimizer = sgd(),
                       .loss = "sparse_categorical_crossentropy",
                       .metrics = {"accuracy"},
                       .weighted_metrics = {"accuracy"}});
  FitArgs args = quiet(3);
  args.class_weight = {{0, 2.0}, {2, 0.5}};
  const Tensor labels = ops::arange(10) % 3;
  const History history = net.trainer.fit(toy.x, labels, args);
  // recorded
  check_close(history["loss"], {1.40102792, 1.32325172, 1.26560962});
  check_close(history["accuracy"], {0.2, 0.3, 0.3});
  check_close(history["weighted_accuracy"], {0.2, 0.48, 0.48});
}

struct TwoOutputs {
  Toy toy;
  Net net{{.units = {4, 1}, .two_outputs = true}, {.inputs = {"in"}, .outputs = {"a", "b"}}};
  Data targets = std::map<std::string, Tensor>{{"b", toy.y * 2.0}, {"a", toy.y}};

  TwoOutputs() {
    net.trainer.predict(toy.x, {.verbose = 0});
    net.layer->set_weights({toy.kernel1,
                            ops::zeros({4}),
                            toy.kernel2,
                            ops::zeros({1}),
                            -toy.kernel2,
                            ops::zeros({1})});
  }
};

TEST_CASE("several outputs by name") {
  TwoOutputs two;
  two.net.trainer.compile({.optimizer = sgd(),
                           .loss = {{"a", "mse"}, {"b", losses::MeanAbsoluteError()}},
                           .loss_weights = {{"b", 2.0}, {"a", 0.5}},
                           .metrics = {{"a", {"mae"}}, {"b", {"mse"}}}});
  const History history = two.net.trainer.fit(two.toy.x, two.targets, quiet(3));
  // recorded with run_eagerly (compiled, Keras weighs the batches of the outputs' losses equally)
  CHECK(history.names() == std::vector<std::string>{"a_loss", "a_mae", "b_loss", "b_mse", "loss"});
  check_close(history["loss"], {1.29450536, 1.04247415, 0.84188014});
  check_close(history["a_loss"], {0.13577321, 0.13952987, 0.13511254});
  check_close(history["b_loss"], {0.61330938, 0.48635465, 0.38716194});
  check_close(history["a_mae"], {0.32311827, 0.33162802, 0.32684118});
  check_close(history["b_mse"], {0.44319263, 0.30326289, 0.22247763});
  const EvaluateResult result = two.net.trainer.evaluate(two.toy.x, two.targets, {.verbose = 0});
  std::vector<std::string> names;
  std::vector<double> values;
  for (const auto& [name, value] : result) {
    names.push_back(name);
    values.push_back(value);
  }
  CHECK(names == std::vector<std::string>{"loss", "a_loss", "b_loss", "a_mae", "b_mse"});
  check_close(values, {0.65528363, 0.12424854, 0.29657979, 0.30884907, 0.13656397});  // recorded
}

TEST_CASE("the ways to give losses and metrics of several outputs agree") {
  const auto names_of = [](const CompileArgs& args) {
    TwoOutputs two;
    two.net.trainer.compile(args);
    return two.net.trainer.fit(two.toy.x, {two.toy.y, two.toy.y}, quiet(1)).names();
  };
  const std::vector<std::string> wanted{"a_loss", "a_mae", "b_loss", "b_mae", "loss"};
  CHECK(names_of({.loss = "mse", .metrics = {"mae", "mae"}}) == wanted);
  CHECK(names_of({.loss = {"mse", "mse"}, .metrics = {{"mae"}, {"mae"}}}) == wanted);
  CHECK(names_of({.loss = std::map<std::string, losses::Loss>{{"a", "mse"}, {"b", "mae"}},
                  .metrics = {{"b", "mae"}, {"a", "mae"}}}) == wanted);
  CHECK(
      names_of({.loss = "mse", .metrics = {{"mae"}, {"mae"}}, .weighted_metrics = {{"mae"}, {}}}) ==
      std::vector<std::string>{"a_loss", "a_mae", "a_weighted_mae", "b_loss", "b_mae", "loss"});
}

TEST_CASE("a compiled step and an eager one are equal") {
  const Toy toy;
  const auto history_of = [&](bool eagerly) {
    const auto net = toy_net(toy, "l2");
    net->trainer.compile({.optimizer = optimizers::Adam({.learning_rate = 0.05}),
                          .loss = "mse",
                          .metrics = {"mae"},
                          .run_eagerly = eagerly});
    FitArgs args = quiet(3);
    args.validation_data = {toy.x, toy.y};
    return net->trainer.fit(toy.x, toy.y, args).history();
  };
  const auto compiled = history_of(false), eager = history_of(true);
  REQUIRE(compiled.size() == eager.size());
  for (const auto& entry : eager) {
    const std::string name = entry.first;
    const std::vector<double>& values = entry.second;
    CAPTURE(name);
    // A bias added inside a product rounds once less.
    for (std::size_t i = 0; i < values.size(); ++i)
      CHECK(compiled.at(name)[i] == doctest::Approx(values[i]).epsilon(1e-5));
  }
}

TEST_CASE("the same seed gives the same bits with any number of threads") {
  const Toy toy;
  const int before = num_threads();
  const auto history_of = [&](int threads, std::uint64_t seed) {
    set_num_threads(threads);
    set_random_seed(seed);
    Net net({.units = {16, 1}});
    net.trainer.compile({.optimizer = sgd(), .loss = "mse"});
    return net.trainer.fit(toy.x, toy.y, {.batch_size = 3, .epochs = 3, .verbose = 0}).history();
  };
  const auto one = history_of(1, 5);
  CHECK(one == history_of(2, 5));
  CHECK(one != history_of(1, 6));
  set_num_threads(before);
}

TEST_CASE("fit a second time goes on") {
  const Toy toy;
  const auto once = toy_net(toy);
  const auto twice = toy_net(toy);
  for (Net* net : {once.get(), twice.get()})
    net->trainer.compile({.optimizer = optimizers::Adam(), .loss = "mse"});
  const History whole = once->trainer.fit(toy.x, toy.y, quiet(4));
  twice->trainer.fit(toy.x, toy.y, quiet(2));
  const History rest = twice->trainer.fit(toy.x, toy.y, quiet(2));
  CHECK(rest["loss"] == std::vector<double>(whole["loss"].begin() + 2, whole["loss"].end()));
}

TEST_CASE("what is not trainable stays, and a change is seen") {
  const Toy toy;
  const auto net = toy_net(toy);
  net->trainer.compile({.optimizer = sgd(), .loss = "mse"});
  net->trainer.fit(toy.x, toy.y, quiet(1));
  auto* first = dynamic_cast<BaseLayer*>(net->layer->children()[0].get());
  first->set_trainable(false);
  const std::vector<Tensor> before = net->layer->get_weights();
  net->trainer.compile({.optimizer = sgd(), .loss = "mse"});
  net->trainer.fit(toy.x, toy.y, quiet(1));
  const std::vector<Tensor> after = net->layer->get_weights();
  CHECK(ops::array_equal(before[0], after[0]));
  CHECK_FALSE(ops::array_equal(before[2], after[2]));
}

TEST_CASE("predict puts batches together") {
  const Toy toy;
  const auto net = toy_net(toy);
  const Tensor whole = net->trainer.predict(toy.x, {.verbose = 0})[0];
  CHECK(whole.shape() == Shape{10, 1});
  for (const std::int64_t size : {1, 3, 5, 100}) {
    const Tensor parts = net->trainer.predict(toy.x, {.batch_size = size, .verbose = 0})[0];
    CHECK(ops::allclose(parts, whole));
    CHECK(parts.shape() == whole.shape());
  }
  const Tensor some = net->trainer.predict(toy.x, {.batch_size = 3, .verbose = 0, .steps = 2})[0];
  CHECK(some.shape() == Shape{6, 1});
  CHECK(ops::allclose(net->trainer.predict_on_batch(toy.x)[0], whole));
}

TEST_CASE("predict runs on several threads at once") {
  const Toy toy;
  const auto net = toy_net(toy);
  const Tensor whole = net->trainer.predict_on_batch(toy.x)[0];
  std::vector<std::thread> threads;
  std::atomic<int> equal{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int repeat = 0; repeat < 10; ++repeat) {
        const Tensor out = net->trainer.predict(toy.x, {.batch_size = i + 2, .verbose = 0})[0];
        equal += ops::allclose(out, whole);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(equal == 40);
}

TEST_CASE("data of other dtypes") {
  Net net({.units = {2, 1}});
  net.trainer.compile({.optimizer = sgd(), .loss = "binary_crossentropy", .metrics = {"accuracy"}});
  const Tensor x = ops::array<std::uint8_t>({{0, 1}, {1, 0}, {1, 1}});
  const Tensor y = ops::array<std::int64_t>({0, 1, 1});
  const History history = net.trainer.fit(x, y, {.epochs = 2, .verbose = 0});
  CHECK(history["loss"].size() == 2);
  CHECK(std::isfinite(history["loss"][1]));
}

TEST_CASE("errors leave model and trainer as they were") {
  const Toy toy;
  const auto net = toy_net(toy);
  CHECK_THROWS_AS(net->trainer.fit(toy.x, toy.y, quiet(1)), StateError);
  CHECK_THROWS_AS(net->trainer.compile({.loss = "nothing"}), ValueError);
  CHECK_THROWS_AS(net->trainer.compile({.optimizer = "nothing", .loss = "mse"}), ValueError);
  CHECK_THROWS_AS(net->trainer.compile({.loss = "mse", .steps_per_execution = 0}), ValueError);
  CHECK_FALSE(net->trainer.compiled());
  net->trainer.compile({.optimizer = sgd(), .loss = "mse", .metrics = {"mae"}});
  const std::vector<Tensor> before = net->layer->get_weights();

  CHECK_THROWS_WITH_AS(net->trainer.fit(toy.x, ops::ones({5, 1}), quiet(1)),
                       "Data cardinality is ambiguous. Make sure all arrays contain the same "
                       "number of samples. 'x' sizes: 10 'y' sizes: 5",
                       ValueError);
  CHECK_THROWS_AS(net->trainer.fit(ops::ones({10, 7}), toy.y, quiet(1)), ValueError);
  CHECK_THROWS_AS(net->trainer.fit(toy.x, {toy.y, toy.y}, quiet(1)), ValueError);
  CHECK_THROWS_AS(net->trainer.fit(toy.x, {}, quiet(1)), ValueError);
  CHECK_THROWS_AS(net->trainer.fit(ops::ones({0, 3}), ops::ones({0, 1}), quiet(1)), ValueError);
  CHECK_THROWS_AS(net->trainer.fit(toy.x, toy.y, {.batch_size = 0, .verbose = 0}), ValueError);
  CHECK_THROWS_AS(net->trainer.fit(toy.x, toy.y, {.epochs = -1, .verbose = 0}), ValueError);
  CHECK_THROWS_AS(net->trainer.fit(toy.x, toy.y, {.verbose = 0, .validation_split = 0.99999}),
                  ValueError);
  CHECK_THROWS_AS(net->trainer.fit(toy.x, toy.y, {.verbose = 0, .validation_split = std::nan("")}),
                  ValueError);
  CHECK_THROWS_AS(net->trainer.fit(toy.x, toy.y, {.verbose = 3}), ValueError);
  CHECK_THROWS_AS(net->trainer.predict(Data(), {.verbose = 0}), ValueError);
  CHECK_THROWS_AS(net->trainer.evaluate(toy.x, toy.y, {.verbose = 0, .steps = 0}), ValueError);
  const std::vector<Tensor> after = net->layer->get_weights();
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(ops::array_equal(before[i], after[i]));
  check_close(net->trainer.fit(toy.x, toy.y, quiet(1))["loss"], {0.14186522});
}

TEST_CASE("outputs that names do not fit") {
  TwoOutputs two;
  CHECK_THROWS_WITH_AS(two.net.trainer.compile({.loss = {{"a", "mse"}, {"c", "mse"}}}),
                       "Expected keys ['a', 'b'] in loss dict, but found loss.keys()=['a', 'c']",
                       ValueError);
  CHECK_THROWS_AS(two.net.trainer.compile({.loss = "mse", .metrics = {"mae"}}), ValueError);
  CHECK_THROWS_AS(two.net.trainer.compile({.loss = "mse", .loss_weights = {1, 2, 3}}), ValueError);
  two.net.trainer.compile({.optimizer = sgd(), .loss = "mse"});
  const Tensor& y = two.toy.y;
  CHECK_THROWS_AS(two.net.trainer.fit(two.toy.x, {{"a", y}, {"c", y}}, quiet(1)), ValueError);
  CHECK_THROWS_AS(two.net.trainer.fit({{"out", two.toy.x}}, two.targets, quiet(1)), ValueError);
}

TEST_CASE("compile_config goes out and comes back") {
  TwoOutputs two;
  CHECK(two.net.trainer.get_compile_config().size() == 0);
  two.net.trainer.compile({.optimizer = sgd(),
                           .loss = {{"a", "mse"}, {"b", losses::Huber()}},
                           .loss_weights = {{"a", 0.5}, {"b", 2.0}},
                           .metrics = {{"a", {"mae"}}, {"b", {"mse"}}},
                           .steps_per_execution = 2});
  const Config config = two.net.trainer.get_compile_config();
  CHECK(config.at("loss").str().rfind(R"({"a": "mse", "b": {"module": "keras.losses")", 0) == 0);
  CHECK(config.at("metrics").str() == R"({"a": ["mae"], "b": ["mse"]})");
  CHECK(config.at("jit_compile") == Config(false));
  TwoOutputs other;
  other.net.trainer.compile_from_config(config);
  CHECK(other.net.trainer.get_compile_config() == config);
  Config broken = config;
  broken["loss"] = Config("nothing");
  CHECK_THROWS_AS(other.net.trainer.compile_from_config(broken), ValueError);
  broken = config;
  broken["speed"] = Config(1);
  CHECK_THROWS_AS(other.net.trainer.compile_from_config(broken), ValueError);
  CHECK(other.net.trainer.get_compile_config() == config);
}

}  // namespace
}  // namespace nyala
