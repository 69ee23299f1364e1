// Attention written by hand with two Dots, on handwritten digits read as a sequence of eight rows:
// each row asks all rows (first Dot), and takes from them what it asked for (second Dot).
#include <iostream>

#include <nyala/nyala.hpp>

#include "csv.hpp"

using namespace nyala;

int main() {
  set_random_seed(6);
  const Tensor table = example::read_csv(example::data_file("optdigits.csv"));
  const std::int64_t rows = table.shape()[0];
  const std::int64_t training = 1500;
  const Tensor pictures = ops::reshape(ops::slice_axis(table, 1, 0, 64) / 16, {rows, 8, 8});
  const Tensor digit = ops::cast(ops::slice_axis(table, 1, 64, 65), int32);

  const Symbol picture = Input({.shape = {8, 8}, .name = "picture"});
  const Symbol query = layers::Dense({.units = 16, .name = "query"})(picture);
  const Symbol key = layers::Dense({.units = 16, .name = "key"})(picture);
  const Symbol value = layers::Dense({.units = 16, .activation = "relu", .name = "value"})(picture);
  const Symbol scores = layers::Dot({.axes = 2, .name = "scores"})({query, key});
  const Symbol weights =
      layers::Softmax({.name = "weights"})(layers::Rescaling({.scale = 0.25})(scores));
  const Symbol context = layers::Dot({.axes = {2, 1}, .name = "context"})({weights, value});
  const Symbol both = layers::Flatten()(layers::Concatenate()({value, context}));
  Model model(
      picture, layers::Dense({.units = 10, .activation = "softmax"})(both), {.name = "attention"});
  model.summary(std::cout);
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.003}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  model.fit(ops::slice_axis(pictures, 0, 0, training),
            ops::slice_axis(digit, 0, 0, training),
            {.batch_size = 32, .epochs = 20, .verbose = 2});

  const double accuracy = model.evaluate(ops::slice_axis(pictures, 0, training, rows),
                                         ops::slice_axis(digit, 0, training, rows),
                                         {.verbose = 0})["accuracy"];
  std::cout << "accuracy on digits not trained on: " << accuracy << " (at least 0.88 wanted)\n";

  const Model looking(picture, weights);
  const Tensor looks =
      looking.predict(ops::slice_axis(pictures, 0, training, training + 1), {.verbose = 0});
  std::cout << "where each row of a picture of a " << digit[training].item<int>() << " looks:\n"
            << ops::round(looks[0] * 100) / 100 << '\n';
  return accuracy >= 0.88 ? 0 : 1;
}
