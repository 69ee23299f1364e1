// Handwritten digits (UCI optdigits, 8x8 pixels) with dense layers.
#include <iostream>

#include <nyala/nyala.hpp>

#include "csv.hpp"

using namespace nyala;

int main() {
  set_random_seed(2);
  const Tensor table = example::read_csv(example::data_file("optdigits.csv"));
  const std::int64_t rows = table.shape()[0];
  const std::int64_t training = 1500;
  const Tensor pixels = ops::slice_axis(table, 1, 0, 64) / 16;
  const Tensor digit = ops::cast(ops::slice_axis(table, 1, 64, 65), int32);

  Sequential model({
      Input({.shape = {64}}),
      layers::Dense({.units = 128, .activation = "relu"}),
      layers::Dropout({.rate = 0.3}),
      layers::Dense({.units = 10, .activation = "softmax"}),
  });
  model.summary(std::cout);
  model.compile(
      {.optimizer = "adam", .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  model.fit(ops::slice_axis(pixels, 0, 0, training),
            ops::slice_axis(digit, 0, 0, training),
            {.batch_size = 32,
             .epochs = 40,
             .verbose = 2,
             .callbacks = {callbacks::EarlyStopping({.monitor = "val_loss", .patience = 5})},
             .validation_split = 0.1});

  const double accuracy = model.evaluate(ops::slice_axis(pixels, 0, training, rows),
                                         ops::slice_axis(digit, 0, training, rows),
                                         {.verbose = 0})["accuracy"];
  std::cout << "accuracy on " << rows - training << " digits not trained on: " << accuracy
            << " (at least 0.88 wanted)\n";
  return accuracy >= 0.88 ? 0 : 1;
}
