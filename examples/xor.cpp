// The smallest network that learns something a line cannot: exclusive or.
#include <iostream>

#include <nyala/nyala.hpp>

using namespace nyala;

int main() {
  set_random_seed(7);
  const Tensor x = ops::array<float>({{0, 0}, {0, 1}, {1, 0}, {1, 1}});
  const Tensor y = ops::array<float>({{0}, {1}, {1}, {0}});

  Sequential model({
      Input({.shape = {2}}),
      layers::Dense({.units = 8, .activation = "tanh"}),
      layers::Dense({.units = 1, .activation = "sigmoid"}),
  });
  model.summary(std::cout);
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.05}),
                 .loss = "binary_crossentropy",
                 .metrics = {"accuracy"}});
  const History history = model.fit(x, y, {.batch_size = 4, .epochs = 500, .verbose = 0});

  std::cout << "loss after 500 epochs: " << history["loss"].back() << '\n';
  std::cout << "inputs and predictions:\n"
            << ops::concatenate({x, model.predict(x, {.verbose = 0})}, {.axis = 1}) << '\n';
  const bool learned = history["loss"].back() < 0.05 && history["accuracy"].back() == 1.0;
  std::cout << (learned ? "learned" : "NOT learned") << ": loss below 0.05 and all four right\n";
  return learned ? 0 : 1;
}
