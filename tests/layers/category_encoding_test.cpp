// CategoryEncoding's numbers, shapes and errors, against what Keras gives.
#include <doctest/doctest.h>

#include <nyala/nyala.hpp>

#include "conformance/layer_case.hpp"
#include "message_of.hpp"

using namespace nyala;

namespace {

const Tensor kIds = Tensor::from(std::vector<int>{0, 1, 2, 2, 3, 1}, {3, 2});

Tensor encoded(const char* mode, const Tensor& x) {
  return layers::CategoryEncoding({.num_tokens = 4, .output_mode = mode})(x);
}
std::vector<float> rows(const char* mode, const Tensor& x) {
  return encoded(mode, x).to_vector<float>();
}

}  // namespace

TEST_CASE("categories are encoded as rows of ones and counts") {
  CHECK(rows("multi_hot", kIds) == std::vector<float>{1, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1});
  CHECK(rows("count", kIds) == std::vector<float>{1, 1, 0, 0, 0, 0, 2, 0, 0, 1, 0, 1});
  const Tensor first = ops::reshape(Tensor::from(std::vector<int>{0, 2, 3}), {3, 1});
  CHECK(rows("one_hot", first) == std::vector<float>{1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1});
  CHECK(rows("count", ops::squeeze(first, {-1})) == std::vector<float>{1, 0, 1, 1});
  // What is no category counts nothing, and fractions are cut off.
  CHECK(rows("multi_hot", Tensor::from(std::vector<int>{0, 5}, {1, 2})) ==
        std::vector<float>{1, 0, 0, 0});
  CHECK(rows("count", Tensor::from(std::vector<float>{0, 1.7F}, {1, 2})) ==
        std::vector<float>{1, 1, 0, 0});
}

TEST_CASE("encoded categories have Keras's shapes") {
  const Tensor one = Tensor::scalar(2, int32);
  CHECK(encoded("one_hot", one).shape() == Shape{1, 4});
  CHECK(encoded("multi_hot", one).shape() == Shape{4});
  CHECK(encoded("one_hot", kIds).shape() == Shape{3, 2, 4});
  CHECK(encoded("one_hot", ops::reshape(kIds, {3, 2, 1})).shape() == Shape{3, 2, 4});
  CHECK(encoded("count", ops::reshape(kIds, {1, 3, 2})).shape() == Shape{1, 2, 4});
  const layers::CategoryEncoding layer({.num_tokens = 4});
  CHECK(layer(Input({.shape = {2}, .dtype = int32})).shape() == Shape{None, 4});
}

TEST_CASE("counts are sums of weights, which graphs and JSON keep") {
  const Tensor weights = Tensor::from(std::vector<float>{0.5, 0.25, 1, 2, 3, 4}, {3, 2});
  const layers::CategoryEncoding count({.num_tokens = 4, .output_mode = "count"});
  const std::vector<float> wanted = {0.5, 0.25, 0, 0, 0, 0, 3, 0, 0, 4, 0, 3};
  CHECK(count(kIds, {.count_weights = weights}).to_vector<float>() == wanted);
  const Symbol ids = Input({.shape = {2}, .dtype = int32}), w = Input({.shape = {2}});
  const Model model({ids, w}, count(ids, {.count_weights = w}));
  CHECK(model_from_json(model.to_json()).predict({kIds, weights}).to_vector<float>() == wanted);
  const layers::CategoryEncoding hot({.num_tokens = 4, .name = "hot"});
  CHECK(message_of([&] { hot(kIds, {.count_weights = weights}); }) ==
        "CategoryEncoding \"hot\" received count_weights, expected none with output_mode "
        "multi_hot");
}

TEST_CASE("options of CategoryEncoding") {
  CHECK_THROWS_AS(layers::CategoryEncoding({.num_tokens = 0}), ValueError);
  CHECK_THROWS_AS(layers::CategoryEncoding({.num_tokens = 2, .output_mode = "int"}), ValueError);
  const auto made = [](const char* config) {
    return conformance::make_layer_of("CategoryEncoding", conformance::Json::parse(config));
  };
  const auto old = made(R"({"num_tokens": 3, "output_mode": "binary", "sparse": false})");
  CHECK(old->get_config().at("output_mode").as_string() == "multi_hot");
  CHECK_FALSE(old->get_config().contains("sparse"));
  CHECK_THROWS_AS(made(R"({"num_tokens": 3, "sparse": true})"), UnsupportedError);
}
