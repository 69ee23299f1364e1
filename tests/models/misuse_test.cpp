// What a user may get wrong: empty handles, empty functions, wrong counts, shapes and names. Each
// gives one typed error, and leaves everything as it was.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include <nyala/nyala.hpp>

#include "message_of.hpp"

using namespace nyala;

namespace {

const Tensor kX = ops::ones({4, 2});
const Tensor kY = ops::ones({4, 1});

Sequential dense_model() {
  return Sequential({Input({.shape = {2}}), layers::Dense({.units = 1})});
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an empty model says which call it was") {
  Sequential given = dense_model();
  const Sequential taken = std::move(given);
  const Sequential& gone = given;  // NOLINT(bugprone-use-after-move)
  CHECK(taken.predict(kX, {.verbose = 0}).size() == 4);
  for (const Model& model : {Model(), static_cast<const Model&>(gone)}) {
    const std::pair<const char*, std::function<void()>> calls[] = {
        {"predict()", [&] { model.predict(kX); }},
        {"predict_all()", [&] { model.predict_all(kX); }},
        {"predict_on_batch()", [&] { model.predict_on_batch(kX); }},
        {"fit()", [&] { model.fit(kX, kY); }},
        {"evaluate()", [&] { model.evaluate(kX, kY); }},
        {"train_on_batch()", [&] { model.train_on_batch(kX, kY); }},
        {"test_on_batch()", [&] { model.test_on_batch(kX, kY); }},
        {"train_program()", [&] { model.train_program(kX, kY); }},
        {"predict_program()", [&] { model.predict_program(kX); }},
        {"compile()", [&] { model.compile(); }},
        {"optimizer()", [&] { model.optimizer(); }},
        {"inputs()", [&] { model.inputs(); }},
        {"input_names()", [&] { model.input_names(); }},
        {"layers()", [&] { model.layers(); }},
        {"layers()", [&] { model.get_layer("dense"); }},
    };
    for (const auto& [name, call] : calls) {
      CHECK_THROWS_AS(call(), const StateError&);
      CHECK(says(message_of(call), name));
    }
  }
  CHECK_THROWS_AS(gone.add(layers::Dense({.units = 1})), const StateError&);
  CHECK_THROWS_AS(gone.pop(), const StateError&);
  CHECK_THROWS_AS(gone.build({None, 2}), const StateError&);
}

TEST_CASE("empty optimizers, losses, metrics and schedules say what they are") {
  const optimizers::Optimizer optimizer;
  const losses::Loss loss;
  const metrics::Metric metric;
  const optimizers::schedules::Schedule schedule;
  const Variable w(kX);
  const std::pair<const char*, std::function<void()>> calls[] = {
      {"apply() was called on an empty optimizer", [&] { optimizer.apply({kX}, {w}); }},
      {"learning_rate() was called on an empty optimizer", [&] { optimizer.learning_rate(); }},
      {"an empty optimizer was used", [&] { optimizer->apply({kX}, {w}); }},
      {"operator()() was called on an empty loss", [&] { loss(kY, kY); }},
      {"name() was called on an empty loss", [&] { loss.name(); }},
      {"an empty loss was used", [&] { loss->name(); }},
      {"result() was called on an empty metric", [&] { metric.result(); }},
      {"update_state() was called on an empty metric", [&] { metric.update_state(kY, kY); }},
      {"an empty metric was used", [&] { metric->reset_state(); }},
      {"was called on an empty learning", [&] { schedule(0); }},
      {"an empty initializer was used", [] { initializers::Initializer()->get_config(); }},
  };
  for (const auto& one : calls) {
    const auto& text = one.first;
    const auto& call = one.second;
    CAPTURE(message_of(call));
    CHECK_THROWS_AS(call(), const StateError&);
    CHECK(says(message_of(call), text));
  }
  optimizers::Adam adam;
  const optimizers::Optimizer taken = std::move(adam);
  CHECK_THROWS_AS(adam.variables(), const StateError&);  // NOLINT(bugprone-use-after-move)
  CHECK_THROWS_AS(optimizers::SGD({.learning_rate = schedule}), const ValueError&);
  CHECK_THROWS_AS(dense_model().compile({.optimizer = optimizer}), const ValueError&);
}

TEST_CASE("empty functions are refused where they are given") {
  const std::function<Tensor(const Tensor&, const Tensor&)> none;
  Tensor (*null)(const Tensor&, const Tensor&) = nullptr;
  CHECK_THROWS_AS(losses::Loss(none, "mine"), const ValueError&);
  CHECK_THROWS_AS(losses::Loss{losses::LossFunction()}, const ValueError&);
  CHECK_THROWS_AS(losses::Loss{null}, const ValueError&);
  CHECK_THROWS_AS(losses::register_loss("mine", {}), const ValueError&);
  CHECK_THROWS_AS(metrics::Metric(none, "mine"), const ValueError&);
  CHECK_THROWS_AS(metrics::Metric{null}, const ValueError&);
  CHECK_THROWS_AS(metrics::register_metric("mine", {}), const ValueError&);
  CHECK_THROWS_AS(losses::LossBase::registry().add({{"mine"}, {}}), const ValueError&);
  const std::function<double(int)> no_rate;
  CHECK_THROWS_AS(callbacks::LearningRateScheduler({.schedule = no_rate}), const ValueError&);
  const losses::Loss undefined([](const Tensor&, const Tensor&) { return Tensor(); }, "mine");
  CHECK_THROWS_AS(undefined(kY, kY), const ValueError&);
  const metrics::Metric nothing([](const Tensor&, const Tensor&) { return Tensor(); }, "mine");
  CHECK_THROWS_AS(nothing.update_state(kY, kY), const ValueError&);
}

TEST_CASE("callbacks: null and moved-from ones") {
  const Sequential model = dense_model();
  model.compile({.optimizer = "sgd", .loss = "mse"});
  CHECK_THROWS_AS(model.fit(kX, kY, {.verbose = 0, .callbacks = {nullptr}}), const ValueError&);
  const std::shared_ptr<callbacks::EarlyStopping> null;
  CHECK_THROWS_AS(model.fit(kX, kY, {.verbose = 0, .callbacks = {null}}), const ValueError&);
  callbacks::EarlyStopping stopping({.monitor = "loss"});
  const callbacks::EarlyStopping taken = std::move(stopping);
  CHECK(stopping.stopped_epoch() == 0);  // NOLINT(bugprone-use-after-move)
  History history = model.fit(kX, kY, {.verbose = 0});
  const History kept = std::move(history);
  CHECK(history.epoch() == kept.epoch());  // NOLINT(bugprone-use-after-move)
  callbacks::CSVLogger logger("nowhere.csv");
  callbacks::Logs logs{{"loss", 1.0}};
  CHECK_THROWS_AS(logger.on_epoch_end(0, logs), const StateError&);
}

TEST_CASE("a model is not put into itself") {
  Sequential outer = dense_model();
  const auto size = outer.layers().size();
  CHECK_THROWS_AS(outer.add(outer), const ValueError&);
  const Sequential inner({outer});
  CHECK_THROWS_AS(outer.add(inner), const ValueError&);
  const Symbol x = Input({.shape = {2}});
  CHECK_THROWS_AS(outer.add(Model(x, inner(x))), const ValueError&);
  CHECK(outer.layers().size() == size);
  CHECK(outer.predict(kX, {.verbose = 0}).size() == 4);
}

TEST_CASE("models that hold each other many times are walked once") {
  // Each level holds the one below twice: 2^40 ways lead to the layer at the bottom.
  Layer level = layers::Dense({.units = 2});
  for (int i = 0; i < 40; ++i) level = Sequential({level, level});
  CHECK(level->submodules().size() == 40);
  CHECK(level->variables().empty());
  level.set_trainable(false);
  CHECK_FALSE(level->submodules().back()->trainable());
}

TEST_CASE("batch sizes and steps at the ends of their type") {
  const Sequential model = dense_model();
  model.compile({.optimizer = "sgd", .loss = "mse"});
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  for (const std::int64_t size : {most, most - 1, std::int64_t{5}}) {
    CHECK(model.predict(kX, {.batch_size = size, .verbose = 0}).shape() == Shape{4, 1});
    CHECK(model.fit(kX, kY, {.batch_size = size, .verbose = 0}).epoch().size() == 1);
    CHECK(std::isfinite(model.evaluate(kX, kY, {.batch_size = size, .verbose = 0}).loss()));
  }
  for (const std::int64_t size : {least, std::int64_t{-1}, std::int64_t{0}}) {
    CHECK_THROWS_AS(model.predict(kX, {.batch_size = size, .verbose = 0}), const ValueError&);
    CHECK_THROWS_AS(model.fit(kX, kY, {.batch_size = size, .verbose = 0}), const ValueError&);
    CHECK_THROWS_AS(model.evaluate(kX, kY, {.batch_size = size, .verbose = 0}), const ValueError&);
    CHECK_THROWS_AS(model.predict(kX, {.verbose = 0, .steps = size}), const ValueError&);
    CHECK_THROWS_AS(
        model.fit(kX, kY, {.verbose = 0, .validation_split = 0.5, .validation_batch_size = size}),
        const ValueError&);
  }
  CHECK(model.predict(kX, {.batch_size = 2, .verbose = 0, .steps = most}).shape() == Shape{4, 1});
  CHECK(model.predict(kX, {.batch_size = 1, .verbose = 0, .steps = 3}).shape() == Shape{3, 1});
  const Data rows(kX);
  CHECK(rows.rows(1, 3).tensors()[0].shape() == Shape{2, 2});
  CHECK_THROWS_AS(rows.rows(-1, 2), const IndexError&);
  CHECK_THROWS_AS(rows.rows(3, 2), const IndexError&);
  CHECK_THROWS_AS(rows.rows(0, most), const IndexError&);
}

TEST_CASE("errors say what is wrong") {
  const Sequential model = dense_model();
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const std::string empty = message_of([&] {
    model.fit(ops::zeros({0, 2}), ops::zeros({0, 1}), {.verbose = 0});
  });
  CHECK(says(empty, "no samples"));
  const std::string nan = message_of([] {
    optimizers::schedules::CosineDecay({.initial_learning_rate = std::nan(""), .decay_steps = 1});
  });
  CHECK(says(nan, "initial_learning_rate = nan, expected a number"));
  CHECK_FALSE(says(nan, "inf"));

  // Class weights are one number for each sample, the losses of a sequence more than that.
  const Sequential tagger({Input({.shape = {5, 2}}), layers::Dense({.units = 3})});
  tagger.compile({.optimizer = "sgd", .loss = "sparse_categorical_crossentropy"});
  const std::string classes = message_of([&] {
    tagger.fit(ops::ones({4, 5, 2}),
               ops::zeros({4, 5}),
               {.verbose = 0, .class_weight = {{0, 1.0}, {1, 2.0}}});
  });
  CHECK(says(classes, "weights"));
  CHECK(says(classes, "(4,)"));
  CHECK(says(classes, "(4, 5)"));
  CHECK_THROWS_AS(model.fit(kX,
                            Tensor::from(std::vector<float>{0, 1, std::nanf(""), 0}, {4, 1}),
                            {.verbose = 0, .class_weight = {{0, 2.0}}}),
                  const ValueError&);
}

TEST_CASE("an empty batch has a loss of 0") {
  const Sequential model = dense_model();
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const std::vector<Tensor> before = model.get_weights();
  CHECK(model.test_on_batch(ops::zeros({0, 2}), ops::zeros({0, 1})).loss() == 0);
  CHECK(model.predict_on_batch(ops::zeros({0, 2})).shape() == Shape{0, 1});
}

TEST_CASE("a metric named loss hides the loss, as in Keras") {
  const Sequential model(
      {Input({.shape = {2}}),
       layers::Dense({.units = 1, .kernel_initializer = initializers::Constant({.value = 2})})});
  model.compile({.optimizer = "sgd",
                 .loss = "mse",
                 .metrics = {metrics::MeanAbsoluteError({.name = "loss"})}});
  CHECK(model.evaluate(kX, kY, {.verbose = 0}).loss() == doctest::Approx(3));  // the loss is 9
}

TEST_CASE("freezing a layer freezes its variables, as in Keras") {
  const layers::BatchNormalization norm;
  const layers::Dense dense({.units = 1});
  const Sequential model({Input({.shape = {2}}), norm, dense});
  const auto flags = [](const Layer& layer) {
    std::vector<bool> all;
    for (const Variable& variable : layer.weights()) all.push_back(variable.trainable());
    return all;
  };
  CHECK(flags(norm) == std::vector<bool>{true, true, false, false});
  model.set_trainable(false);
  CHECK(flags(norm) == std::vector<bool>{false, false, false, false});
  CHECK(flags(dense) == std::vector<bool>{false, false});
  model.set_trainable(true);
  CHECK(flags(norm) == std::vector<bool>{true, true, false, false});
  const layers::Dense frozen({.units = 1, .trainable = false});
  frozen(kX);
  CHECK(flags(frozen) == std::vector<bool>{false, false});
  frozen.set_trainable(true);
  CHECK(flags(frozen) == std::vector<bool>{true, true});
}

TEST_CASE("a monitor that never comes") {
  const auto fit = [](const callbacks::CallbackRef& callback) {
    const Sequential model = dense_model();
    model.compile({.optimizer = "sgd", .loss = "mse", .metrics = {"accuracy"}});
    return model.fit(kX, kY, {.epochs = 2, .verbose = 0, .callbacks = {callback}}).epoch().size();
  };
  using callbacks::EarlyStopping, callbacks::ReduceLROnPlateau;
  CHECK_THROWS_AS(fit(EarlyStopping({.monitor = "foo"})), const ValueError&);
  CHECK_THROWS_AS(fit(EarlyStopping({.monitor = "val_foo"})), const ValueError&);
  CHECK_THROWS_AS(fit(EarlyStopping({.monitor = "foo_loss"})), const ValueError&);
  CHECK_THROWS_AS(fit(EarlyStopping({.monitor = "foo", .start_from_epoch = 5})), const ValueError&);
  CHECK_THROWS_AS(fit(ReduceLROnPlateau({.monitor = "foo"})), const ValueError&);
  // With a mode, or a name that the model knows, it is a warning.
  CHECK(fit(EarlyStopping({.monitor = "foo", .mode = "min"})) == 2);
  CHECK(fit(ReduceLROnPlateau({.monitor = "foo", .mode = "max"})) == 2);
  CHECK(fit(EarlyStopping()) == 2);
  CHECK(fit(EarlyStopping({.monitor = "val_accuracy"})) == 2);
}

TEST_CASE("an axis is saved as it was given") {
  const auto axis = [](const losses::Loss& loss) { return loss.get_config().at("axis").str(); };
  CHECK(axis(losses::Dice({.axis = -1})) == "-1");
  CHECK(axis(losses::Dice({.axis = {-1}})) == "[-1]");
  CHECK(axis(losses::Tversky({.axis = {1, 2}})) == "[1, 2]");
}
