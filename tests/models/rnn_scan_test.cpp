// RNN over any cell in compiled training: one scan, whatever the number of steps, that trains as
// the steps one by one do.
#include <doctest/doctest.h>

#include <nyala/nyala.hpp>

#include "models/kernel_cell.hpp"

using namespace nyala;

namespace rnn_scan_test {

// A cell of the program's own that draws numbers, adds to the loss and counts its calls:
// h = decay h + dropout(x W), y = 2 h.
struct BusyCellArgs {
  Required<int> units;
  NYALA_LAYER_ARGS;
  using Call = layers::RecurrentCellCall;

  template <class A = BusyCellArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"units", &A::units, "Size of the state."});
  }
};

class BusyCellLayer final : public testing::KernelCell<BusyCellArgs> {
 public:
  using KernelCell::KernelCell;

  void build(Inputs<Shape> inputs) override {
    KernelCell::build(inputs);
    decay_ = add_weight({.shape = {std::int64_t{args().units}}, .name = "decay"});
    calls_ = add_weight({.shape = {}, .initializer = "zeros", .trainable = false, .name = "calls"});
  }
  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs& call) override {
    Tensor z = ops::matmul(inputs[0], kernel_);
    if (call.is_training()) {
      z = random::dropout(z, 0.3, {.seed = generator_});
      calls_.assign_add(ops::ones({}));
    }
    const Tensor h = inputs[1] * decay_ + z;
    add_loss(ops::mean(ops::square(h)) * 0.1);
    return {h * 2, h};
  }

 private:
  Variable decay_, calls_;
  random::SeedGenerator generator_{7};
};

using BusyCell = LayerOf<BusyCellArgs>;
NYALA_LAYER(BusyCell)

}  // namespace rnn_scan_test

namespace {

using rnn_scan_test::BusyCell;

struct Options {
  bool sequences = false, masked = false, backwards = false, zeros = false;
};

Model model_of(const Layer& cell, const Options& options, bool unroll) {
  const Symbol x = Input({.shape = {12, 3}});
  const Symbol y = layers::RNN({.cell = std::vector<Layer>{cell},
                                .return_sequences = options.sequences,
                                .go_backwards = options.backwards,
                                .unroll = unroll,
                                .zero_output_for_mask = options.zeros})(
      options.masked ? layers::Masking()(x) : x);
  const Model model(x, layers::Dense(2)(y));
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.05}), .loss = "mse"});
  std::vector<Tensor> weights;
  int seed = 0;
  for (const Tensor& weight : model.get_weights()) {
    weights.push_back(
        is_floating(weight.dtype()) && weight.rank() > 0
            ? random::uniform(weight.shape(), {.minval = -0.5, .maxval = 0.5, .seed = ++seed})
            : weight);
  }
  model.set_weights(weights);
  return model;
}

Tensor steps() {
  const Tensor x = random::uniform({4, 12, 3}, {.minval = -1, .maxval = 1, .seed = 5});
  const Tensor kept = random::bernoulli({4, 12, 1}, 0.7, {.seed = 6});
  return x * kept;
}

}  // namespace

TEST_CASE("a cell of the program's own trains in one scan as step by step") {
  const Tensor x = steps();
  for (const Options& options :
       std::vector<Options>{{},
                            {.sequences = true},
                            {.masked = true},
                            {.sequences = true, .masked = true},
                            {.sequences = true, .masked = true, .zeros = true},
                            {.backwards = true}}) {
    CAPTURE(options.sequences);
    CAPTURE(options.masked);
    CAPTURE(options.zeros);
    const Model one = model_of(BusyCell({.units = 5}), options, false);
    const Model many = model_of(BusyCell({.units = 5}), options, true);
    const Tensor y = random::uniform(one(x).shape(), {.seed = 8});
    for (int step = 0; step < 4; ++step) {
      const double loss = one.train_on_batch(x, y)["loss"],
                   wanted = many.train_on_batch(x, y)["loss"];
      CHECK(loss == doctest::Approx(wanted).epsilon(1e-5));
    }
    const std::vector<Tensor> weights = one.get_weights(), others = many.get_weights();
    for (std::size_t i = 0; i < weights.size(); ++i) {
      CAPTURE(i);
      // Gradients add up in another order, and Adam divides by their size.
      CHECK(ops::allclose(weights[i], others[i], {.rtol = 1e-3, .atol = 1e-4}));
    }
    CHECK(one.train_program(x, y).stats().num_steps <
          many.train_program(x, y).stats().num_steps / 2);
    CHECK(ops::allclose(one.predict(x), many.predict(x), {.rtol = 1e-3, .atol = 1e-4}));
  }
}

TEST_CASE("stacked cells that drop inputs and states train in one scan") {
  const auto cells = [] {
    return layers::StackedRNNCells(
        {.cells = {
             layers::LSTMCell({.units = 4, .dropout = 0.2, .recurrent_dropout = 0.3, .seed = 3}),
             layers::GRUCell({.units = 5, .recurrent_dropout = 0.3, .seed = 4})}});
  };
  const Tensor x = steps();
  const Model one = model_of(cells(), {.sequences = true}, false);
  const Model many = model_of(cells(), {.sequences = true}, true);
  const Tensor y = random::uniform({4, 12, 2}, {.seed = 8});
  for (int step = 0; step < 3; ++step) {
    CHECK(one.train_on_batch(x, y)["loss"] ==
          doctest::Approx(many.train_on_batch(x, y)["loss"]).epsilon(1e-4));
  }
}

TEST_CASE("an RNN of a mixed policy trains in one scan") {
  const auto policy = dtype_policy();
  set_dtype_policy("mixed_bfloat16");
  const Model one = model_of(BusyCell({.units = 5}), {.masked = true}, false);
  const Model many = model_of(BusyCell({.units = 5}), {.masked = true}, true);
  set_dtype_policy(policy);
  const Tensor x = steps(), y = random::uniform({4, 2}, {.seed = 8});
  for (int step = 0; step < 3; ++step) {
    CHECK(
        one.train_on_batch(x, y)["loss"] ==
        doctest::Approx(many.train_on_batch(x, y)["loss"]).epsilon(0.02));  // roundings of bfloat16
  }
}
