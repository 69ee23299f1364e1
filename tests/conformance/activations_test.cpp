#include <doctest/doctest.h>

#include <map>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/layers/activations.hpp>

#include "conformance/golden.hpp"

using namespace nyala;
using namespace nyala::conformance;

namespace {

// A recorded call with options, as the op that takes them.
activations::Function with_options(const std::string& name, const Json& options) {
  const double alpha = options.value("alpha", 1.0);
  const int axis = options.value("axis", -1);
  const double threshold = options.value("threshold", 0.0);
  const double slope = options.value("negative_slope", 0.0);
  ReluArgs relu{.negative_slope = slope, .threshold = threshold};
  if (options.contains("max_value")) relu.max_value = options["max_value"].get<double>();
  const std::map<std::string, activations::Function> functions = {
      {"celu", [=](const Tensor& x) { return ops::celu(x, alpha); }},
      {"elu", [=](const Tensor& x) { return ops::elu(x, alpha); }},
      {"gelu", [](const Tensor& x) { return ops::gelu(x, true); }},
      {"glu", [=](const Tensor& x) { return ops::glu(x, {.axis = axis}); }},
      {"hard_shrink", [=](const Tensor& x) { return ops::hard_shrink(x, threshold); }},
      {"leaky_relu", [=](const Tensor& x) { return ops::leaky_relu(x, slope); }},
      {"log_softmax", [=](const Tensor& x) { return ops::log_softmax(x, {.axis = axis}); }},
      {"relu", [=](const Tensor& x) { return ops::relu(x, relu); }},
      {"soft_shrink", [=](const Tensor& x) { return ops::soft_shrink(x, threshold); }},
      {"softmax", [=](const Tensor& x) { return ops::softmax(x, {.axis = axis}); }},
      {"sparsemax", [=](const Tensor& x) { return ops::sparsemax(x, {.axis = axis}); }},
      {"threshold",
       [=, other = options.value("default_value", 0.0)](const Tensor& x) {
         return ops::threshold(x, threshold, other);
       }},
  };
  return functions.at(name);
}

}  // namespace

TEST_CASE("activations give Keras's values and gradients") {
  const Golden golden("activations");
  std::size_t ran = 0, all = 0;
  for (const Json& c : golden.cases()) {
    if (c["kind"] != "activation") continue;
    ++all;
    const std::string id = c["id"];
    CAPTURE(id);
    const std::string name = c["name"];
    const activations::Function f = c["kwargs"].empty()
                                        ? activations::Function(activations::Activation(name))
                                        : with_options(name, c["kwargs"]);
    const Tensor x = golden.array(c, c["inputs"][0]);
    GradientTape tape;
    tape.watch(x);
    const Tensor y = f(x);
    CHECK(difference(y, golden.array(c, c["outputs"][0]), golden.tolerance(c)) == "");
    if (c.contains("grad")) {
      const Tensor dy = golden.array(c, c["grad"]["upstream"][0]);
      const Tensor dx = tape.gradient(y, x, {.output_gradients = {dy}});
      const Tensor want = golden.array(c, c["grad"]["inputs"][0]["array"]);
      CHECK(difference(dx, want, golden.tolerance(c, true)) == "");
    }
    ++ran;
  }
  CHECK(ran == 82);
  MESSAGE("activations: ", ran, " of ", all, " cases of functions");
}
