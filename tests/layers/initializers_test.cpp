#include <doctest/doctest.h>

#include <cmath>

#include <nyala/autograd/random.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/layers/activations.hpp>
#include <nyala/layers/constraints.hpp>
#include <nyala/layers/initializers.hpp>
#include <nyala/layers/regularizers.hpp>

using namespace nyala;
using initializers::Initializer;

TEST_CASE("an initializer repeats its values; another one has its own") {
  const Initializer one = "glorot_uniform", other = "glorot_uniform";
  const Tensor values = (*one)({4, 5}, float32);
  CHECK(ops::array_equal(values, (*one)({4, 5}, float32)));
  CHECK(!ops::array_equal(values, (*other)({4, 5}, float32)));
  const Initializer seeded = initializers::HeNormal({.seed = 3});
  CHECK(ops::array_equal((*seeded)({4, 5}, float32),
                         (*initializers::HeNormal({.seed = 3}))({4, 5}, float32)));
}

TEST_CASE("set_random_seed repeats the seeds that initializers take") {
  const auto draw = [] {
    set_random_seed(7);
    return (*Initializer("orthogonal"))({3, 3}, float64);
  };
  CHECK(ops::array_equal(draw(), draw()));
}

TEST_CASE("objects are written as Keras writes them, and come back") {
  const Initializer one = initializers::VarianceScaling(
      {.scale = 2, .mode = "fan_out", .distribution = "Normal", .seed = 5});
  const Config config = serialize_object(one.get());
  CHECK(
      config.str() ==
      R"({"module": "keras.initializers", "class_name": "VarianceScaling", "config": {"seed": 5, )"
      R"("scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal", "input_axes": null, )"
      R"("output_axes": null}, "registered_name": null})");
  const Initializer twin = initializers::InitializerBase::registry().from_config(config);
  CHECK(serialize_object(twin.get()) == config);
  CHECK(ops::array_equal((*one)({3, 4}, float32), (*twin)({3, 4}, float32)));
  CHECK(regularizers::L1({.l1 = 0.01})->get_config().at("l1").as_double() == 0.009999999776482582);
  CHECK(constraints::UnitNorm({.axis = {0, 1}})->get_config().str() == R"({"axis": [0, 1]})");
}

TEST_CASE("activations go by name, by alias and by function") {
  const Tensor x = ops::array<float>({-1, 0, 2});
  CHECK(activations::names().size() == 33);
  CHECK(activations::Activation("swish").name() == "silu");
  CHECK(ops::array_equal(activations::Activation()(x), x));
  using Codec = ConfigCodec<activations::Activation>;
  CHECK(Codec::to(Codec::from(Config("relu"))) == Config("relu"));
  CHECK(Codec::to(Codec::from(Config())) == Config("linear"));
  const activations::Activation twice([](const Tensor& t) { return t * 2; }, "twice");
  CHECK(ops::array_equal(twice(x), ops::array<float>({-2, 0, 4})));
  CHECK_THROWS_AS(Codec::from(Codec::to(twice)), ValueError);
  activations::register_activation("twice", [](const Tensor& t) { return t * 2; });
  Config config = Config::dict();
  config["class_name"] = "function";
  config["config"] = "twice";
  CHECK(ops::array_equal(Codec::from(config)(x), ops::array<float>({-2, 0, 4})));
  CHECK_THROWS_AS(activations::Activation("rleu"), ValueError);
  CHECK_THROWS_AS(activations::Activation("threshold")(x), TypeError);
}

TEST_CASE("wrong options and shapes") {
  CHECK_THROWS_AS(Initializer("glorot"), ValueError);
  CHECK_THROWS_AS(initializers::VarianceScaling({.scale = 0}), ValueError);
  CHECK_THROWS_AS(initializers::VarianceScaling({.mode = "fan"}), ValueError);
  CHECK_THROWS_AS(initializers::VarianceScaling({.distribution = "cauchy"}), ValueError);
  CHECK_THROWS_AS(initializers::RandomNormal({.stddev = NAN}), ValueError);
  CHECK_THROWS_AS((*initializers::Orthogonal())({3}, float32), ShapeError);
  CHECK_THROWS_AS((*initializers::Identity())({3}, float32), ShapeError);
  CHECK_THROWS_AS((*initializers::RandomUniform())({3}, int32), ValueError);
  CHECK_THROWS_AS(regularizers::L2({.l2 = -1}), ValueError);
  CHECK_THROWS_AS(regularizers::L1({.l1 = INFINITY}), ValueError);
  CHECK_THROWS_AS(regularizers::OrthogonalRegularizer({.mode = "both"}), ValueError);
  CHECK_THROWS_AS((*regularizers::OrthogonalRegularizer())(ops::ones({3})), ShapeError);
  CHECK_THROWS_AS(constraints::MaxNorm({.max_value = -1}), ValueError);
}
