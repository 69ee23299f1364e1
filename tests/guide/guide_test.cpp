// What CONTRIBUTING.md shows does what it says.
#include <doctest/doctest.h>

#include <vector>

#include <nyala/autograd/gradient_check.hpp>
#include <nyala/nyala.hpp>

#include "guide.hpp"

using namespace nyala;

TEST_CASE("the guide's op gives cube roots and their gradients") {
  const Tensor x = Tensor::from(std::vector<double>{-8, 27, 0.125}, {3});
  CHECK(ops::allclose(ops::cube_root(x), Tensor::from(std::vector<double>{-2, 3, 0.5}, {3})));
  CHECK(ops::cube_root(ops::ones({2}, {.dtype = int32})).dtype() == float32);
  const auto f = [](const std::vector<Tensor>& at) { return ops::cube_root(at[0]); };
  // As for the library's ops (autograd/ops_gradient_test.cpp).
  CHECK(gradient_error(f, {x}, {.order = 2}) < 1e-6);
}

TEST_CASE("the guide's layer builds, trains and is written") {
  const Sequential model({Input({.shape = {3}}), layers::Gain({.start = 0.5})});
  CHECK(ops::allclose(model(ops::ones({2, 3})), ops::full({2, 3}, 0.5)));
  model.compile({.optimizer = optimizers::SGD({.learning_rate = 0.5}), .loss = "mse"});
  model.fit(ops::ones({8, 3}), ops::full({8, 3}, 2.0), {.epochs = 60, .verbose = 0});
  CHECK(ops::allclose(model.weights()[0], ops::full({3}, 2.0), {.rtol = 1e-3}));
  const Config config = model.layers()[0].get_config();
  CHECK(config.at("start").as_double() == 0.5);
}
