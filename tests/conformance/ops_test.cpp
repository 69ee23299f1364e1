#include <doctest/doctest.h>

#include <cstdio>

#include "conformance/golden.hpp"
#include "conformance/op_calls.hpp"

#include <nyala/autograd/tape.hpp>

namespace nyala::conformance {
namespace {

OpCalls all_calls() {
  OpCalls calls = elementwise_calls();
  for (const OpCalls& more : {reduction_calls(), product_calls(), shape_calls(), index_calls()}) {
    calls.insert(more.begin(), more.end());
  }
  return calls;
}

// Runs one case; an empty text when outputs and gradients are as recorded.
std::string run_case(const Golden& golden, const Json& c, const OpCall& call) {
  const std::vector<Tensor> inputs = golden.arrays(c, c["inputs"]);
  GradientTape tape;
  for (const Tensor& input : inputs) {
    if (is_floating(input.dtype())) tape.watch(input);
  }
  const std::vector<Tensor> outputs = call(inputs, c["kwargs"]);
  const std::vector<Tensor> wanted = golden.arrays(c, c["outputs"]);
  if (outputs.size() != wanted.size()) return "the number of outputs differs";
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string wrong = difference(outputs[i], wanted[i], golden.tolerance(c));
    if (!wrong.empty()) return "output " + std::to_string(i) + ": " + wrong;
  }
  if (!c.contains("grad")) return "";
  const Json& grad = c["grad"];
  std::vector<Tensor> targets, upstream, sources;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (grad["upstream"][i].is_null()) continue;
    targets.push_back(outputs[i]);
    upstream.push_back(golden.array(c, grad["upstream"][i]));
  }
  for (const Json& entry : grad["inputs"])
    sources.push_back(inputs[entry["input"].get<std::size_t>()]);
  const std::vector<Tensor> gradients =
      tape.gradient(targets, sources, {.output_gradients = upstream});
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const Tensor want = golden.array(c, grad["inputs"][i]["array"]);
    const std::string wrong = difference(gradients[i], want, golden.tolerance(c, true));
    if (!wrong.empty()) return "gradient of input " + std::to_string(i) + ": " + wrong;
  }
  return "";
}

}  // namespace

TEST_CASE("golden: ops compute what Keras's do, and so do their gradients") {
  const Golden golden("ops");
  OpCalls calls = all_calls();
  std::size_t ran = 0;
  for (const Json& c : golden.cases()) {
    const std::string id = c["id"];
    CAPTURE(id);
    const std::string name = c["name"];
    OpCall call;
    if (name == "einsum") {
      const std::string expression = c["args"][0];
      call = one([expression](const auto& x, const Json&) { return ops::einsum(expression, x); });
    } else {
      REQUIRE(calls.contains(name));
      call = calls[name];
    }
    std::string wrong;
    CHECK_NOTHROW(wrong = run_case(golden, c, call));
    CHECK(wrong == "");
    ++ran;
  }
  CHECK(ran == golden.cases().size());
  report(golden, ran);
}

TEST_CASE("golden: activation functions and their gradients") {
  using namespace ops;
  const auto number = [](const Json& k, const char* name, double fallback) {
    return k.value(name, fallback);
  };
  OpCalls calls = {
#define NYALA_CALL(name) {#name, call(static_cast<Unary>(ops::name))}
      NYALA_CALL(exponential),
      NYALA_CALL(hard_sigmoid),
      NYALA_CALL(hard_silu),
      NYALA_CALL(hard_swish),
      NYALA_CALL(hard_tanh),
      NYALA_CALL(linear),
      NYALA_CALL(log_sigmoid),
      NYALA_CALL(mish),
      NYALA_CALL(relu6),
      NYALA_CALL(selu),
      NYALA_CALL(sigmoid),
      NYALA_CALL(silu),
      NYALA_CALL(softplus),
      NYALA_CALL(softsign),
      NYALA_CALL(sparse_plus),
      NYALA_CALL(sparse_sigmoid),
      NYALA_CALL(swish),
      NYALA_CALL(tanh),
      NYALA_CALL(tanh_shrink),
#undef NYALA_CALL
      {"celu",
       one([&](const auto& x, const Json& k) { return celu(x[0], number(k, "alpha", 1)); })},
      {"elu", one([&](const auto& x, const Json& k) { return elu(x[0], number(k, "alpha", 1)); })},
      {"gelu",
       one([](const auto& x, const Json& k) { return gelu(x[0], k.value("approximate", false)); })},
      {"glu", one([](const auto& x, const Json& k) { return glu(x[0], {k.value("axis", -1)}); })},
      {"hard_shrink", one([&](const auto& x, const Json& k) {
         return hard_shrink(x[0], number(k, "threshold", 0.5));
       })},
      {"soft_shrink", one([&](const auto& x, const Json& k) {
         return soft_shrink(x[0], number(k, "threshold", 0.5));
       })},
      {"leaky_relu", one([&](const auto& x, const Json& k) {
         return leaky_relu(x[0], number(k, "negative_slope", 0.2));
       })},
      {"log_softmax",
       one([](const auto& x, const Json& k) { return log_softmax(x[0], {k.value("axis", -1)}); })},
      {"softmax",
       one([](const auto& x, const Json& k) { return softmax(x[0], {k.value("axis", -1)}); })},
      {"sparsemax",
       one([](const auto& x, const Json& k) { return sparsemax(x[0], {k.value("axis", -1)}); })},
      {"squareplus",
       one([&](const auto& x, const Json& k) { return squareplus(x[0], number(k, "b", 4)); })},
      {"threshold", one([&](const auto& x, const Json& k) {
         return threshold(x[0], number(k, "threshold", 0), number(k, "default_value", 0));
       })},
      {"relu", one([&](const auto& x, const Json& k) {
         ReluArgs args{.negative_slope = number(k, "negative_slope", 0),
                       .threshold = number(k, "threshold", 0)};
         if (k.contains("max_value")) args.max_value = k["max_value"].template get<double>();
         return relu(x[0], args);
       })},
  };
  const Golden golden("activations");
  std::size_t ran = 0;
  for (const Json& c : golden.cases()) {
    if (c["kind"] != "activation") continue;
    const std::string id = c["id"];
    CAPTURE(id);
    REQUIRE(calls.contains(c["name"]));
    std::string wrong;
    CHECK_NOTHROW(wrong = run_case(golden, c, calls[c["name"]]));
    CHECK(wrong == "");
    ++ran;
  }
  CHECK(ran > 80);
  report(golden, ran);
}

TEST_CASE("golden: l2_normalize at zero, tiny, huge and infinite rows") {
  const Golden golden("dot");
  std::size_t ran = 0;
  for (const Json& c : golden.cases()) {
    if (c["kind"] != "dot_special" || c["normalize"] != true) continue;
    const std::string id = c["id"];
    CAPTURE(id);
    const std::vector<Tensor> inputs = golden.arrays(c, c["inputs"]);
    const int axis = c["axes"].get<int>();
    for (const bool legacy : {false, true}) {
      CAPTURE(legacy);
      const Json& want = legacy ? c["tf_keras"] : c["keras3"];
      GradientTape tape;
      for (const Tensor& input : inputs) tape.watch(input);
      const Tensor out =
          ops::batch_dot(ops::l2_normalize(inputs[0], {.axis = axis, .legacy = legacy}),
                         ops::l2_normalize(inputs[1], {.axis = axis, .legacy = legacy}),
                         {axis, axis});
      CHECK(difference(out, golden.array(c, want["out"]), golden.tolerance(c)) == "");
      const std::vector<Tensor> gradients = tape.gradient(out, inputs);
      for (std::size_t i = 0; i < 2; ++i) {
        CHECK(difference(gradients[i],
                         golden.array(c, want["grads"][i]),
                         golden.tolerance(c, true)) == "");
      }
    }
    ++ran;
  }
  CHECK(ran == 24);
  std::printf("golden dot, special rows: %zu cases\n", ran);
}

}  // namespace nyala::conformance
