// Are two handwritten digits the same? One tower for both pictures, and Dot(normalize = true): the
// cosine of what the tower makes of them.
#include <iostream>
#include <utility>

#include <nyala/nyala.hpp>

#include "csv.hpp"

using namespace nyala;

namespace {

struct Pairs {
  Tensor left, right, same;
};

// Half of the pairs show the same digit: rows are sorted by digit, so a near row is mostly the
// same.
Pairs make_pairs(const Tensor& table, std::int64_t count) {
  const std::int64_t rows = table.shape()[0];
  const Tensor digits = ops::slice_axis(table, 1, 64, 65);
  const Tensor sorted = ops::take(table, ops::argsort(ops::reshape(digits, {-1})), {.axis = 0});
  const Tensor first = random::randint({count}, 0, static_cast<int>(rows));
  const Tensor near = ops::clip(first + random::randint({count}, -40, 41), 0, rows - 1);
  const Tensor far = random::randint({count}, 0, static_cast<int>(rows));
  const Tensor second = ops::where(random::randint({count}, 0, 2) > 0, near, far);
  const Tensor a = ops::take(sorted, first, {.axis = 0});
  const Tensor b = ops::take(sorted, second, {.axis = 0});
  const auto pixels = [](const Tensor& t) { return ops::slice_axis(t, 1, 0, 64) / 16; };
  const auto digit = [](const Tensor& t) { return ops::slice_axis(t, 1, 64, 65); };
  return {pixels(a), pixels(b), ops::cast(ops::equal(digit(a), digit(b)), float32)};
}

}  // namespace

int main() {
  set_random_seed(3);
  const Tensor table = example::read_csv(example::data_file("optdigits.csv"));
  const Pairs train = make_pairs(ops::slice_axis(table, 0, 0, 1400), 8000);
  const Pairs test = make_pairs(ops::slice_axis(table, 0, 1400, table.shape()[0]), 2000);

  const Symbol left = Input({.shape = {64}, .name = "left"});
  const Symbol right = Input({.shape = {64}, .name = "right"});
  const layers::Dense hidden({.units = 64, .activation = "relu"});
  const layers::Dense vector({.units = 16});
  const Symbol cosine = layers::Dot({.axes = 1, .normalize = true, .name = "cosine"})(
      {vector(hidden(left)), vector(hidden(right))});
  Model model({left, right}, cosine, {.name = "siamese"});
  model.summary(std::cout);
  // The cosine itself is the answer: 1 for the same digit, 0 for another.
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.003}),
                 .loss = "mse",
                 .metrics = {metrics::BinaryAccuracy({.name = "accuracy"})}});
  model.fit({train.left, train.right}, train.same, {.batch_size = 64, .epochs = 20, .verbose = 2});

  const double accuracy =
      model.evaluate({test.left, test.right}, test.same, {.verbose = 0})["accuracy"];
  std::cout << "accuracy on pairs of digits not trained on: " << accuracy
            << " (at least 0.9 wanted)\n";
  return accuracy >= 0.9 ? 0 : 1;
}
