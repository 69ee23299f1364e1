// SpectralNormalization beside what Keras recorded (conformance): training, errors.
#include <doctest/doctest.h>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/random.hpp>
#include <nyala/layers/layers.hpp>

#include "message_of.hpp"

using namespace nyala;

namespace {

double largest_singular_value(Tensor matrix) {
  Tensor v = ops::ones({1, matrix.shape()[0]}, {.dtype = matrix.dtype()});
  for (int i = 0; i < 200; ++i)
    v = ops::l2_normalize(ops::matmul(ops::matmul(v, matrix), ops::transpose(matrix)));
  return ops::norm(ops::matmul(v, matrix)).item<double>();
}

}  // namespace

TEST_CASE("SpectralNormalization brings the norm of the kernel to 1, compiled too") {
  for (const bool compiled : {false, true}) {
    CAPTURE(compiled);
    const layers::Dense dense({.units = 6});
    const layers::SpectralNormalization layer({.layer = dense});
    const Tensor x = random::normal({4, 5}, {.seed = 1});
    layer(x);
    dense.set_weights({random::normal({5, 6}, {.seed = 2}), ops::zeros({6})});
    CHECK(largest_singular_value(dense.weights()[0]) > 2);
    const auto call = function([&](const Tensor& in) { return layer(in, {.training = true}); });
    Tensor y;
    for (int i = 0; i < 60; ++i) y = compiled ? call(x) : layer(x, {.training = true});
    // Power iteration has converged to a few roundings of float32.
    CHECK(largest_singular_value(dense.weights()[0]) == doctest::Approx(1).epsilon(1e-4));
    const Tensor again = ops::matmul(x, dense.weights()[0].value());
    CHECK(ops::max(ops::abs(y - again)).item<double>() < 1e-5);
    CHECK(ops::max(ops::abs(layer(x) - again)).item<double>() < 1e-5);  // inference changes nothing
  }
}

TEST_CASE("SpectralNormalization leaves a kernel of zeros and refuses layers without one") {
  const layers::SpectralNormalization zeros(
      {.layer = layers::Dense({.units = 2, .kernel_initializer = "zeros"})});
  CHECK(ops::max(ops::abs(zeros(ops::ones({1, 3}), {.training = true}))).item<double>() == 0);
  const std::vector<Layer> without = {
      layers::ReLU(), layers::LSTM(2), layers::SeparableConv1D({.filters = 2, .kernel_size = 1})};
  for (const Layer& layer : without) {
    const layers::SpectralNormalization wrapper({.layer = layer});
    CHECK_THROWS_AS(wrapper(ops::ones({1, 3, 2})), ValueError);
    CHECK(message_of([&] {
            wrapper(ops::ones({1, 3, 2}));
          }).find(layer->label()) != std::string::npos);
  }
  CHECK_THROWS_AS(layers::SpectralNormalization({.layer = layers::Dense(2), .power_iterations = 0}),
                  ValueError);
  CHECK_THROWS_AS(layers::SpectralNormalization({.layer = Layer()}), ValueError);
}

TEST_CASE("TimeDistributed calls SpectralNormalization at each step, as Keras does") {
  const auto wrapped = [] {
    const layers::SpectralNormalization layer({.layer = layers::Dense({.units = 3})});
    layer(ops::ones({2, 4}));
    std::vector<Tensor> weights;
    int seed = 0;
    for (const Variable& weight : layer.weights())
      weights.push_back(random::normal(weight.shape(), {.seed = ++seed}));
    layer.set_weights(weights);
    return layer;
  };
  const layers::SpectralNormalization each = wrapped(), inner = wrapped();
  const layers::TimeDistributed all({.layer = inner});
  const Tensor x = random::normal({2, 5, 4}, {.seed = 9});
  const Tensor y = all(x, {.training = true});
  for (std::int64_t t = 0; t < 5; ++t) {
    const Tensor step = ops::squeeze(ops::slice_axis(x, 1, t, t + 1), 1);
    CHECK(ops::allclose(ops::squeeze(ops::slice_axis(y, 1, t, t + 1), 1),
                        each(step, {.training = true}),
                        {.rtol = 1e-5, .atol = 1e-6}));
  }
  const std::vector<Tensor> weights = inner.get_weights(), wanted = each.get_weights();
  for (std::size_t i = 0; i < weights.size(); ++i)
    CHECK(ops::allclose(weights[i], wanted[i], {.rtol = 1e-5, .atol = 1e-6}));
}
