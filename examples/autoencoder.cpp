// A convolutional autoencoder that takes noise away from handwritten digits (UCI optdigits, 8x8
// pixels): it sees a digit with noise and is trained to give the digit without.
#include <iostream>

#include <nyala/nyala.hpp>

#include "csv.hpp"

using namespace nyala;

int main() {
  set_random_seed(5);
  const Tensor table = example::read_csv(example::data_file("optdigits.csv"));
  const std::int64_t rows = table.shape()[0];
  const std::int64_t training = 1500;
  const Tensor clean = ops::reshape(ops::slice_axis(table, 1, 0, 64) / 16, {rows, 8, 8, 1});
  const Tensor noise = random::normal(clean.shape(), {.stddev = 0.4, .seed = 1});
  const Tensor noisy = ops::clip(clean + noise, 0, 1);

  Sequential model({
      Input({.shape = {8, 8, 1}}),
      layers::Conv2D({.filters = 16, .kernel_size = 3, .padding = "same", .activation = "relu"}),
      layers::MaxPooling2D({.pool_size = 2}),
      layers::Flatten(),
      layers::Dense({.units = 32, .activation = "relu", .name = "code"}),
      layers::Dense({.units = 256, .activation = "relu"}),
      layers::Reshape({.target_shape = {4, 4, 16}}),
      layers::UpSampling2D({.size = 2}),
      layers::Conv2D({.filters = 1, .kernel_size = 3, .padding = "same", .activation = "sigmoid"}),
  });
  model.summary(std::cout);
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.002}), .loss = "mse"});
  model.fit(ops::slice_axis(noisy, 0, 0, training),
            ops::slice_axis(clean, 0, 0, training),
            {.batch_size = 32, .epochs = 40, .verbose = 2});

  const Tensor wanted = ops::slice_axis(clean, 0, training, rows);
  const Tensor given = ops::slice_axis(noisy, 0, training, rows);
  const Tensor result = model.predict(given, {.verbose = 0});
  const auto error = [&](const Tensor& x) {
    return ops::mean(ops::square(x - wanted)).item<double>();
  };
  const auto show = [](const Tensor& picture) {
    for (std::int64_t row = 0; row < 8; ++row) {
      for (const float pixel : picture[row].to_vector<float>())
        std::cout << " .:-=+*#%@"[static_cast<int>(pixel * 9.99F)];
      std::cout << '\n';
    }
  };
  std::cout << "a digit with noise, cleaned, and as it was:\n";
  for (const Tensor& pictures : {given, result, wanted}) show(pictures[0]);
  std::cout << "squared error with noise: " << error(given) << ", cleaned: " << error(result)
            << " (at most 0.45 of that wanted)\n";
  return error(result) <= 0.45 * error(given) ? 0 : 1;
}
