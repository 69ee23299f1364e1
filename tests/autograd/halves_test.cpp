// Ops in float16 and bfloat16: in a program, and their gradients.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/random.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/core/op.hpp>
#include <nyala/core/ops.hpp>

#include "autograd/run_program.hpp"

using namespace nyala;

namespace {

// Inputs of a sample, the floating ones in `dtype`.
std::vector<Tensor> inputs_of(const Sample& sample, DType dtype) {
  std::vector<Tensor> inputs;
  for (const SampleInput& input : sample.inputs) {
    const Tensor drawn = random::uniform(
        input.shape,
        {input.low, input.high, {}, random::Seed(static_cast<int>(inputs.size()) + 1)});
    const bool whole = !is_floating(input.dtype);
    inputs.push_back(whole ? ops::cast(ops::round(drawn), input.dtype) : ops::cast(drawn, dtype));
  }
  return inputs;
}

bool takes(const Sample& sample, const std::vector<Tensor>& inputs) {
  try {
    run_any(sample.op, inputs);
    return true;
  } catch (const Error&) {
    return false;  // probabilities that round to 1 and the like
  }
}

// The distance of a number from the next one, relative to it.
double step_of(DType dtype) { return dtype == float16 ? 0x1p-10 : 0x1p-7; }

}  // namespace

TEST_CASE("every op gives in a program of halves what it gives by itself") {
  int compared = 0;
  for (const OpDef* def : all_ops()) {
    CAPTURE(def->name);
    for (const Sample& sample : samples_of(*def)) {
      for (const DType dtype : {float16, bfloat16}) {
        CAPTURE(dtype);
        const std::vector<Tensor> inputs = inputs_of(sample, dtype);
        if (!takes(sample, inputs)) continue;
        const Tensors outputs = testing::run_in_program(sample.op, inputs);
        const Tensors expected = run_any(sample.op, inputs);
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          CHECK(outputs[i].spec() == expected[i].spec());
          // float32 sums in another order may round to the next number.
          const double step = step_of(dtype);
          CHECK(ops::allclose(
              outputs[i], expected[i], {.rtol = step, .atol = 1e-6, .equal_nan = true}));
          ++compared;
        }
      }
    }
  }
  CHECK(compared > 400);
}

TEST_CASE("gradients of halves are halves, near those of float32") {
  int compared = 0;
  for (const OpDef* def : all_ops()) {
    if (!def->differentiable || def->name == "stop_gradient") continue;
    CAPTURE(def->name);
    for (const Sample& sample : samples_of(*def)) {
      for (const DType dtype : {float16, bfloat16}) {
        CAPTURE(dtype);
        const std::vector<Tensor> halves = inputs_of(sample, dtype);
        if (!takes(sample, halves)) continue;
        std::vector<Tensor> singles;
        for (const Tensor& half : halves)
          singles.push_back(is_floating(half.dtype()) ? ops::cast(half, float32) : half);
        const auto gradients_of = [&](const std::vector<Tensor>& inputs) {
          GradientTape tape;
          for (const Tensor& input : inputs) {
            if (is_floating(input.dtype())) tape.watch(input);
          }
          const Tensor y = run_any(sample.op, inputs)[0];
          if (!is_floating(y.dtype())) return std::vector<Tensor>(inputs.size());
          return tape.gradient(y, inputs);
        };
        const std::vector<Tensor> got = gradients_of(halves), want = gradients_of(singles);
        for (std::size_t i = 0; i < got.size(); ++i) {
          CHECK(got[i].defined() == want[i].defined());
          if (!got[i].defined() || !want[i].defined()) continue;
          CHECK(got[i].dtype() == halves[i].dtype());
          // What the gradient reads of the result is rounded, and so is the gradient: a few steps
          // of the largest element, since terms of a sum may cancel.
          const Tensor error = ops::abs(ops::cast(got[i], float32) - want[i]);
          if (error.size() == 0) continue;
          const double size = ops::max(ops::abs(want[i])).item<double>();
          CHECK(ops::max(error).item<double>() <= 8 * step_of(dtype) * (size + 0.1));
          ++compared;
        }
      }
    }
  }
  CHECK(compared > 300);
}

TEST_CASE("casts between halves and float32 pass gradients on") {
  const Tensor x = ops::cast(ops::arange(1.0, 5.0), float32);
  GradientTape tape;
  tape.watch(x);
  const Tensor half = ops::cast(x, float16);
  const Tensor y = ops::sum(ops::square(half) * ops::cast(x, bfloat16));
  CHECK(y.dtype() == float32);
  const Tensor gradient = tape.gradient(y, x);
  CHECK(gradient.dtype() == float32);
  CHECK(ops::allclose(gradient, ops::square(x) * 3));
}
