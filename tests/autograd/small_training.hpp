#pragma once
/// A training step that is large enough for all that programs do.
#include <vector>

#include <nyala/autograd/random.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/core/ops.hpp>

namespace nyala::testing {

inline std::vector<double> numbers(const Tensor& tensor) {
  return ops::cast(tensor, float64).to_vector<double>();
}

// Two layers, a loss, gradients, and an update with momentum.
struct Training {
  Variable w1, b1, w2, velocity;
  Tensor x, y;

  explicit Training(std::int64_t batch = 32) {
    const auto draw = [](const Shape& shape, int seed) {
      return random::normal(shape, {.seed = random::Seed(seed)});
    };
    w1 = Variable(draw({20, 48}, 1));
    b1 = Variable(draw({48}, 2));
    w2 = Variable(draw({48, 3}, 3));
    velocity = Variable(ops::zeros({20, 48}), {.trainable = false});
    x = draw({batch, 20}, 4);
    y = draw({batch, 3}, 5);
  }
  Tensor operator()(const Tensor& inputs, const Tensor& targets) const {
    GradientTape tape;
    const Tensor hidden = ops::tanh(ops::matmul(inputs, w1) + b1);
    const Tensor error = ops::softmax(ops::matmul(hidden, w2)) - targets;
    const Tensor loss = ops::mean(ops::square(error) * 1.0);
    const auto g = tape.gradient(loss, std::vector<Variable>{w1, b1, w2});
    velocity.assign(velocity.value() * 0.9 + g[0]);
    w1.assign_sub(0.1 * velocity.value() / (ops::sqrt(ops::square(velocity.value())) + 0.1));
    b1.assign_sub(0.1 * g[1]);
    w2.assign_sub(0.1 * g[2]);
    return loss;
  }
  std::vector<double> state() const {
    std::vector<double> all;
    for (const Variable& variable : {w1, b1, w2, velocity}) {
      for (double value : numbers(variable)) all.push_back(value);
    }
    return all;
  }
};

}  // namespace nyala::testing
