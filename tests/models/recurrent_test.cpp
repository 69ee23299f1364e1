// Recurrent layers and wrappers in models: states as symbols, masks, cells of the program's own,
// states between batches, JSON both ways, training.
#include <doctest/doctest.h>

#include <cmath>

#include <nyala/nyala.hpp>

#include "message_of.hpp"
#include "models/kernel_cell.hpp"

using namespace nyala;

namespace {

Tensor waves(const Shape& shape, double phase) {
  std::vector<float> values(static_cast<std::size_t>(shape.num_elements()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i) + phase));
  return Tensor::from(values, shape);
}

bool close(const Tensor& x, const Tensor& y) {
  return ops::allclose(x, y, {.rtol = 1e-5, .atol = 1e-6});
}

// A cell of the program's own: h = decay h + x W.
struct LeakyCellArgs {
  Required<int> units;
  double decay = 0.5;
  NYALA_LAYER_ARGS;
  using Call = layers::RecurrentCellCall;

  template <class A = LeakyCellArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"units", &A::units, "Size of the state."},
                        Field{"decay", &A::decay, "What is left of the state."});
  }
};

class LeakyCellLayer final : public testing::KernelCell<LeakyCellArgs> {
 public:
  using KernelCell::KernelCell;

  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs&) override {
    const Tensor h = inputs[1] * args().decay + ops::matmul(inputs[0], kernel_);
    return {h, h};
  }
};

using LeakyCell = LayerOf<LeakyCellArgs>;
NYALA_LAYER(LeakyCell)

}  // namespace

TEST_CASE("an encoder gives its states to a decoder, in a graph and its JSON") {
  const Symbol source = Input({.shape = {None, 3}, .name = "source"});
  const Symbol target = Input({.shape = {4, 2}, .name = "target"});
  const layers::LSTM encoder({.units = 5, .return_state = true, .name = "encoder"});
  const layers::LSTM decoder({.units = 5, .return_sequences = true, .name = "decoder"});
  const std::vector<Symbol> encoded = encoder.call_all(source);
  REQUIRE(encoded.size() == 3);
  const Symbol decoded = decoder(target, {.initial_state = {encoded[1], encoded[2]}});
  CHECK(decoded.shape() == Shape{None, 4, 5});
  const Model model({source, target}, layers::Dense({.units = 1})(decoded));
  const std::string json = model.to_json();
  const Model twin = model_from_json(json);
  CHECK(twin.to_json() == json);
  twin.set_weights(model.get_weights());
  const std::vector<Tensor> data = {waves({2, 6, 3}, 0.1), waves({2, 4, 2}, 0.5)};
  CHECK(close(twin.predict(data), model.predict(data)));
  // By hand.
  const std::vector<Tensor> states = encoder.call_all(data[0]);
  const Tensor by_hand = decoder(data[1], {.initial_state = {states[1], states[2]}});
  CHECK(close(model.get_layer(-1)(by_hand), model.predict(data)));
  // The states arrive: without them the result is another one.
  CHECK_FALSE(close(decoder(data[1]), by_hand));
}

TEST_CASE("given states, a layer takes no mask that comes with its input, as in Keras") {
  const layers::SimpleRNN rnn({.units = 3});
  const Tensor x = waves({2, 4, 3}, 0.2), h = waves({2, 3}, 0.9);
  const Tensor mask = Tensor::from(std::vector<bool>{1, 1, 0, 0, 1, 0, 1, 1}, {2, 4});
  const Tensor masked = x + 0;
  masked.set_mask(mask);
  CHECK(close(rnn(masked, {.initial_state = h}), rnn(x, {.initial_state = h})));
  CHECK_FALSE(close(rnn(masked), rnn(x)));
  CHECK(close(rnn(masked), rnn(x, {.mask = mask})));
  CHECK_FALSE(close(rnn(x, {.initial_state = h, .mask = mask}), rnn(x, {.initial_state = h})));
}

TEST_CASE("masked steps repeat the output before them, or give zeros") {
  const Tensor x = waves({1, 4, 2}, 0.2), h = waves({1, 3}, 0.9);
  const Tensor mask = Tensor::from(std::vector<bool>{0, 1, 0, 1}, {1, 4});
  const layers::GRU repeats({.units = 3, .return_sequences = true});
  const Tensor y = repeats(x, {.initial_state = h, .mask = mask});
  // Before the first step that counts there is no output: zeros, and not the state.
  CHECK(close(ops::squeeze(ops::slice_axis(y, 1, 0, 1), 1), ops::zeros({1, 3})));
  CHECK(close(ops::slice_axis(y, 1, 2, 3), ops::slice_axis(y, 1, 1, 2)));
  const layers::GRU zeros({.units = 3, .return_sequences = true, .zero_output_for_mask = true});
  zeros.build({1, 4, 2});
  zeros.set_weights(repeats.get_weights());
  const Tensor z = zeros(x, {.initial_state = h, .mask = mask});
  CHECK(close(ops::slice_axis(z, 1, 2, 3), ops::zeros({1, 1, 3})));
  CHECK(close(ops::slice_axis(z, 1, 3, 4), ops::slice_axis(y, 1, 3, 4)));
}

TEST_CASE("RNN runs a cell of the program's own, and JSON keeps it") {
  register_layer<LeakyCell>({.package = "test"});
  const Symbol x = Input({.shape = {3, 2}, .name = "x"});
  const layers::RNN rnn({.cell = {LeakyCell({.units = 2, .decay = 0.25}), layers::LSTMCell(3)},
                         .return_sequences = true});
  const Model model(x, rnn(x));
  const std::string json = model.to_json();
  const Model twin = model_from_json(json);
  CHECK(twin.to_json() == json);
  twin.set_weights(model.get_weights());
  const Tensor data = waves({4, 3, 2}, 0.3);
  CHECK(close(twin.predict(data), model.predict(data)));
  CHECK(model.output_shape() == Shape{None, 3, 3});

  const LeakyCell cell({.units = 2});
  const layers::RNN one({.cell = cell});
  const Tensor kernel = (one(data), cell.get_weights()[0]);
  Tensor h = ops::zeros({4, 2});
  for (std::int64_t t = 0; t < 3; ++t)
    h = h * 0.5 + ops::matmul(ops::squeeze(ops::slice_axis(data, 1, t, t + 1), 1), kernel);
  CHECK(close(one(data), h));
}

TEST_CASE("the whole sequence at once and step by step agree") {
  // softsign(x) is no activation that the op for whole sequences has; tanh is. With a cell that
  // only differs in being stacked, steps are taken one by one.
  const Tensor x = waves({3, 5, 4}, 0.4);
  const Tensor mask =
      Tensor::from(std::vector<bool>{1, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1}, {3, 5});
  const auto check = [&](const Layer& cell) {
    const layers::RNN whole({.cell = cell, .return_sequences = true, .go_backwards = true});
    const layers::RNN steps({.cell = {cell}, .return_sequences = true, .go_backwards = true});
    CHECK(close(whole(x), steps(x)));
    CHECK(close(whole(x, {.mask = mask}), steps(x, {.mask = mask})));
    GradientTape tape({.persistent = true});
    const Tensor a = ops::sum(ops::square(whole(x, {.mask = mask})));
    const Tensor b = ops::sum(ops::square(steps(x, {.mask = mask})));
    const auto of_a = tape.gradient(a, cell.trainable_variables());
    const auto of_b = tape.gradient(b, cell.trainable_variables());
    for (std::size_t i = 0; i < of_a.size(); ++i) CHECK(close(of_a[i], of_b[i]));
  };
  check(layers::SimpleRNNCell({.units = 3, .activation = "relu"}));
  check(layers::LSTMCell(3));
  check(layers::LSTMCell({.units = 3, .recurrent_activation = "hard_sigmoid", .use_bias = false}));
  check(layers::GRUCell(3));
  check(layers::GRUCell({.units = 3, .use_bias = false}));
}

TEST_CASE("stateful layers go on where the last batch ended") {
  const layers::LSTM layer({.units = 3, .stateful = true, .name = "memory"});
  const Tensor x = waves({2, 6, 3}, 0.4);
  const Tensor first = ops::slice_axis(x, 1, 0, 3), second = ops::slice_axis(x, 1, 3, 6);
  layer(first);
  const Tensor halves = layer(second);
  layer.reset_state();
  CHECK(close(layer(x), halves));
  CHECK(layer.weights().size() == 3);  // the states are none
  CHECK(message_of([&] {
          layer(waves({3, 6, 3}, 0));
        }) == "LSTM \"memory\" is stateful for batches of 2 and received shape (3, 6, 3)");
  const layers::LSTM other({.units = 3, .stateful = true, .name = "open"});
  CHECK(message_of([&] {
          other(Input({.shape = {6, 3}}));
        }) == "LSTM \"open\": a stateful layer needs a known batch size, received (None, 6, 3)");
  CHECK_THROWS_AS(layers::Dense(1).reset_state(), StateError);
  // In a compiled program too.
  const Sequential model({Input({.shape = {3, 3}, .batch_size = 2}), layer});
  layer.reset_state();
  model.predict(first);
  CHECK(close(model.predict(second), halves));
}

TEST_CASE("recurrent layers refuse what does not fit") {
  const layers::LSTM lstm({.units = 2, .name = "l"});
  CHECK(message_of([&] {
          lstm(waves({2, 3, 2}, 0), {.initial_state = waves({2, 2}, 0)});
        }) == "LSTM \"l\": received 1 states, expected 2");
  CHECK_THROWS_AS(lstm(waves({2, 3}, 0)), ShapeError);
  CHECK_THROWS_AS(lstm(ops::zeros({2, 0, 2})), ShapeError);
  CHECK_THROWS_AS(layers::RNN({.cell = layers::Dense(2)}), ValueError);
  CHECK_THROWS_AS(layers::Bidirectional({.layer = layers::Dense(2)}), ValueError);
  CHECK_THROWS_AS(layers::Bidirectional({.layer = lstm, .merge_mode = "max"}), ValueError);
  CHECK_THROWS_AS(layers::Bidirectional({.layer = lstm, .backward_layer = layers::LSTM(2)}),
                  ValueError);
  CHECK_THROWS_AS(layers::LSTM({.units = 0}), ValueError);
  Config config = saving::serialize_layer(*lstm);
  config["config"]["time_major"] = true;
  CHECK_THROWS_AS(saving::deserialize_layer(config), UnsupportedError);
  config["config"]["time_major"] = false;
  config["config"]["implementation"] = 1;
  CHECK(saving::deserialize_layer(config).class_name() == "LSTM");
}

TEST_CASE("TimeDistributed runs a model on each step") {
  const Sequential inner(
      {Input({.shape = {4}}), layers::Dense({.units = 3, .activation = "tanh"})});
  const layers::TimeDistributed each({.layer = inner});
  const Symbol open = Input({.shape = {None, 4}});
  CHECK(each(open).shape() == Shape{None, None, 3});
  const Tensor x = waves({2, 5, 4}, 0.3);
  const Tensor y = each(x);
  CHECK(y.shape() == Shape{2, 5, 3});
  CHECK(close(ops::slice_axis(y, 1, 2, 3),
              ops::expand_dims(inner(ops::squeeze(ops::slice_axis(x, 1, 2, 3), 1)), 1)));
  const Model model(open, each(open));
  CHECK(model_from_json(model.to_json()).to_json() == model.to_json());
}

TEST_CASE("Bidirectional makes two layers of one") {
  const layers::LSTM pattern({.units = 3, .return_sequences = true, .name = "lstm"});
  const layers::Bidirectional both({.layer = pattern, .merge_mode = {}});
  const Tensor x = waves({2, 4, 2}, 0.3);
  const std::vector<Tensor> y = both.call_all(x);
  REQUIRE(y.size() == 2);
  CHECK(both.weights().size() == 6);
  CHECK(both.weights()[3].path() == both.name() + "/backward_lstm/lstm_cell/kernel");
  pattern.build({2, 4, 2});
  std::vector<Tensor> weights = both.get_weights();
  pattern.set_weights({weights[0], weights[1], weights[2]});
  CHECK(close(pattern(x), y[0]));
  pattern.set_weights({weights[3], weights[4], weights[5]});
  CHECK(close(ops::flip(pattern(ops::flip(x, 1)), 1), y[1]));
}

TEST_CASE("dropout in recurrent layers repeats with its seed and stops outside of training") {
  const Tensor x = waves({3, 4, 2}, 0.1);
  for (const double recurrent : {0.0, 0.4}) {
    const auto make = [&] {
      return layers::GRU({.units = 4,
                          .kernel_initializer = initializers::GlorotUniform({.seed = 1}),
                          .recurrent_initializer = initializers::Orthogonal({.seed = 2}),
                          .dropout = 0.3,
                          .recurrent_dropout = recurrent,
                          .seed = 5});
    };
    const layers::GRU a = make(), b = make();
    const Tensor first = a(x, {.training = true});
    CHECK(close(first, b(x, {.training = true})));
    CHECK_FALSE(close(first, a(x, {.training = true})));
    CHECK_FALSE(close(first, a(x)));
    CHECK(close(a(x), b(x)));
  }
}

TEST_CASE("a recurrent model learns, compiled as well as eagerly") {
  // The sum of a sequence that is masked where it is 0.
  const Tensor x = ops::cast(ops::abs(waves({64, 6}, 0.3)) * 4, int32);
  const Tensor y = ops::cast(ops::sum(x, {.axis = 1}), float32) / 10;
  for (const bool eager : {false, true}) {
    CAPTURE(eager);
    set_random_seed(3);
    const Sequential model({Input({.shape = {6}, .dtype = int32}),
                            layers::Embedding({.input_dim = 5, .output_dim = 4, .mask_zero = true}),
                            layers::Bidirectional({.layer = layers::LSTM(6)}),
                            layers::Dense(1)});
    model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.02}),
                   .loss = "mse",
                   .run_eagerly = eager});
    const double before = model.evaluate(x, y, {.verbose = 0}).loss();
    model.fit(x, y, {.batch_size = 16, .epochs = eager ? 3 : 30, .verbose = 0, .shuffle = false});
    const double after = model.evaluate(x, y, {.verbose = 0}).loss();
    CHECK(after < before * (eager ? 0.8 : 0.1));
  }
}
