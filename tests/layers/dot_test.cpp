#include <doctest/doctest.h>

#include <nyala/autograd/tape.hpp>
#include <nyala/layers/layers.hpp>

using namespace nyala;

TEST_CASE("Dot gives the documentation's example") {
  const Tensor x = ops::reshape(ops::arange(10), {1, 5, 2});
  const Tensor y = ops::reshape(ops::arange(10, 20), {1, 2, 5});
  const Tensor z = layers::Dot({.axes = {1, 2}})({x, y});
  CHECK(z.dtype() == int64);
  CHECK(z.to_vector<std::int64_t>() == std::vector<std::int64_t>{260, 360, 320, 445});
}

TEST_CASE("Dot names the layer, both shapes and both axes when sizes differ") {
  try {
    layers::Dot({.axes = 1, .name = "match"})({ops::ones({2, 3}), ops::ones({2, 4})});
    CHECK(false);
  } catch (const ValueError& error) {
    CHECK(std::string(error.what()) ==
          "Dot \"match\": received shapes (2, 3) and (2, 4) with axes (1, 1), whose sizes 3 and 4 "
          "must be the same");
  }
}

TEST_CASE("layers run on symbols, where only shapes are known") {
  clear_session();
  const Symbol user = Input({.shape = {3}});
  const Symbol item = Input({.shape = {3}});
  const layers::Dense tower({.units = 4, .activation = "relu"});
  const Symbol match = layers::Dot({.axes = 1, .normalize = true})({tower(user), tower(item)});
  CHECK(match.shape() == Shape{None, 1});
  CHECK(tower.name() == "dense");
  CHECK(match.node()->layer->name() == "dot");
  CHECK(tower.weights().size() == 2);
  CHECK(tower.weights()[0].path() == "dense/kernel");
  const Config config = match.node()->layer->get_config();
  CHECK(config.at("axes").as_int() == 1);
  const auto again = layer_from_config<layers::DotArgs>(config);
  CHECK(again->get_config() == config);
}

TEST_CASE("gradients reach a layer's weights") {
  const layers::Dense dense({.units = 2});
  GradientTape tape;
  const Tensor loss = ops::sum(dense(ops::ones({5, 3})));
  const auto gradients = tape.gradient(loss, dense.trainable_variables());
  CHECK(gradients.size() == 2);
  CHECK(ops::array_equal(gradients[0], ops::full({3, 2}, 5.0)));
  CHECK(ops::array_equal(gradients[1], ops::full({2}, 5.0)));
}
