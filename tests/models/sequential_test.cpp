#include <doctest/doctest.h>

#include <nyala/nyala.hpp>

using namespace nyala;

TEST_CASE("a stack with an Input is built at once") {
  const Sequential model({Input({.shape = {2}}),
                          layers::Dense({.units = 3, .name = "a"}),
                          layers::Dense({.units = 1, .name = "b"})},
                         {.name = "stack"});
  CHECK(model.built());
  CHECK(model.layers().size() == 2);
  CHECK(model.count_params() == 13);
  CHECK(model.output_shape() == Shape{None, 1});
  CHECK(model.weights()[0].path() == "a/kernel");
  CHECK(model(ops::ones({4, 2})).shape() == Shape{4, 1});
}

TEST_CASE("a stack without one is built at its first call") {
  const Sequential model({layers::Dense({.units = 3, .name = "a"})}, {.name = "stack"});
  CHECK_FALSE(model.built());
  CHECK_THROWS_AS(model.inputs(), StateError);
  CHECK(model.weights().empty());
  CHECK(model(ops::ones({2, 4})).shape() == Shape{2, 3});
  CHECK(model.built());
  CHECK(model.weights().size() == 2);
  CHECK(model.weights()[0].path() == "stack/a/kernel");
  CHECK(model(ops::ones({7, 4})).shape() == Shape{7, 3});
  CHECK_THROWS_AS(model(ops::ones({7, 5})), ShapeError);
}

TEST_CASE("layers are added and taken away") {
  const Sequential model;
  CHECK_THROWS_AS(model(ops::ones({2, 4})), StateError);
  CHECK_THROWS_AS(model.pop(), StateError);
  model.add(Input({.shape = {4}}));
  model.add(layers::Dense({.units = 3, .name = "a"}));
  CHECK(model.built());
  model.add(layers::Dense({.units = 2, .name = "b"}));
  CHECK(model.output_shape() == Shape{None, 2});
  CHECK(model.pop().name() == "b");
  CHECK(model.output_shape() == Shape{None, 3});
  CHECK(model.weights().size() == 2);
}

TEST_CASE("a layer that cannot be added changes nothing") {
  const Sequential model({Input({.shape = {4}}), layers::Dense({.units = 3, .name = "a"})});
  CHECK_THROWS_AS(model.add(layers::Dense({.units = 3, .name = "a"})), ValueError);
  CHECK_THROWS_AS(model.add(Input({.shape = {4}})), ValueError);
  CHECK_THROWS_AS(model.add(Layer()), ValueError);
  CHECK_THROWS_AS(model.add(layers::Dot({.axes = 1})), ValueError);  // takes two inputs
  CHECK(model.layers().size() == 1);
  CHECK(model(ops::ones({2, 4})).shape() == Shape{2, 3});
}

TEST_CASE("build gives a shape without data") {
  const Sequential model({layers::Dense({.units = 3}), layers::Dense({.units = 2})});
  model.build({None, 5});
  CHECK(model.count_params() == 26);
  CHECK(model.output_shape() == Shape{None, 2});
}

TEST_CASE("the first layer may take two inputs") {
  const Sequential model({layers::Dot({.axes = 1}), layers::Dense({.units = 2})});
  CHECK(model({ops::ones({3, 4}), ops::ones({3, 4})}).shape() == Shape{3, 2});
}
