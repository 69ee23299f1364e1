// Training as a Keras user types it: the dot on every handle, the first argument by position,
// functions by name, vectors as data.
#include <cmath>
#include <vector>

#include <nyala/nyala.hpp>

#include "check.hpp"

using namespace nyala;

int main() {
  set_random_seed(1);

  // Data may be plain vectors; a model may be made of a vector of layers.
  const std::vector<float> x = {-1, 0, 1, 2, 3, 4};
  const std::vector<float> y = {-3, -1, 1, 3, 5, 7};
  const std::vector<layers::Dense> stack = {layers::Dense({.units = 1})};
  Sequential line(stack);
  line.build({None, 1});

  // opt = SGD(0.1); loss = losses.huber; metrics = [metrics.mean_absolute_error]
  line.compile({.optimizer = optimizers::SGD(0.1),
                .loss = losses::huber,
                .metrics = {metrics::mean_absolute_error, "mse"}});
  const History history = line.fit(x, y, {.epochs = 200, .verbose = 0});
  CHECK(history["mean_absolute_error"].back() < 0.05);
  CHECK(line.evaluate(x, y, {.verbose = 0})["mse"] < 0.01);

  // optimizer.apply(...), optimizer.learning_rate(), ...
  optimizers::Adam optimizer(0.01);
  const Variable w(ops::ones({2}), {.name = "w"});
  optimizer.apply({ops::ones({2})}, {w});
  CHECK(optimizer.iterations().value().item<int>() == 1);
  CHECK(std::abs(optimizer.learning_rate().item<double>() - 0.01) < 1e-8);
  optimizer.set_learning_rate(0.5);
  CHECK(optimizer.variables().size() == 4);
  CHECK(optimizer.get_config().contains("beta_1"));

  // schedule(step), and a schedule as the first argument.
  optimizers::schedules::ExponentialDecay schedule(
      {.initial_learning_rate = 0.1, .decay_steps = 10, .decay_rate = 0.5});
  CHECK(std::abs(schedule(10).item<double>() - 0.05) < 1e-8);
  optimizers::SGD scheduled(schedule);
  CHECK(scheduled.has_schedule());

  // loss(y_true, y_pred), loss.name(), losses.Huber(0.5)
  const Tensor t = ops::zeros({2, 1});
  const Tensor p = ops::ones({2, 1});
  losses::Huber huber(0.5);
  CHECK(huber.name() == "huber_loss");
  CHECK(std::abs(huber(t, p).item<double>() - 0.375) < 1e-6);
  CHECK(losses::BinaryCrossentropy(true).get_config().at("from_logits").as_bool());
  CHECK(losses::MeanSquaredError("sum")(t, p).item<double>() == 2);
  CHECK(std::abs(losses::Loss(losses::huber)(t, p).item<double>() - 0.5) < 1e-6);

  // metric.update_state(...), metric.result(), metrics.TopKCategoricalAccuracy(2)
  metrics::BinaryAccuracy accuracy;
  accuracy.update_state(t, p);
  CHECK(accuracy.result().item<double>() == 0);
  accuracy.reset_state();
  metrics::Mean mean("loss_so_far");
  mean.update_state(p);
  CHECK(mean.name() == "loss_so_far" && mean.result().item<double>() == 1);
  CHECK(metrics::TopKCategoricalAccuracy(2).get_config().at("k").as_int() == 2);
  CHECK(metrics::binary_accuracy(t, p).shape() == Shape{2, 1} ||
        metrics::binary_accuracy(t, p).shape() == Shape{2});
  CHECK(metrics::Metric(metrics::binary_accuracy).name() == "binary_accuracy");

  // Two outputs unpack, and have names.
  const Symbol input = Input({.shape = {2}, .name = "pair"});
  const Model both(input, {{"sum", ops::sum(input, {.axis = -1})}, {"twice", input * 2.0}});
  const auto [sum, twice] = both.predict_all<2>(ops::ones({3, 2}), {.verbose = 0});
  CHECK(sum.shape() == Shape{3} && twice.shape() == Shape{3, 2});
  CHECK(both.predict_all(ops::ones({3, 2}), {.verbose = 0})["twice"].shape() == Shape{3, 2});
  return 0;
}
