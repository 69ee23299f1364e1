// The recorded cases of single layers: outputs, masks, gradients, weights after the call, output
// shapes and configurations.
#include <doctest/doctest.h>

#include <cstdio>
#include <map>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/error.hpp>

#include "conformance/layer_case.hpp"

namespace nyala::conformance {
namespace {

CallArgs call_args(const Golden& golden, const Json& c) {
  CallArgs args;
  const Json& call = c.at("call");
  if (call.contains("training") && call["training"].is_boolean())
    args.training = call["training"].get<bool>();
  for (const auto& [key, value] : call.items()) {
    if (key == "training" || key == "inputs") continue;
    const bool array = value.is_string() && value.get<std::string>().rfind('@', 0) == 0;
    if (array)
      args.named.emplace_back(key, golden.array(c, value.get<std::string>().substr(1)));
    else
      args.named.emplace_back(key, to_config(value));
  }
  if (c.contains("masks")) args.mask = golden.arrays(c, c["masks"]);
  return args;
}

std::vector<Shape> shapes_of(const std::vector<Tensor>& tensors) {
  std::vector<Shape> shapes;
  for (const Tensor& tensor : tensors) shapes.push_back(tensor.shape());
  return shapes;
}

void check_weights(const BaseLayer& layer, const Json& weights) {
  const std::vector<Variable> variables = layer.weights();
  REQUIRE(variables.size() == weights.size());
  for (std::size_t i = 0; i < variables.size(); ++i) {
    // Recorded with the names of the layers inside.
    const std::string name = weights[i].at("name");
    CHECK(variables[i].name() == name.substr(name.rfind('/') + 1));
    CHECK(variables[i].path() == weights[i].at("path").get<std::string>());
  }
}

// One shape, or nested lists of them.
void flatten_shapes(const Json& json, std::vector<Shape>& shapes) {
  if (json.empty() || !json[0].is_array()) {
    shapes.push_back(to_shape(json));
  } else {
    for (const Json& item : json) flatten_shapes(item, shapes);
  }
}

void check_output_shape(BaseLayer& layer, const Json& record) {
  std::vector<Shape> inputs;
  const Json& in = record.at("in");
  if (!in.empty() && in[0].is_array()) {
    for (const Json& shape : in) inputs.push_back(to_shape(shape));
  } else {
    inputs.push_back(to_shape(in));
  }
  const std::vector<Shape> outputs = layer.compute_output_shapes(inputs);
  std::vector<Shape> wanted;
  flatten_shapes(record.at("out"), wanted);
  REQUIRE(outputs.size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(outputs[i].str() == wanted[i].str());
}

void check_gradients(const Golden& golden,
                     const Json& c,
                     GradientTape& tape,
                     const std::vector<Tensor>& inputs,
                     const std::vector<Tensor>& outputs,
                     const std::vector<Variable>& weights) {
  const Json& grad = c.at("grad");
  const GradientArgs args{.output_gradients = golden.arrays(c, grad.at("upstream"))};
  const Tolerance tolerance = golden.tolerance(c, true);
  for (const Json& entry : grad.at("inputs")) {
    const std::size_t i = entry.at("input");
    CAPTURE(i);
    const Tensor want = golden.array(c, entry.at("array"));
    CHECK(difference(tape.gradient(outputs, std::vector<Tensor>{inputs[i]}, args)[0],
                     want,
                     tolerance) == "");
  }
  for (const Json& entry : grad.at("weights")) {
    const std::size_t i = entry.at("weight");
    CAPTURE(i);
    const Tensor want = golden.array(c, entry.at("array"));
    CHECK(difference(tape.gradient(outputs, std::vector<Variable>{weights[i]}, args)[0],
                     want,
                     tolerance) == "");
  }
}

void run_layer_case(const Golden& golden, const Json& c, BaseLayer& layer) {
  const std::vector<Tensor> inputs = golden.arrays(c, c.at("inputs"));
  layer.build_for(shapes_of(inputs));
  // Recorded when the layer was built: layers inside have their shapes.
  CHECK(to_json(layer.get_config()) == c.at("layer").at("config"));
  check_weights(layer, c.at("weights"));
  std::vector<Tensor> values;
  for (const Json& weight : c.at("weights")) values.push_back(golden.array(c, weight.at("array")));
  layer.set_weights(values);

  GradientTape tape({.persistent = true});
  for (const Tensor& input : inputs) {
    if (is_floating(input.dtype())) tape.watch(input);
  }
  const std::vector<Tensor> outputs = layer.apply(inputs, call_args(golden, c));
  const std::vector<Tensor> wanted = golden.arrays(c, c.at("outputs"));
  REQUIRE(outputs.size() == wanted.size());
  for (std::size_t i = 0; i < outputs.size(); ++i)
    CHECK(difference(outputs[i], wanted[i], golden.tolerance(c)) == "");
  const Tensor mask = c.contains("out_mask") ? golden.array(c, c["out_mask"]) : Tensor();
  CHECK(difference(outputs[0].mask(), mask, {}) == "");
  if (c.contains("grad")) check_gradients(golden, c, tape, inputs, outputs, layer.weights());

  const Json after = c.value("weights_after", Json::object());
  for (std::size_t i = 0; i < values.size(); ++i) {
    CAPTURE(i);
    const std::string key = std::to_string(i);
    const Tensor want = after.contains(key) ? golden.array(c, after[key]) : values[i];
    CHECK(difference(layer.weights()[i], want, golden.tolerance(c)) == "");
  }
  if (c.contains("compute_output_shape") && c["compute_output_shape"].is_object())
    check_output_shape(layer, c["compute_output_shape"]);
}

// Ten of Keras's cases need layers that come later; what else is skipped is a mistake.
std::size_t run_layers(const std::string& family) {
  const Golden golden(family);
  std::size_t ran = 0, layer_cases = 0;
  std::map<std::string, int> skipped;
  for (const Json& c : golden.cases()) {
    if (c.at("kind") != "layer") continue;
    ++layer_cases;
    const std::string class_name = c.at("layer").at("class_name");
    if (find_layer_class(class_name) == nullptr) {
      ++skipped[class_name];
      continue;
    }
    CAPTURE(c.at("id").get<std::string>());
    try {
      run_layer_case(golden, c, *make_layer_of(class_name, c.at("layer").at("config")));
    } catch (const std::exception& error) {
      FAIL_CHECK(std::string(error.what()));
    }
    ++ran;
  }
  std::printf("golden %s: %zu of %zu layer cases", family.c_str(), ran, layer_cases);
  for (const auto& [name, count] : skipped) std::printf(", no %s (%d)", name.c_str(), count);
  std::printf("\n");
  return ran;
}

}  // namespace

TEST_CASE("golden layers: activations") { CHECK(run_layers("activations") > 0); }
TEST_CASE("golden layers: attention") { CHECK(run_layers("attention") > 0); }
TEST_CASE("golden layers: conv") { CHECK(run_layers("conv") > 0); }
TEST_CASE("golden layers: dense") { CHECK(run_layers("dense") > 0); }
TEST_CASE("golden layers: dropout") { CHECK(run_layers("dropout") > 0); }
TEST_CASE("golden layers: embedding") { CHECK(run_layers("embedding") > 0); }
TEST_CASE("golden layers: merge") { CHECK(run_layers("merge") > 0); }
TEST_CASE("golden layers: norm") { CHECK(run_layers("norm") > 0); }
TEST_CASE("golden layers: pool") { CHECK(run_layers("pool") > 0); }
TEST_CASE("golden layers: preprocessing") { run_layers("preprocessing"); }
TEST_CASE("golden layers: rnn") { CHECK(run_layers("rnn") > 0); }
TEST_CASE("golden layers: shape") { CHECK(run_layers("shape") > 0); }
TEST_CASE("golden layers: wrappers") { CHECK(run_layers("wrappers") > 0); }

}  // namespace nyala::conformance
