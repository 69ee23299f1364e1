// Fisher's irises: a multi-layer perceptron tells three species by four lengths.
#include <iostream>

#include <nyala/nyala.hpp>

#include "csv.hpp"

using namespace nyala;

int main() {
  set_random_seed(1);
  const Tensor table = random::shuffle(example::read_csv(example::data_file("iris.csv")));
  const Tensor x = ops::slice_axis(table, 1, 0, 4);
  const Tensor species = ops::cast(ops::slice_axis(table, 1, 4, 5), int32);
  const std::int64_t training = 120;
  const Tensor x_train = ops::slice_axis(x, 0, 0, training);
  const Tensor x_test = ops::slice_axis(x, 0, training, 150);
  const Tensor y_train = ops::slice_axis(species, 0, 0, training);
  const Tensor y_test = ops::slice_axis(species, 0, training, 150);

  layers::Normalization scale;
  scale.adapt(x_train);
  Sequential model({
      Input({.shape = {4}}),
      scale,
      layers::Dense({.units = 16, .activation = "relu"}),
      layers::Dense({.units = 3, .activation = "softmax"}),
  });
  model.summary(std::cout);
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.01}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  model.fit(
      x_train, y_train, {.batch_size = 16, .epochs = 40, .verbose = 2, .validation_split = 0.1});

  const double accuracy = model.evaluate(x_test, y_test, {.verbose = 0})["accuracy"];
  std::cout << "accuracy on 30 flowers not trained on: " << accuracy << " (at least 0.9 wanted)\n";
  return accuracy >= 0.9 ? 0 : 1;
}
