#include <doctest/doctest.h>

#include <cmath>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/random.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/core/log.hpp>
#include <nyala/layers/layers.hpp>
#include <nyala/models/model.hpp>
#include <nyala/models/optimizers.hpp>

using namespace nyala;
using namespace nyala::optimizers;

namespace {

// Steps of least squares on 64 samples, as a traced function; gives the last loss.
double train(const Optimizer& optimizer, int steps) {
  const Tensor x = random::normal({64, 4}, {.seed = 1});
  const Tensor wanted = ops::matmul(x, ops::array<float>({{1}, {-2}, {3}, {0.5}}));
  const Variable w(ops::zeros({4, 1}), {.name = "w"});
  const auto step = function([&](const Tensor& input, const Tensor& target) {
    GradientTape tape;
    const Tensor loss = ops::mean(ops::square(ops::matmul(input, w) - target));
    optimizer->apply({tape.gradient(loss, w)}, {w});
    return loss;
  });
  double loss = 0;
  for (int i = 0; i < steps; ++i) loss = step(x, wanted).item<double>();
  CHECK(step.trace_count() == 1);
  CHECK(optimizer->iterations().value().item<int>() == steps);
  return loss;
}

}  // namespace

TEST_CASE("every optimizer lowers a loss within a traced function") {
  // The loss is 14.25 at first. Slow starters (Adadelta) only have to get going.
  CHECK(train(SGD({.learning_rate = 0.1}), 200) < 1e-6);
  CHECK(train(SGD({.learning_rate = 0.05, .momentum = 0.9, .nesterov = true}), 200) < 1e-6);
  CHECK(train(RMSprop({.learning_rate = 0.05}), 300) < 1e-2);
  CHECK(train(Adagrad({.learning_rate = 1}), 200) < 1e-3);
  CHECK(train(Adadelta({.learning_rate = 10}), 300) < 1);
  CHECK(train(Adam({.learning_rate = 0.1}), 300) < 1e-4);
  CHECK(train(AdamW({.learning_rate = 0.1, .weight_decay = 1e-4}), 300) < 1e-3);
  CHECK(train(Adamax({.learning_rate = 0.1}), 300) < 1e-2);
  CHECK(train(Nadam({.learning_rate = 0.1}), 300) < 1e-3);
  // Each step of Lamb is a fixed share of the weights' norm: near the end it goes to and fro.
  CHECK(train(Lamb({.learning_rate = 0.02}), 500) < 0.1);
  CHECK(train(Lion({.learning_rate = 0.01}), 600) < 0.1);
  CHECK(train(Ftrl({.learning_rate = 1}), 300) < 1e-2);
  // Their steps are shares of the weights' size, or have a size of their own.
  CHECK(train(Adafactor({.learning_rate = 0.1}), 500) < 0.5);
  CHECK(train(Muon({.learning_rate = 0.02}), 600) < 0.5);
  CHECK(train(ScheduleFreeAdamW({.learning_rate = 0.1}), 500) < 0.05);
}

TEST_CASE("optimizers over whole matrices refuse rows and bad patterns") {
  CHECK_THROWS_AS(Adafactor({.lazy = true}), ValueError);
  CHECK_THROWS_AS(Muon({.lazy = true}), ValueError);
  CHECK_THROWS_AS(Muon({.exclude_layers = {"("}}), ValueError);
}

TEST_CASE("Muon leaves embeddings and excluded layers to Adam") {
  const auto slots = [](const std::string& path, const MuonArgs& args) {
    const Variable w(ops::ones({3, 2}), {.name = "w"});
    w.set_path(path);
    const Optimizer optimizer = Muon(args);
    optimizer->build({w});
    return optimizer->variables().size() - 2;  // besides iteration and learning_rate
  };
  CHECK(slots("dense/kernel", {}) == 1);
  CHECK(slots("My_Embedding/embeddings", {}) == 2);
  CHECK(slots("My_Embedding/embeddings", {.exclude_embeddings = false}) == 1);
  CHECK(slots("tower/dense_1/kernel", {.exclude_layers = {"dense_[0-9]/"}}) == 2);
  CHECK(slots("tower/dense/kernel", {.exclude_layers = {"dense_[0-9]/"}}) == 1);
}

TEST_CASE("Adadelta counts the steps of a row that occurs several times as Keras does") {
  const Symbol in = Input({.shape = {3}, .dtype = int32});
  const Symbol rows =
      layers::Embedding({.input_dim = 2, .output_dim = 1, .embeddings_initializer = "ones"})(in);
  const Model model(in, layers::Flatten()(rows));
  model.compile({.optimizer = Adadelta({.learning_rate = 1}), .loss = "mse"});
  const Tensor x = ops::zeros({1, 3}, {.dtype = int32});
  const Tensor y = Tensor::from(std::vector<float>{0, 1.5f, 3}, {1, 3});
  // What Keras 3.15 on TensorFlow has after each step, in float32.
  const double weight[] = {1.0009259, 1.0018619};
  const double squares_of_steps[] = {9.9999895e-08, 1.975375e-07};
  for (int step = 0; step < 2; ++step) {
    CAPTURE(step);
    model.train_on_batch(x, y);
    CHECK(model.get_weights()[0].to_vector<float>()[0] ==
          doctest::Approx(weight[step]).epsilon(2e-7));
    const std::vector<Variable> slots = model.optimizer().variables();
    CHECK(Tensor(slots[3]).to_vector<float>()[0] ==
          doctest::Approx(squares_of_steps[step]).epsilon(1e-5));
  }
}

TEST_CASE("a learning rate set between replays, and one by schedule, take effect") {
  const Variable w(ops::zeros({1}));
  const Optimizer optimizer = SGD({.learning_rate = 1});
  const auto step = function([&](const Tensor& g) { optimizer->apply({g}, {w}); });
  const Tensor g = ops::ones({1});
  step(g);
  optimizer->set_learning_rate(0.5);
  step(g);
  CHECK(w.value().item<float>() == -1.5F);
  CHECK(optimizer->get_config().at("learning_rate").as_double() == 0.5);

  const Variable v(ops::zeros({1}));
  const Optimizer by_schedule = SGD({.learning_rate = schedules::PiecewiseConstantDecay(
                                         {.boundaries = {0, 1}, .values = {4, 2, 1}})});
  CHECK(by_schedule->has_schedule());
  CHECK(by_schedule->variables().size() == 1);
  const auto next = function([&](const Tensor& gradient) { by_schedule->apply({gradient}, {v}); });
  for (int i = 0; i < 4; ++i) next(g);
  CHECK(v.value().item<float>() == -8.0F);
  CHECK_THROWS_AS(by_schedule->set_learning_rate(0.1), TypeError);
}

TEST_CASE("gradients that are gathered change nothing until they count") {
  const Variable w(ops::zeros({2}), {.name = "w"});
  const Optimizer optimizer = Adam({.learning_rate = 0.1, .gradient_accumulation_steps = 3});
  for (int i = 0; i < 2; ++i) optimizer->apply({ops::ones({2})}, {w});
  CHECK(ops::array_equal(w, ops::zeros({2})));
  CHECK(ops::array_equal(optimizer->variables()[2], ops::array<float>({2, 2})));
  CHECK(ops::array_equal(optimizer->variables()[3], ops::zeros({2})));
  optimizer->apply({ops::ones({2})}, {w});
  CHECK(ops::allclose(w, ops::array<float>({-0.1, -0.1}), {.rtol = 1e-5}));
  CHECK(ops::array_equal(optimizer->variables()[2], ops::zeros({2})));
}

TEST_CASE("weight decay leaves out what it is told to, and constraints come last") {
  const Variable kernel(ops::ones({2}), {.name = "kernel"}), bias(ops::ones({2}), {.name = "bias"});
  const Optimizer optimizer = SGD({.learning_rate = 1, .weight_decay = 0.5});
  optimizer->exclude_from_weight_decay({}, {"bias"});
  kernel.set_constraint([](const Tensor& value) { return ops::minimum(value, 0.25); });
  optimizer->apply_gradients({{ops::zeros({2}), kernel}, {ops::zeros({2}), bias}});
  CHECK(ops::array_equal(kernel, ops::array<float>({0.25, 0.25})));
  CHECK(ops::array_equal(bias, ops::ones({2})));
  CHECK_THROWS_AS(optimizer->exclude_from_weight_decay({}), StateError);
}

TEST_CASE("constraints of layers hold in fit and in loops of one's own") {
  const Tensor x = ops::array<float>({{1, -1}, {2, 1}, {-1, 3}});
  const Tensor y = ops::array<float>({{1}, {-2}, {3}});
  const Sequential model(
      {Input({.shape = {2}}),
       layers::Dense({.units = 1,
                      .kernel_initializer = initializers::Constant({.value = 0.5}),
                      .kernel_constraint = "non_neg"})});
  SUBCASE("fit") {
    model.compile({.optimizer = SGD({.learning_rate = 0.1}), .loss = "mse"});
    model.fit(x, y, {.batch_size = 3, .epochs = 3, .verbose = 0, .shuffle = false});
  }
  SUBCASE("a loop") {
    const Optimizer optimizer = SGD({.learning_rate = 0.1});
    for (int i = 0; i < 3; ++i) {
      GradientTape tape;
      const Tensor loss = ops::mean(ops::square(model(x) - y));
      const std::vector<Variable> weights = model.trainable_variables();
      optimizer->apply(tape.gradient(loss, weights), weights);
    }
  }
  // Recorded from Keras 3.15.1.
  const std::vector<Tensor> weights = model.get_weights();
  CHECK(ops::allclose(weights[0], ops::array<float>({{0}, {0.55377775}})));
  CHECK(ops::allclose(weights[1], ops::array<float>({0.00933332}), {.rtol = 1e-4}));
}

TEST_CASE("a missing gradient is told once") {
  std::vector<std::string> heard;
  set_log_sink([&](LogLevel, std::string_view message) { heard.emplace_back(message); });
  const Variable a(ops::ones({2}), {.name = "a"}), b(ops::ones({2}), {.name = "b"});
  const Optimizer optimizer = Adam();
  for (int i = 0; i < 3; ++i) optimizer->apply({ops::ones({2}), Tensor()}, {a, b});
  set_log_sink({});
  REQUIRE(heard.size() == 1);
  CHECK(heard[0] == "Adam: there is no gradient for b");
  CHECK(ops::array_equal(b, ops::ones({2})));
}

TEST_CASE("a state taken from one optimizer continues in another") {
  const auto gradient = [](int i) { return ops::array<float>({1, -2}) * (i + 1); };
  const Variable a(ops::zeros({2})), b(ops::zeros({2}));
  const Optimizer first = Nadam({.learning_rate = 0.1}), second = Nadam({.learning_rate = 0.3});
  for (int i = 0; i < 3; ++i) first->apply({gradient(i)}, {a});
  b.assign(a);
  second->build({b});
  std::vector<Tensor> weights;
  for (const Variable& v : first->variables()) weights.push_back(v);
  second->set_weights(weights);
  first->apply({gradient(3)}, {a});
  second->apply({gradient(3)}, {b});
  CHECK(ops::array_equal(a, b));
  weights.pop_back();
  CHECK_THROWS_AS(second->set_weights(weights), ValueError);
  weights.push_back(ops::ones({3}));
  CHECK_THROWS_AS(second->set_weights(weights), ShapeError);
  CHECK(second->iterations().value().item<int>() == 4);
}

TEST_CASE("wrong options and gradients change nothing") {
  CHECK_THROWS_AS(Adam({.learning_rate = NAN}), ValueError);
  CHECK_THROWS_AS(Adam({.learning_rate = -0.1}), ValueError);
  CHECK_THROWS_AS(Adam({.beta_1 = NAN}), ValueError);
  CHECK_THROWS_AS(Adam({.epsilon = -1}), ValueError);
  CHECK_THROWS_AS(SGD({.clipnorm = NAN}), ValueError);
  CHECK_THROWS_AS(SGD({.weight_decay = -1.0}), ValueError);
  CHECK_THROWS_AS(SGD({.use_ema = true, .ema_momentum = 1.5}), ValueError);
  CHECK_THROWS_AS(SGD({.gradient_accumulation_steps = 1}), ValueError);
  CHECK_THROWS_AS(AdamW({.weight_decay = {}}), ValueError);
  CHECK_THROWS_AS(Ftrl({.learning_rate_power = 0.5}), ValueError);
  CHECK_THROWS_AS(schedules::ExponentialDecay(
                      {.initial_learning_rate = 0.1, .decay_steps = 0, .decay_rate = 0.5}),
                  ValueError);
  CHECK_THROWS_AS(schedules::PiecewiseConstantDecay({.boundaries = {1}, .values = {1}}),
                  ValueError);

  const Variable w(ops::ones({2}), {.name = "w"});
  const Optimizer optimizer = SGD({.learning_rate = 0.1, .momentum = 0.9});
  CHECK_THROWS_AS(optimizer->apply({ops::ones({2})}), ValueError);
  CHECK_THROWS_AS(optimizer->apply({ops::ones({3})}, {w}), ShapeError);
  CHECK_THROWS_AS(optimizer->apply({ops::ones({2}), ops::ones({2})}, {w}), ValueError);
  CHECK(!optimizer->built());
  CHECK(ops::array_equal(w, ops::ones({2})));
  CHECK(optimizer->iterations().value().item<int>() == 0);
  CHECK_THROWS_AS(optimizer->set_learning_rate(-1), ValueError);
  CHECK(optimizer->learning_rate().item<float>() == 0.1F);
}

TEST_CASE("names are Keras's, numbered from the second on") {
  CHECK(Optimizer("rmsprop")->name().rfind("rm_sprop", 0) == 0);
  CHECK(Optimizer("adamw")->name().rfind("adam_w", 0) == 0);
  CHECK(Adam({.name = "mine"})->name() == "mine");
  CHECK(Adam()->get_config().at("learning_rate").as_double() == 0.0010000000474974513);
}
