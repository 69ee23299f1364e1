// The recorded cases of recurrent layers that are more than one call: states that are given, states
// that are kept between batches, and cells by themselves.
#include <doctest/doctest.h>

#include <functional>

#include <nyala/core/error.hpp>

#include "conformance/layer_case.hpp"

namespace nyala::conformance {
namespace {

std::vector<Tensor> weights_of(const Golden& golden, const Json& c) {
  std::vector<Tensor> weights;
  for (const Json& weight : c.at("weights")) weights.push_back(golden.array(c, weight.at("array")));
  return weights;
}

// The case's layer, built for `inputs`, with the recorded weights.
std::shared_ptr<BaseLayer> layer_of(const Golden& golden, const Json& c, const Tensor& input) {
  auto layer = make_layer_of(c.at("class_name"), c.at("layer").at("config"));
  CHECK(to_json(layer->get_config()) == c.at("layer").at("config"));
  const Shape shape = input.shape();
  layer->build_for(Inputs<Shape>(&shape, 1));
  layer->set_weights(weights_of(golden, c));
  return layer;
}

std::size_t for_each(const char* kind,
                     const std::function<void(const Golden&, const Json&)>& check) {
  const Golden golden("rnn");
  std::size_t ran = 0;
  for (const Json& c : golden.cases()) {
    if (c.at("kind") != kind) continue;
    CAPTURE(c.at("id").get<std::string>());
    check(golden, c);
    ++ran;
  }
  return ran;
}

}  // namespace

TEST_CASE("golden rnn: states that are given") {
  CHECK(for_each("rnn_initial_state", [](const Golden& golden, const Json& c) {
          const std::vector<Tensor> inputs = golden.arrays(c, c.at("inputs"));
          const auto layer = layer_of(golden, c, inputs[0]);
          const std::vector<Tensor> states(inputs.begin() + 1, inputs.end());
          const CallArgs call{.named = {{"initial_state", states}}};
          const Tensor want = golden.array(c, c.at("outputs")[0]);
          CHECK(difference(layer->apply({inputs[0]}, call)[0], want, golden.tolerance(c)) == "");
          // As tf.keras 2.x gives them: behind the sequence.
          CHECK(difference(layer->apply(inputs)[0], want, golden.tolerance(c)) == "");
        }) == 3);
}

TEST_CASE("golden rnn: states that are kept") {
  CHECK(for_each("rnn_stateful", [](const Golden& golden, const Json& c) {
          const std::vector<Tensor> inputs = golden.arrays(c, c.at("inputs"));
          const std::vector<Tensor> wanted = golden.arrays(c, c.at("outputs"));
          const auto layer = layer_of(golden, c, inputs[0]);
          for (const int round : {0, 1}) {
            CAPTURE(round);
            for (std::size_t i = 0; i < inputs.size(); ++i) {
              const Tensor got = layer->apply({inputs[i]})[0];
              CHECK(difference(got, wanted[i], golden.tolerance(c)) == "");
            }
            layer->reset_state();
          }
        }) == 3);
}

TEST_CASE("golden rnn: cells") {
  CHECK(for_each("rnn_cell", [](const Golden& golden, const Json& c) {
          const std::vector<Tensor> inputs = golden.arrays(c, c.at("inputs"));
          const std::vector<Tensor> outputs = layer_of(golden, c, inputs[0])->apply(inputs);
          const std::vector<Tensor> wanted = golden.arrays(c, c.at("outputs"));
          REQUIRE(outputs.size() == wanted.size());
          for (std::size_t i = 0; i < wanted.size(); ++i)
            CHECK(difference(outputs[i], wanted[i], golden.tolerance(c)) == "");
        }) == 3);
}

}  // namespace nyala::conformance
