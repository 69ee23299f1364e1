// Transfer learning: a network learns to tell handwritten digits apart and its layers are written
// to a file. Read back and frozen, they learn with a new last layer from 50 pictures whether a
// digit is even, against the same layers that start from nothing.
#include <filesystem>
#include <iostream>

#include <nyala/nyala.hpp>

#include "csv.hpp"

using namespace nyala;

namespace {

Sequential features() {
  return Sequential({
      Input({.shape = {8, 8, 1}}),
      layers::Conv2D({.filters = 16, .kernel_size = 3, .padding = "same", .activation = "relu"}),
      layers::Conv2D({.filters = 32, .kernel_size = 3, .activation = "relu"}),
      layers::MaxPooling2D({.pool_size = 2}),
      layers::Flatten(),
      layers::Dense({.units = 64, .activation = "relu"}),
  });
}

// The layers with a new one on top, trained.
Sequential train(const Layer& base, int classes, const Tensor& x, const Tensor& y, int epochs) {
  const Sequential model({Input({.shape = {8, 8, 1}}),
                          base,
                          layers::Dropout({.rate = 0.3}),
                          layers::Dense({.units = classes, .activation = "softmax"})});
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.002}),
                 .loss = "sparse_categorical_crossentropy",
                 .metrics = {"accuracy"}});
  model.fit(x, y, {.batch_size = 32, .epochs = epochs, .verbose = 0});
  return model;
}

}  // namespace

int main() {
  set_random_seed(12);
  const Tensor table = example::read_csv(example::data_file("optdigits.csv"));
  const std::int64_t rows = table.shape()[0], training = 1000, few = 50;
  const Tensor pictures = ops::reshape(ops::slice_axis(table, 1, 0, 64) / 16, {rows, 8, 8, 1});
  const Tensor digit = ops::cast(ops::slice_axis(table, 1, 64, 65), int32);
  const Tensor odd = digit % 2;
  const auto part = [](const Tensor& x, std::int64_t from, std::int64_t to) {
    return ops::slice_axis(x, 0, from, to);
  };

  const std::string file =
      (std::filesystem::temp_directory_path() / "nyala_features.keras").string();
  const Sequential learned = features();
  train(learned, 10, part(pictures, 0, training), part(digit, 0, training), 15);
  learned.save(file);

  const Model frozen = load_model(file);
  std::filesystem::remove(file);
  frozen.set_trainable(false);
  const std::vector<Tensor> before = frozen.get_weights();
  const auto learn = [&](const Layer& base) {
    return train(base, 2, part(pictures, 0, few), part(odd, 0, few), 150);
  };
  const auto accuracy = [&](const Model& model) {
    return model.evaluate(
        part(pictures, training, rows), part(odd, training, rows), {.verbose = 0})["accuracy"];
  };
  const Sequential model = learn(frozen);
  model.summary(std::cout);
  const Sequential random = features();
  random.set_trainable(false);
  const double transferred = accuracy(model), alone = accuracy(learn(random));
  bool unchanged = true;
  for (std::size_t i = 0; i < before.size(); ++i)
    unchanged = unchanged && ops::all(before[i] == frozen.get_weights()[i]).item<bool>();
  std::cout << "even or odd, learned from " << few << " pictures: accuracy on others "
            << transferred << " with layers that know digits, " << alone << " with random ones\n"
            << "(at least 0.88 wanted, and 0.08 more than with random ones)\n"
            << "frozen weights unchanged: " << (unchanged ? "yes" : "no") << '\n';
  return transferred >= 0.88 && transferred >= alone + 0.08 && unchanged ? 0 : 1;
}
