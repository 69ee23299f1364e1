#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include <nyala/autograd/gradient_check.hpp>
#include <nyala/core/op.hpp>
#include <nyala/core/ops.hpp>

using namespace nyala;

namespace {

// Fixed numbers between low and high, no two alike: `salt` tells the inputs of a sample apart.
Tensor sample_tensor(const SampleInput& input, int salt) {
  std::vector<double> values(static_cast<std::size_t>(input.shape.num_elements()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double golden = 0.6180339887 * static_cast<double>(i + 1) + 0.37 * salt;
    values[i] = input.low + (input.high - input.low) * (golden - std::floor(golden));
    if (!is_floating(input.dtype)) values[i] = std::round(values[i]);
  }
  const Tensor tensor = Tensor::from(values, input.shape);
  return is_floating(input.dtype) ? tensor : ops::cast(tensor, input.dtype);
}

}  // namespace

TEST_CASE("the gradient of every op agrees with central differences, twice") {
  int checked = 0;
  for (const OpDef* def : all_ops()) {
    // stop_gradient is there to differ from the true gradient.
    if (!def->differentiable || def->name == "stop_gradient") continue;
    const std::string name(def->name);
    CAPTURE(name);
    int number = 0;
    for (const Sample& sample : samples_of(*def)) {
      CAPTURE(number++);
      std::vector<Tensor> inputs;
      for (const SampleInput& input : sample.inputs) {
        inputs.push_back(sample_tensor(input, static_cast<int>(inputs.size())));
      }
      const std::size_t outputs = run_any(sample.op, inputs).size();
      for (std::size_t i = 0; i < outputs; ++i) {
        const auto f = [&](const std::vector<Tensor>& at) { return run_any(sample.op, at)[i]; };
        if (f(inputs).dtype() != float64) continue;
        // Central differences with step 1e-5 are off by about 1e-10 times the third derivative,
        // and by rounding over the step: 1e-11 times the value.
        CHECK(gradient_error(f, inputs, {.order = 2}) < 1e-6);
        ++checked;
      }
    }
  }
  MESSAGE(checked, " samples checked, ", all_ops().size(), " ops in all");
  CHECK(checked > 200);
}
