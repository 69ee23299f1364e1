#include <doctest/doctest.h>

#include <thread>

#include <nyala/nyala.hpp>

#include "message_of.hpp"

using namespace nyala;

namespace {

Tensor counting(const Shape& shape) {
  return ops::reshape(ops::arange(shape.num_elements(), {.dtype = float32}), shape) * 0.1;
}

}  // namespace

TEST_CASE("a model computes what its layers do, one after the other") {
  const Symbol x = Input({.shape = {3}, .name = "x"});
  const layers::Dense first({.units = 4, .activation = "tanh"});
  const layers::Dense second({.units = 2});
  const Model model(x, second(first(x)));
  const Tensor data = counting({5, 3});
  CHECK(ops::array_equal(model(data), second(first(data))));
  CHECK(model.output_shape() == Shape{None, 2});
  CHECK(model.weights().size() == 4);
  CHECK(model.count_params() == 26);
  CHECK(model.layers().size() == 3);
  CHECK(model.get_layer("x").name() == "x");
  CHECK(model.get_layer(-1).name() == second.name());
  CHECK_THROWS_AS(model.get_layer("y"), ValueError);
  CHECK_THROWS_AS(model.get_layer(3), IndexError);
}

TEST_CASE("several inputs and outputs, and a layer called twice") {
  const Symbol a = Input({.shape = {3}, .name = "a"});
  const Symbol b = Input({.shape = {3}, .name = "b"});
  const layers::Dense tower({.units = 4, .name = "tower"});
  const Symbol left = tower(a);
  const Symbol right = tower(b);
  const Symbol match = layers::Dot({.axes = 1, .name = "match"})({left, right});
  const Model model({a, b}, {match, left}, {.name = "pair"});
  CHECK(model.name() == "pair");
  CHECK(model.input_names() == std::vector<std::string>{"a", "b"});
  CHECK(model.output_names() == std::vector<std::string>{"match", "tower"});
  CHECK(model.weights().size() == 2);
  const Tensor p = counting({2, 3});
  const Tensor q = counting({2, 3}) + 1;
  const std::vector<Tensor> outputs = model.call_all({p, q});
  CHECK(ops::allclose(outputs[0], ops::sum(tower(p) * tower(q), {.axis = 1, .keepdims = true})));
  CHECK(ops::array_equal(outputs[1], tower(p)));
  CHECK_THROWS_AS(model(std::vector<Tensor>{p, q}), StateError);  // two outputs
}

TEST_CASE("models stand inside models") {
  const Symbol x = Input({.shape = {3}});
  const Model inner(x, layers::Dense({.units = 2})(x), {.name = "inner"});
  const Sequential head({layers::Dense({.units = 1})}, {.name = "head"});
  const Symbol y = Input({.shape = {3}});
  const Model outer(y, head(inner(y)));
  CHECK(outer.weights().size() == 4);
  CHECK(outer.trainable_variables().size() == 4);
  inner.set_trainable(false);
  CHECK(outer.trainable_variables().size() == 2);
  CHECK(outer.non_trainable_variables().size() == 2);
  CHECK_FALSE(inner.get_layer(1).trainable());
  const Tensor data = counting({2, 3});
  CHECK(ops::array_equal(outer(data), head(inner(data))));
  CHECK(Model::from(outer.get_layer("inner")).name() == "inner");
  CHECK_THROWS_AS(Model::from(layers::Dense({.units = 1})), TypeError);
}

TEST_CASE("a part of a graph is a model too") {
  const Symbol x = Input({.shape = {3}});
  const Symbol h = layers::Dense({.units = 4})(x);
  const Symbol y = layers::Dense({.units = 2})(h);
  const Model whole(x, y);
  const Model front(x, h);
  const Model back(h, y);
  CHECK(back.input_shape() == Shape{None, 4});
  const Tensor data = counting({2, 3});
  CHECK(ops::array_equal(whole(data), back(front(data))));
  CHECK(back.layers().size() == 2);
}

TEST_CASE("inputs that do not fit are told apart") {
  const Symbol a = Input({.shape = {3}, .name = "a"});
  const Symbol b = Input({.shape = {4}, .name = "b"});
  const layers::Dense left({.units = 2});
  const layers::Dense right({.units = 2});
  const Model model({a, b}, layers::Dot({.axes = 1})({left(a), right(b)}), {.name = "two"});
  const Tensor three = counting({2, 3});
  const Tensor four = counting({2, 4});
  CHECK_NOTHROW(model({three, four}));
  CHECK(message_of([&] {
          model({four, four});
        }) ==
        "Input 0 with name 'a' of layer 'two' is incompatible with the layer: expected "
        "shape=(None, 3), found shape=(2, 4)");
  CHECK_THROWS_AS(model(three), ValueError);
  CHECK_THROWS_AS(Model(a, model({a, b})), ValueError);  // b is not among the inputs
  CHECK_THROWS_AS(Model({a, b}, std::vector<Symbol>{}), ValueError);
  CHECK_THROWS_AS(Model(Symbol(), a), ValueError);
  const layers::Dense twin({.units = 2, .name = left.name()});
  CHECK(message_of([&] { Model(a, twin(left(a))); }) ==
        "The name \"" + left.name() +
            "\" is used 2 times in the model. All operation names should be unique.");
}

TEST_CASE("inputs are cast, and a last axis of one may be missing") {
  const Symbol x = Input({.shape = {1}});
  const Model model(x, layers::Dense({.units = 2})(x));
  const Tensor column = counting({4, 1});
  const Tensor want = model(column);
  CHECK(ops::array_equal(model(ops::squeeze(column, 1)), want));
  CHECK(model(ops::cast(column, float64)).dtype() == float32);
  CHECK(model(ops::array<int>({{1}, {2}})).dtype() == float32);
}

TEST_CASE("weights are set all or not at all") {
  const Sequential model({Input({.shape = {2}}), layers::Dense({.units = 2})});
  const std::vector<Tensor> before = model.get_weights();
  CHECK_THROWS_AS(model.set_weights({ops::ones({2, 2})}), ValueError);
  CHECK_THROWS_AS(model.set_weights({ops::ones({2, 2}), ops::ones({3})}), ShapeError);
  CHECK(ops::array_equal(model.get_weights()[0], before[0]));
  model.set_weights({ops::ones({2, 2}), ops::ones({2})});
  CHECK(ops::array_equal(model(ops::ones({1, 2})), ops::array<float>({{3, 3}})));
}

TEST_CASE("one model runs on many threads at once") {
  const Symbol x = Input({.shape = {8}});
  const layers::Dense shared({.units = 8, .activation = "tanh"});
  const Model model(x, layers::Dense({.units = 3})(shared(shared(x))));
  const Tensor data = counting({16, 8});
  const Tensor want = model(data);
  std::vector<int> equal(4, 0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < equal.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) equal[t] += ops::array_equal(model(data), want) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(equal == std::vector<int>{50, 50, 50, 50});
}

TEST_CASE("gradients flow to all weights of nested and shared layers") {
  const Symbol x = Input({.shape = {3}});
  const layers::Dense twice({.units = 3, .activation = "tanh"});
  const Sequential inner({Input({.shape = {3}}), layers::Dense({.units = 2})});
  const Model model(x, inner(twice(twice(x))));
  const Tensor data = counting({4, 3});
  GradientTape tape;
  const Tensor loss = ops::sum(model(data));
  const std::vector<Tensor> gradients = tape.gradient(loss, model.trainable_variables());
  REQUIRE(gradients.size() == 4);
  for (const Tensor& gradient : gradients)
    CHECK(ops::any(ops::not_equal(gradient, 0)).item<bool>());
}

TEST_CASE("ops on symbols are part of the graph") {
  const Symbol x = Input({.shape = {4}, .name = "x"});
  const Symbol y = Input({.shape = {4}, .name = "y"});
  Symbol z = 2.0 - (x * y + 1.0) / 4.0;
  z = ops::concatenate({ops::relu(z), -x}, {.axis = -1});
  z = ops::slice(z, {{}, {.start = 1, .stop = 7, .step = 2}});
  z = ops::where(z > 0.5, z, ops::exp(z));
  z = ops::sum(ops::reshape(z, {-1, 3, 1}), {.axis = 1});
  const Model model({x, y}, z);
  const Tensor a = counting({2, 4});
  const Tensor b = counting({2, 4}) - 0.3;
  Tensor want = 2.0 - (a * b + 1.0) / 4.0;
  want = ops::concatenate({ops::relu(want), -a}, {.axis = -1});
  want = ops::slice(want, {{}, {.start = 1, .stop = 7, .step = 2}});
  want = ops::where(want > 0.5, want, ops::exp(want));
  want = ops::sum(want, {.axis = 1, .keepdims = true});
  CHECK(ops::allclose(model({a, b}), want));
  CHECK(model.layers().size() == 2);  // ops are not layers
  const Model twin = model_from_json(model.to_json());
  CHECK(ops::array_equal(twin({a, b}), model({a, b})));
  CHECK(twin.to_json() == model.to_json());
}
