#pragma once
// The small network and the data of the training tests.
#include <cmath>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <nyala/layers/layers.hpp>
#include <nyala/models/callbacks.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala::testing {

struct StackArgs {
  std::vector<std::int64_t> units = {};
  bool two_outputs = false;
  regularizers::Regularizer regularizer = {};
  std::string last_activation = {};
  NYALA_LAYER_ARGS;
  static constexpr auto fields() { return std::tuple{}; }
};

// Dense layers, tanh but for the last; or a shared one below two outputs "a" and "b".
class StackLayer final : public LayerBase<StackArgs> {
 public:
  explicit StackLayer(StackArgs given) : LayerBase(std::move(given)) {
    for (std::size_t i = 0; i < args().units.size(); ++i) {
      const bool last = i + 1 == args().units.size();
      const std::string activation = last ? args().last_activation : "tanh";
      layers::DenseArgs dense{.units = args().units[i]};
      if (!activation.empty()) dense.activation = activation;
      if (i == 0) dense.kernel_regularizer = args().regularizer;
      stack_.push_back(track(layers::Dense(dense)));
    }
    if (args().two_outputs) second_ = track(layers::Dense({.units = 1}));
  }
  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs&) override {
    Tensor x = inputs[0];
    Tensor below = x;
    for (const Layer& layer : stack_) {
      below = x;
      x = layer(x);
    }
    if (!args().two_outputs) return {x};
    return {x, second_(below)};
  }

 private:
  std::vector<Layer> stack_;
  Layer second_;
};

inline std::shared_ptr<BaseLayer> make_stack(StackArgs args) {
  auto layer = std::make_shared<StackLayer>(std::move(args));
  layer->finish("Stack");
  return layer;
}

// Ten samples of three features, and the weights that the recorded runs began with.
struct Toy {
  Tensor x, y, kernel1, kernel2;

  Toy() {
    std::vector<float> xs, ys, k1, k2;
    for (int i = 0; i < 10; ++i) {
      const auto a = static_cast<float>(std::sin(i * 0.7));
      const auto b = static_cast<float>(std::cos(i * 1.3));
      const auto c = static_cast<float>(i / 10.0 - 0.5);
      xs.insert(xs.end(), {a, b, c});
      ys.push_back(0.5F * a - b * c);
    }
    for (int i = 0; i < 12; ++i) k1.push_back(static_cast<float>((i * 7 % 11 - 5) / 10.0));
    for (int i = 0; i < 4; ++i) k2.push_back(static_cast<float>((i * 5 % 7 - 3) / 10.0));
    x = Tensor::from(xs, {10, 3});
    y = Tensor::from(ys, {10, 1});
    kernel1 = Tensor::from(k1, {3, 4});
    kernel2 = Tensor::from(k2, {4, 1});
  }
};

// A network with its trainer.
struct Net {
  std::shared_ptr<BaseLayer> layer;
  Trainer trainer;

  explicit Net(StackArgs args, ModelNames names = {})
      : layer(make_stack(std::move(args))), trainer(*layer, [names] { return names; }) {}
};

// 3-4-1 with the recorded weights.
inline std::unique_ptr<Net> toy_net(const Toy& toy, regularizers::Regularizer regularizer = {}) {
  auto net =
      std::make_unique<Net>(StackArgs{.units = {4, 1}, .regularizer = std::move(regularizer)});
  net->trainer.predict(toy.x, {.verbose = 0});
  net->layer->set_weights({toy.kernel1, ops::zeros({4}), toy.kernel2, ops::zeros({1})});
  return net;
}

// float32 sums in another order differ by some parts in 10^6 after a few dozen steps.
inline void check_close(const std::vector<double>& got, const std::vector<double>& wanted) {
  REQUIRE(got.size() == wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    CHECK(got[i] == doctest::Approx(wanted[i]).epsilon(2e-5));
}

}  // namespace nyala::testing
