// Every layer class of layers.def, on a small sample: its configuration comes back, symbols, eager
// calls and traced functions agree, gradients are right in float64, and weights are shared and
// trained.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/gradient_check.hpp>
#include <nyala/autograd/tape.hpp>

#include "conformance/layer_case.hpp"
#include "layers/layer_samples.hpp"

using namespace nyala;
using conformance::Json;
using testing::LayerSample;

namespace {

const auto& samples = testing::layer_samples;

std::shared_ptr<BaseLayer> make(const LayerSample& sample) {
  Json config = Json::parse(sample.config);
  config["dtype"] = "float64";
  return conformance::make_layer_of(sample.class_name, config);
}

// Numbers without ties, away from 0 and from the kinks of the samples.
Tensor numbers(const Shape& shape, double phase) {
  std::vector<double> values(static_cast<std::size_t>(shape.num_elements()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = 0.13 + 1.9 * std::sin(2.3 * static_cast<double>(i) + phase);
  return Tensor::from(values, shape);
}

std::vector<Tensor> inputs_of(const LayerSample& sample) {
  std::vector<Tensor> inputs;
  for (const Shape& shape : sample.inputs) {
    const Tensor x = numbers(shape, 0.4 + static_cast<double>(inputs.size()));
    inputs.push_back(sample.ids ? ops::cast(ops::abs(x) * 2, int32) : x);
  }
  return inputs;
}

// Weights that are not the zeros and ones that many start with.
void scatter_weights(const BaseLayer& layer) {
  double phase = 0.9;
  for (const Variable& weight : layer.trainable_variables())
    weight.assign(numbers(weight.shape(), phase += 1));
}

// The largest difference between the tape's gradients of the weights and central differences.
double weight_gradient_error(BaseLayer& layer,
                             const std::vector<Tensor>& inputs,
                             const CallArgs& args) {
  const auto loss = [&] {
    const Tensor y = layer.apply(inputs, args)[0];
    return ops::sum(y * numbers(y.shape(), 0.7));
  };
  GradientTape tape;
  const Tensor value = loss();
  const std::vector<Variable> weights = layer.trainable_variables();
  const std::vector<Tensor> gradients = tape.gradient(value, weights);
  double worst = 0;
  constexpr double kStep = 1e-5;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::vector<double> start = weights[i].value().to_vector<double>();
    const std::vector<double> gradient = gradients[i].to_vector<double>();
    for (std::size_t j = 0; j < start.size(); ++j) {
      const auto at = [&](double shift) {
        std::vector<double> moved = start;
        moved[j] += shift;
        weights[i].assign(Tensor::from(moved, weights[i].shape()));
        return loss().item<double>();
      };
      const double expected = (at(kStep) - at(-kStep)) / (2 * kStep);
      worst = std::max(worst, std::abs(gradient[j] - expected) / std::max(1.0, std::abs(expected)));
    }
    weights[i].assign(Tensor::from(start, weights[i].shape()));
  }
  return worst;
}

bool fits(const Shape& symbolic, const Shape& eager) {
  bool same = symbolic.rank() == eager.rank();
  for (int i = 0; same && i < eager.rank(); ++i)
    same = symbolic[i] == None || symbolic[i] == eager[i];
  return same;
}

}  // namespace

TEST_CASE("layers: there is a sample of every class") {
  for (const std::string& name : layer_class_names()) {
    if (name == "InputLayer" || name.find('>') != std::string::npos) continue;
    CAPTURE(name);
    CHECK(std::any_of(samples().begin(), samples().end(), [&](const LayerSample& sample) {
      return name == sample.class_name;
    }));
  }
}

TEST_CASE("layers: configurations come back") {
  for (const LayerSample& sample : samples()) {
    CAPTURE(sample.class_name);
    const auto layer = make(sample);
    const Config config = layer->get_config();
    CHECK((*find_layer_class(sample.class_name))(config)->get_config() == config);
    const Json given = Json::parse(sample.config);
    for (const auto& option : given.items()) {
      CAPTURE(option.key());
      // A layer inside comes back with all its options.
      if (option.value().is_object() || option.key() == "cells") continue;
      // Keras writes a size of every axis where one was given for all.
      const Json got = conformance::to_json(config).at(option.key());
      const bool each = got.is_array() && option.value().is_number() &&
                        std::all_of(got.begin(), got.end(), [&](const Json& item) {
                          return item == option.value();
                        });
      CHECK((each || got == option.value()));
    }
  }
}

TEST_CASE("layers: symbols have the shapes, dtypes and masks of eager calls") {
  for (const LayerSample& sample : samples()) {
    CAPTURE(sample.class_name);
    const auto layer = make(sample);
    const std::vector<Tensor> inputs = inputs_of(sample);
    std::vector<Symbol> symbols;
    for (const Tensor& input : inputs) {
      Shape shape = input.shape();
      shape[0] = None;
      symbols.push_back(Input({.dtype = input.dtype(), .batch_shape = shape}));
    }
    const CallArgs args{.training = sample.training};
    const Symbol symbol = layer->apply(symbols, CallForm::list, args)[0];
    const Tensor eager = layer->apply(inputs, args)[0];
    CHECK(fits(symbol.shape(), eager.shape()));
    CHECK(symbol.dtype() == eager.dtype());
    CHECK(symbol.has_mask() == eager.mask().defined());
    CHECK(symbol.shape()[0] == None);
  }
}

TEST_CASE("layers: traced functions give what eager calls give") {
  for (const LayerSample& sample : samples()) {
    CAPTURE(sample.class_name);
    const auto layer = make(sample);
    const std::vector<Tensor> inputs = inputs_of(sample);
    const CallArgs args{.training = sample.training};
    const Tensor eager = layer->apply(inputs, args)[0];
    const auto check = [&](const Tensor& traced) {
      // Fused loops may round differently in the last place.
      CHECK(ops::allclose(traced, eager, {.rtol = 1e-12, .atol = 1e-12}));
    };
    if (inputs.size() == 1) {
      const auto f = function([&](const Tensor& x) { return layer->apply({x}, args)[0]; });
      check(f(inputs[0]));
      check(f(inputs[0]));
    } else if (inputs.size() == 2) {
      const auto f = function([&](const Tensor& x, const Tensor& y) {
        return layer->apply({x, y}, args)[0];
      });
      check(f(inputs[0], inputs[1]));
      check(f(inputs[0], inputs[1]));
    }
  }
}

TEST_CASE("layers: gradients of inputs and weights") {
  for (const LayerSample& sample : samples()) {
    CAPTURE(sample.class_name);
    const auto layer = make(sample);
    const std::vector<Tensor> inputs = inputs_of(sample);
    const CallArgs args{.training = sample.training};
    layer->apply(inputs, args);
    scatter_weights(*layer);
    // Central differences with a step of 1e-5 are good to about 1e-10, less what rounding adds.
    CHECK(weight_gradient_error(*layer, inputs, args) < 1e-7);
    if (sample.ids) continue;
    const auto f = [&](const std::vector<Tensor>& at) { return layer->apply(at, args)[0]; };
    CHECK(gradient_error(f, inputs) < 1e-7);
  }
}

TEST_CASE("layers: a second call shares the weights, and a step changes them") {
  for (const LayerSample& sample : samples()) {
    CAPTURE(sample.class_name);
    const auto layer = make(sample);
    const std::vector<Tensor> inputs = inputs_of(sample);
    layer->apply(inputs);
    scatter_weights(*layer);
    const std::vector<Variable> weights = layer->weights();
    GradientTape tape;
    const Tensor before = layer->apply(inputs)[0];
    const std::vector<Variable> again = layer->weights();
    REQUIRE(again.size() == weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i) CHECK(again[i].is(weights[i]));
    const std::vector<Variable> trained = layer->trainable_variables();
    if (trained.empty()) continue;
    const Tensor loss = ops::sum(before * numbers(before.shape(), 0.2));
    const std::vector<Tensor> gradients = tape.gradient(loss, trained);
    for (std::size_t i = 0; i < trained.size(); ++i) trained[i].assign_sub(gradients[i] * 0.1);
    CHECK(!ops::allclose(layer->apply(inputs)[0], before));
  }
}
