// The recorded cases of layers that are more than one call: masks in merging layers, statistics
// over several batches, adapted data, shares of dropped elements, and what Keras refuses.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <functional>
#include <map>

#include <nyala/core/error.hpp>

#include "conformance/layer_case.hpp"

namespace nyala::conformance {
namespace {

// Runs `f` on the family's cases of one kind.
void for_each_case(const std::string& family,
                   const std::string& kind,
                   const std::function<void(const Golden& golden, const Json& c)>& f) {
  const Golden golden(family);
  std::size_t ran = 0;
  for (const Json& c : golden.cases()) {
    if (c.at("kind") != kind) continue;
    CAPTURE(c.at("id").get<std::string>());
    try {
      f(golden, c);
    } catch (const std::exception& error) {
      FAIL_CHECK(std::string(error.what()));
    }
    ++ran;
  }
  CHECK(ran > 0);
  std::printf("golden %s: %zu cases of %s\n", family.c_str(), ran, kind.c_str());
}

}  // namespace

TEST_CASE("golden layers: masks in merging layers") {
  for_each_case("merge", "merge_masked", [](const Golden& golden, const Json& c) {
    const std::vector<Tensor> inputs = golden.arrays(c, c.at("inputs"));
    for (std::size_t i = 0; i < inputs.size(); ++i)
      inputs[i].set_mask(golden.array(c, c.at("masks")[i]));
    const auto layer = make_layer_of(c.at("class_name"), Json::object());
    const Tensor got = layer->apply(inputs)[0];
    CHECK(difference(got, golden.array(c, c.at("outputs")[0]), golden.tolerance(c)) == "");
    CHECK(difference(got.mask(), golden.array(c, c.at("out_mask")), {}) == "");
  });
}

TEST_CASE("golden layers: what merging layers refuse") {
  using Shapes = std::vector<Shape>;
  struct Call {
    const char* class_name;
    Shapes shapes;
  };
  const std::map<std::string, Call> calls = {
      {"add_one", {"Add", {{2, 3}}}},
      {"add_shape", {"Add", {{2, 3}, {2, 4}}}},
      {"subtract_three", {"Subtract", {{2, 3}, {2, 3}, {2, 3}}}},
      {"concat_shape", {"Concatenate", {{2, 3, 4}, {2, 3, 5}}}},
      {"concat_one", {"Concatenate", {{2, 3}}}},
      {"concat_rank", {"Concatenate", {{2, 3}, {2, 3, 4}}}},
      {"add_batch", {"Add", {{2, 3}, {4, 3}}}}};
  for_each_case("merge", "error", [&](const Golden&, const Json& c) {
    const std::string what = c.at("what");
    if (what == "add_not_list") return;  // a list of one is the same call here
    const Call& call = calls.at(what);
    Json config = Json::object();
    if (what == "concat_shape" || what == "concat_rank") config["axis"] = 1;
    const auto layer = make_layer_of(call.class_name, config);
    std::vector<Tensor> inputs;
    for (const Shape& shape : call.shapes) inputs.push_back(ops::ones(shape));
    const Json& keras = c.at("keras3");
    if (keras.at("ok"))
      CHECK(layer->apply(inputs)[0].shape() == to_shape(keras.at("shape")));
    else
      CHECK_THROWS_AS(layer->apply(inputs), ValueError);
  });
}

TEST_CASE("golden layers: the moving statistics of BatchNormalization") {
  for_each_case("norm", "bn_stream", [](const Golden& golden, const Json& c) {
    const layers::BatchNormalization norm({.momentum = c.at("momentum").get<double>()});
    for (std::size_t i = 0; i < c.at("inputs").size(); ++i) {
      const Tensor got = norm(golden.array(c, c["inputs"][i]), {.training = true});
      const Tolerance tolerance = golden.tolerance(c);
      CHECK(difference(got, golden.array(c, c.at("outputs")[i]), tolerance) == "");
      const std::vector<Tensor> weights = norm.get_weights();
      CHECK(difference(weights[2], golden.array(c, c.at("moving_mean")[i]), tolerance) == "");
      CHECK(difference(weights[3], golden.array(c, c.at("moving_variance")[i]), tolerance) == "");
    }
  });
}

TEST_CASE("golden layers: Normalization adapts to data") {
  for_each_case("norm", "normalization_adapt", [](const Golden& golden, const Json& c) {
    const layers::Normalization norm;
    const Tensor x = golden.array(c, c.at("inputs")[0]);
    norm.adapt(x);
    const std::vector<Variable> variables = norm.variables();
    REQUIRE(variables.size() == c.at("variables").size());
    for (std::size_t i = 0; i < variables.size(); ++i) {
      const Tensor want = golden.array(c, c["variables"][i]);
      CHECK(difference(variables[i], want, golden.tolerance(c)) == "");
    }
    CHECK(difference(norm(x), golden.array(c, c.at("outputs")[0]), golden.tolerance(c)) == "");
  });
}

TEST_CASE("golden layers: what normalisation refuses") {
  for_each_case("norm", "layer_error", [](const Golden&, const Json& c) {
    const auto layer = make_layer_of(c.at("class_name"), c.at("ctor"));
    CHECK_THROWS_AS(layer->apply({ops::ones(to_shape(c.at("input_shapes")[0]))}), ValueError);
  });
}

TEST_CASE("golden layers: how much Dropout drops") {
  for_each_case("dropout", "dropout_stat", [](const Golden&, const Json& c) {
    const double rate = c.at("rate");
    const layers::Dropout dropout({.rate = rate, .seed = 7});
    const Tensor y = dropout(ops::ones({200, 100}), {.training = true});
    double kept = 0;
    for (float value : y.to_vector<float>()) {
      if (value == 0) continue;
      ++kept;
      // One division in float32 apart.
      CHECK(value == doctest::Approx(c.at("kept_value").get<double>()).epsilon(1e-6));
    }
    CHECK(std::abs(kept / 20000 - (1 - rate)) < c.at("tol_abs_fraction").get<double>());
  });
}

}  // namespace nyala::conformance
