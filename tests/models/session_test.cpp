// Sessions: what a model gives step by step is what it gives for the whole sequence.
#include <doctest/doctest.h>

#include <functional>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/random.hpp>
#include <nyala/layers/layers.hpp>
#include <nyala/layers/operation.hpp>
#include <nyala/models/session.hpp>

#include "message_of.hpp"
#include "models/kernel_cell.hpp"

using namespace nyala;

namespace session_test {

// A cell whose output is no state: h = (h + x W) / 2, y = 2 h.
struct DoublingCellArgs {
  Required<int> units;
  NYALA_LAYER_ARGS;
  using Call = layers::RecurrentCellCall;

  template <class A = DoublingCellArgs>
  static constexpr auto fields() {
    return layer_fields(Field{"units", &A::units, "Size of the state."});
  }
};

class DoublingCellLayer final : public testing::KernelCell<DoublingCellArgs> {
 public:
  using KernelCell::KernelCell;

  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs&) override {
    const Tensor h = (inputs[1] + ops::matmul(inputs[0], kernel_)) * 0.5;
    return {h * 2, h};
  }
};

using DoublingCell = LayerOf<DoublingCellArgs>;
NYALA_LAYER(DoublingCell)

}  // namespace session_test
using session_test::DoublingCell;

namespace {

// Kernels add up in other orders for other sizes: a few roundings of float32 apart.
constexpr double kTolerance = 2e-5;

double distance(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  return ops::max(ops::abs(ops::cast(a, float64) - ops::cast(b, float64))).item<double>();
}

// A model of layers that map (batch, steps, ...) to (batch, steps, ...), with random weights.
Model stack(const Shape& input, const std::vector<Layer>& layers, DTypeLike dtype = float32) {
  const Symbol x = Input({.shape = input, .dtype = dtype});
  Symbol y = x;
  for (const Layer& layer : layers) y = layer(y);
  const Model model(x, y);
  std::vector<Tensor> weights;
  int seed = 0;
  for (const Variable& weight : model.weights()) {
    const double least = weight.name() == "moving_variance" ? 0.3 : -0.5;
    weights.push_back(
        random::uniform(weight.shape(), {.minval = least, .maxval = 0.7, .seed = ++seed}));
  }
  model.set_weights(weights);
  return model;
}

// All that the session gives for x in blocks of these sizes, over and over.
Tensor in_blocks(Session& session, const Tensor& x, const std::vector<std::int64_t>& sizes) {
  std::vector<Tensor> parts;
  std::size_t block = 0;
  for (std::int64_t at = 0; at < x.shape()[1];) {
    const std::int64_t size = std::min(sizes[block++ % sizes.size()], x.shape()[1] - at);
    const Tensor y = session.step(ops::slice_axis(x, 1, at, at + size));
    if (y.defined()) parts.push_back(y);
    at += size;
  }
  return ops::concatenate(parts, 1);
}

void check_steps(const Model& model, const Tensor& x) {
  const Tensor whole = model(x);
  Session session(model, x.shape()[0]);
  for (const std::vector<std::int64_t>& sizes :
       std::vector<std::vector<std::int64_t>>{{1}, {4}, {1, 3, 2, 1, 1, 5}, {x.shape()[1]}}) {
    CAPTURE(sizes.front());
    CAPTURE(sizes.size());
    CHECK(distance(in_blocks(session, x, sizes), whole) < kTolerance);
    CHECK(session.num_steps() == x.shape()[1]);
    session.reset();
  }
}

Tensor data(const Shape& shape) {
  return random::uniform(shape, {.minval = -1, .maxval = 1, .seed = 9});
}

}  // namespace

TEST_CASE("a session gives what every recurrent layer gives for the whole sequence") {
  const std::vector<Layer> recurrent = {
      layers::SimpleRNN({.units = 5, .return_sequences = true}),
      layers::LSTM({.units = 5, .return_sequences = true}),
      layers::GRU({.units = 5, .return_sequences = true}),
      layers::GRU({.units = 5, .return_sequences = true, .reset_after = false}),
      layers::LSTM({.units = 5, .activation = "relu", .return_sequences = true}),
      layers::RNN({.cell = std::vector<Layer>{layers::LSTMCell({.units = 3}),
                                              layers::GRUCell({.units = 4})},
                   .return_sequences = true})};
  for (const Layer& layer : recurrent) {
    CAPTURE(layer->label());
    check_steps(stack({None, 3}, {layer, layers::Dense({.units = 2, .activation = "tanh"})}),
                data({2, 13, 3}));
  }
  check_steps(
      stack({None, 4, 4, 2},
            {layers::ConvLSTM2D(
                {.filters = 3, .kernel_size = 2, .padding = "same", .return_sequences = true})}),
      data({2, 7, 4, 4, 2}));
}

TEST_CASE("a session keeps the steps that convolutions and pooling need") {
  using layers::Conv1D;
  check_steps(stack({None, 2}, {Conv1D({.filters = 4, .kernel_size = 3, .padding = "causal"})}),
              data({3, 17, 2}));
  std::vector<Layer> dilated;  // as WaveNet
  for (const int rate : {1, 2, 4, 8}) {
    dilated.push_back(Conv1D({.filters = 4,
                              .kernel_size = 2,
                              .padding = "causal",
                              .dilation_rate = rate,
                              .activation = "tanh"}));
  }
  check_steps(stack({None, 2}, dilated), data({1, 40, 2}));
  check_steps(stack({None, 2},
                    {Conv1D({.filters = 4, .kernel_size = 3, .dilation_rate = 2}),
                     layers::MaxPooling1D({.pool_size = 3, .strides = 2}),
                     Conv1D({.filters = 3, .kernel_size = 2, .strides = 2, .padding = "causal"}),
                     layers::AveragePooling1D({.pool_size = 2})}),
              data({2, 61, 2}));
  check_steps(stack({None, 4},
                    {layers::DepthwiseConv1D({.kernel_size = 3, .depth_multiplier = 2}),
                     layers::SeparableConv1D({.filters = 3, .kernel_size = 2}),
                     Conv1D({.filters = 2, .kernel_size = 1, .strides = 3, .padding = "same"})}),
              data({2, 31, 4}));
}

TEST_CASE("a session runs layers that work step by step as they are") {
  check_steps(stack({None, 4},
                    {layers::Dense({.units = 6, .activation = "softmax"}),
                     layers::BatchNormalization(),
                     layers::LayerNormalization(),
                     layers::TimeDistributed({.layer = layers::Dense(3)}),
                     layers::Dropout(0.5),
                     layers::UnitNormalization(),
                     layers::PReLU({.shared_axes = std::vector<int>{1}}),
                     layers::Rescaling({.scale = 2.0})}),
              data({2, 9, 4}));
  const Model words = stack({None},
                            {layers::Embedding({.input_dim = 7, .output_dim = 3}),
                             layers::GRU({.units = 4, .return_sequences = true})},
                            int32);
  check_steps(words, ops::reshape(ops::arange(20, {.dtype = int32}), {2, 10}) % 7);
}

TEST_CASE("a session runs graphs: branches, models inside, layers called twice") {
  const Symbol x = Input({.shape = {None, 4}});
  const layers::LSTM shared({.units = 4, .return_sequences = true});
  const layers::Conv1D gate(
      {.filters = 4, .kernel_size = 2, .padding = "causal", .activation = "sigmoid"});
  const Sequential inside(
      {Input({.shape = {None, 4}}), layers::GRU({.units = 4, .return_sequences = true})});
  const Symbol h = layers::Multiply()({shared(x), gate(x)});
  const Symbol y = layers::Concatenate()({shared(h), layers::Add()({inside(h), x})});
  check_steps(Model(x, y), data({2, 12, 4}));
}

TEST_CASE("a recurrent layer that gives its last output gives the one so far") {
  const Model model = stack({None, 3},
                            {layers::Conv1D({.filters = 3, .kernel_size = 2, .strides = 2}),
                             layers::LSTM({.units = 4}),
                             layers::Dense(2)});
  const Tensor x = data({2, 11, 3});
  Session session(model, 2);
  for (std::int64_t t = 0; t < 11; ++t) {
    const Tensor y = session.step(ops::squeeze(ops::slice_axis(x, 1, t, t + 1), 1));
    CHECK(y.defined() == (t % 2 == 1));
    if (y.defined()) CHECK(distance(y, model(ops::slice_axis(x, 1, 0, t + 1))) < kTolerance);
  }
}

TEST_CASE("a step without its axis gives one without it") {
  const Model model = stack({None, 3}, {layers::LSTM({.units = 4, .return_sequences = true})});
  const Tensor x = data({1, 5, 3});
  Session session(model);
  for (std::int64_t t = 0; t < 5; ++t)
    CHECK(distance(session.step(ops::reshape(x[0][t], {1, 3})),
                   ops::reshape(model(x)[0][t], {1, 4})) < kTolerance);
  CHECK(session.num_steps() == 5);
}

TEST_CASE("several inputs and outputs") {
  const Symbol a = Input({.shape = {None, 2}}), b = Input({.shape = {None, 2}});
  const auto results = layers::LSTM({.units = 3, .return_sequences = true, .return_state = true})
                           .call_all(std::vector<Symbol>{layers::Add()({a, b})});
  const Model model({a, b}, results);
  const Tensor x = data({1, 6, 2}), z = data({1, 6, 2}) * 2;
  const std::vector<Tensor> whole = model.call_all({x, z});
  Session session(model);
  session.step_all({ops::slice_axis(x, 1, 0, 4), ops::slice_axis(z, 1, 0, 4)});
  const auto last = session.step_all({ops::slice_axis(x, 1, 4, 6), ops::slice_axis(z, 1, 4, 6)});
  REQUIRE(last.size() == 3);
  CHECK(distance(last[0], ops::slice_axis(whole[0], 1, 4, 6)) < kTolerance);
  CHECK(distance(last[1], whole[1]) < kTolerance);
  CHECK(distance(last[2], whole[2]) < kTolerance);
  CHECK_THROWS_AS(session.step(x), StateError);
  CHECK_THROWS_AS(session.step_all({x}), ValueError);
  CHECK_THROWS_AS(session.step_all({x, ops::slice_axis(z, 1, 0, 4)}), ShapeError);
  CHECK(session.num_steps() == 6);
}

TEST_CASE("a session reads the weights as they are, and two do not disturb each other") {
  const Model model = stack({None, 3}, {layers::GRU({.units = 4, .return_sequences = true})});
  Session first(model), second(model);
  const Tensor x = data({1, 6, 3});
  first.step(x);
  CHECK(distance(second.step(x), model(x)) < kTolerance);
  std::vector<Tensor> weights = model.get_weights();
  for (Tensor& weight : weights) weight = weight * 0.5;
  model.set_weights(weights);
  second.reset();
  CHECK(distance(second.step(x), model(x)) < kTolerance);
}

TEST_CASE("a session computes in the dtypes of a mixed policy") {
  const auto policy = dtype_policy();
  set_dtype_policy("mixed_bfloat16");
  const Model model = stack({None, 3},
                            {layers::Conv1D({.filters = 4, .kernel_size = 2, .padding = "causal"}),
                             layers::LSTM({.units = 4, .return_sequences = true}),
                             layers::Dense(2)});
  set_dtype_policy(policy);
  const Tensor x = data({1, 9, 3});
  Session session(model);
  const Tensor y = in_blocks(session, x, {1, 3});
  CHECK(y.dtype() == DType::bfloat16);
  CHECK(distance(y, model(x)) < 0.02);  // roundings of bfloat16 apart
}

TEST_CASE("a session goes on when the model that it was made of is given more layers") {
  const Sequential model(
      {Input({.shape = {None, 3}}), layers::GRU({.units = 4, .return_sequences = true})});
  const Tensor x = data({1, 6, 3}), whole = model(x);
  Session session(model);
  model.add(layers::Dense(2));
  CHECK(distance(in_blocks(session, x, {1}), whole) < kTolerance);
}

TEST_CASE("a session passes masks on, from block to block") {
  // Steps of zeros are masked: some first ones, some in the middle, the last.
  Tensor x = data({2, 13, 3});
  const Tensor kept = Tensor::from(std::vector<float>{0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1, 1, 0,
                                                      1, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1, 0, 0},
                                   {2, 13, 1});
  x = x * kept;
  for (const bool zeros : {false, true}) {
    CAPTURE(zeros);
    const std::vector<Layer> recurrent = {
        layers::SimpleRNN({.units = 5, .return_sequences = true, .zero_output_for_mask = zeros}),
        layers::LSTM({.units = 5, .return_sequences = true, .zero_output_for_mask = zeros}),
        layers::GRU({.units = 5, .return_sequences = true, .zero_output_for_mask = zeros}),
        layers::RNN({.cell = DoublingCell({.units = 4}),
                     .return_sequences = true,
                     .zero_output_for_mask = zeros}),
        layers::RNN(
            {.cell = std::vector<Layer>{layers::LSTMCell({.units = 3}), DoublingCell({.units = 4})},
             .return_sequences = true,
             .zero_output_for_mask = zeros})};
    for (const Layer& layer : recurrent) {
      CAPTURE(layer->label());
      check_steps(stack({None, 3},
                        {layers::Masking(),
                         layer,
                         layers::Dropout(0.2),
                         layers::LSTM({.units = 2, .return_sequences = true})}),
                  x);
    }
  }
  const Symbol words = Input({.shape = {None}, .dtype = int32});
  const Symbol present = Input({.shape = {None}, .dtype = DType::bool_});
  const Symbol embedded =
      layers::Embedding({.input_dim = 7, .output_dim = 3, .mask_zero = true})(words);
  const Symbol h = layers::GRU({.units = 4, .return_sequences = true})(embedded);
  const Symbol y = layers::LSTM({.units = 3, .return_sequences = true})(h, {.mask = present});
  const Model model({words, present}, y);
  const Tensor ids = ops::reshape(ops::arange(20, {.dtype = int32}), {2, 10}) % 7;
  const Tensor there = (ids % 3) > 0;
  const Tensor whole = model.call_all({ids, there})[0];
  Session session(model, 2);
  for (std::int64_t t = 0; t < 10; ++t) {
    const Tensor now = session.step_all(
        {ops::slice_axis(ids, 1, t, t + 1), ops::slice_axis(there, 1, t, t + 1)})[0];
    CHECK(distance(now, ops::slice_axis(whole, 1, t, t + 1)) < kTolerance);
  }
}

TEST_CASE("a session runs operations and einsum where they work step by step") {
  const Symbol x = Input({.shape = {None, 4}});
  const Symbol a = ops::exp(x * 0.5 + 1) / (1 + ops::square(x));
  const Symbol b = a * ops::softmax(x) - ops::mean(x, {.axis = -1, .keepdims = true});
  const Symbol c = ops::clip(b, -1, 1) * Tensor::from(std::vector<float>{1, 2, 3, 4}, {4});
  const Symbol d = layers::EinsumDense(
      {.equation = "abc,cd->abd", .output_shape = {None, 3}, .bias_axes = "d"})(c);
  const Symbol e = layers::EinsumDense({.equation = "...x,xy->...y", .output_shape = {5}})(d);
  check_steps(Model(x, layers::GRU({.units = 3, .return_sequences = true})(e)), data({2, 9, 4}));

  const auto refused = [](const Shape& shape, const std::function<Symbol(const Symbol&)>& f) {
    const Symbol input = Input({.shape = shape});
    CHECK_THROWS_AS(Session(Model(input, f(input))), UnsupportedError);
  };
  refused({8, 4}, [](const Symbol& s) { return ops::sum(s, {.axis = 1}); });
  refused({8, 4}, [](const Symbol& s) { return ops::mean(s); });
  refused({8, 4}, [](const Symbol& s) { return ops::softmax(s, {.axis = 1}); });
  refused({8, 4}, [](const Symbol& s) { return s + ops::ones({8, 4}); });
  refused({8, 8}, [](const Symbol& s) { return s + ops::sum(s, {.axis = -1}); });
  refused({8, 4}, [](const Symbol& s) { return ops::flip(s, 1); });
  refused({8, 4}, [](const Symbol& s) { return ops::sort(s, {.axis = 1}); });
  refused({8, 4}, [](const Symbol& s) { return ops::cumsum(s, {.axis = 1}); });
}

TEST_CASE("a session runs operations on elements and along the last axis") {
  const Symbol x = Input({.shape = {None, 4}});
  const Symbol f = ops::logaddexp(x, ops::hypot(x, ops::full_like(x, 2.0)));
  const Symbol g = ops::flip(ops::sort(f), {2}) + ops::cumsum(x, {.axis = 2}) * ops::ones_like(x);
  const Symbol h =
      ops::max(g, {.axis = -1, .keepdims = true}) - ops::min(g, {.axis = 2, .keepdims = true});
  const Symbol i = ops::cast(ops::argmax(g, {.axis = -1, .keepdims = true}), "int32");
  const Symbol k = ops::bitwise_xor(ops::left_shift(i, 2), ops::bitwise_or(i, 5));
  check_steps(Model(x, h + ops::cast(k, "float32") + ops::zeros_like(h)), data({2, 9, 4}));
}

TEST_CASE("a session starts from states that the model makes of an input without steps") {
  const Symbol x = Input({.shape = {None, 3}}), context = Input({.shape = {2}});
  const Symbol h = layers::Dense({.units = 4, .activation = "tanh"})(context);
  const Symbol c = layers::Dense({.units = 4})(context);
  const Symbol y =
      layers::LSTM({.units = 4, .return_sequences = true})(x, {.initial_state = {h, c}});
  const Model model({context, x}, y);
  const Tensor steps = data({2, 7, 3}), start = data({2, 2}) * 3;
  const Tensor whole = model.call_all({start, steps})[0];
  Session session(model, 2);
  for (int round = 0; round < 2; ++round) {
    for (const auto& [from, to] : {std::pair{0, 1}, {1, 2}, {2, 5}, {5, 6}, {6, 7}}) {
      // Only the first call reads the initial state.
      const Tensor given = from == 0 ? start : ops::zeros_like(start);
      const Tensor now = session.step_all({given, ops::slice_axis(steps, 1, from, to)})[0];
      CHECK(distance(now, ops::slice_axis(whole, 1, from, to)) < kTolerance);
    }
    session.reset();
  }
  CHECK_THROWS_AS(session.step_all({data({2, 3}), steps}), ShapeError);
}

TEST_CASE("a session decodes step by step what an encoder has read as a whole") {
  const Symbol source = Input({.shape = {None, 3}}), x = Input({.shape = {None, 2}});
  const auto coded = layers::LSTM({.units = 4, .return_state = true}).call_all(source);
  const Symbol y = layers::LSTM({.units = 4, .return_sequences = true})(
      x, {.initial_state = {coded[1], coded[2]}});
  const Model model({source, x}, y);
  const Tensor read = data({1, 5, 3}), steps = data({1, 4, 2});
  const Tensor whole = model.call_all({read, steps})[0];
  Session session(model);
  for (std::int64_t t = 0; t < 4; ++t) {
    const Tensor now = session.step_all({read, ops::slice_axis(steps, 1, t, t + 1)})[0];
    CHECK(distance(now, ops::slice_axis(whole, 1, t, t + 1)) < kTolerance);
  }
  // The states of a sequence that is under way are known at its end only.
  const auto same = layers::LSTM({.units = 4, .return_state = true}).call_all(x);
  const Symbol z = layers::LSTM({.units = 4})(x, {.initial_state = {same[1], same[2]}});
  CHECK_THROWS_AS(Session(Model(x, z)), UnsupportedError);
}

TEST_CASE("a session runs what SpectralNormalization is around") {
  check_steps(
      stack({None, 3},
            {layers::SpectralNormalization({.layer = layers::Dense({.units = 4})}),
             layers::SpectralNormalization(
                 {.layer = layers::Conv1D({.filters = 3, .kernel_size = 2, .padding = "causal"})}),
             layers::GRU({.units = 3, .return_sequences = true})}),
      data({2, 9, 3}));
}

TEST_CASE("what cannot be run step by step is refused by name") {
  const auto refused = [](const Layer& layer, const Shape& input = {8, 4}) {
    const Symbol x = Input({.shape = input, .name = "x"});
    const Model model(x, layer(x));
    CHECK_THROWS_AS(Session{model}, UnsupportedError);
    return message_of([&] { Session session(model); });
  };
  const auto names = [](const std::string& message, const std::string& part) {
    return message.find(part) != std::string::npos;
  };
  CHECK(names(
      refused(layers::Conv1D({.filters = 2, .kernel_size = 3, .padding = "same", .name = "c"})),
      "Conv1D \"c\""));
  CHECK(names(refused(layers::Bidirectional({.layer = layers::LSTM(2), .name = "b"})), "\"b\""));
  CHECK(names(refused(layers::LSTM({.units = 2, .go_backwards = true, .name = "l"})), "\"l\""));
  CHECK(names(refused(layers::GlobalMaxPooling1D({.name = "g"})), "\"g\""));
  CHECK(names(refused(layers::Flatten({.name = "f"})), "\"f\""));
  CHECK(names(refused(layers::EinsumDense(
                  {.equation = "abc,bd->adc", .output_shape = {3, 4}, .name = "e"})),
              "\"e\""));
  CHECK(names(refused(layers::Masking({.name = "m"}), {8}), "\"m\""));
  CHECK(names(refused(layers::LayerNormalization({.axis = {1}, .name = "n"})), "\"n\""));
  CHECK(names(refused(layers::Softmax({.axis = -2, .name = "s"})), "\"s\""));
  CHECK(names(refused(layers::MaxPooling1D({.padding = "SAME", .name = "p"})), "\"p\""));
  CHECK(names(refused(layers::PReLU({.name = "r"})), "\"r\""));
  CHECK(names(refused(layers::Dense({.units = 2, .name = "d"}), {4}), "\"d\""));

  const Model model = stack({None, 3}, {layers::LSTM({.units = 2, .return_sequences = true})});
  CHECK_THROWS_AS(Session(model, 0), ValueError);
  CHECK_THROWS_AS(Session(Sequential({layers::Dense(2)})), StateError);
  Session session(model, 2);
  CHECK_THROWS_AS(session.step(data({1, 4, 3})), ShapeError);
  CHECK_THROWS_AS(session.step(data({2, 4, 2})), ShapeError);
  CHECK_THROWS_AS(session.step(data({2, 0, 3})), ShapeError);
  CHECK_THROWS_AS(session.step(data({3})), ShapeError);
  CHECK_THROWS_AS(session.step(Tensor()), ValueError);
  const auto traced = function([&](const Tensor& x) { return session.step(x); });
  CHECK_THROWS_AS(traced(data({2, 4, 3})), StateError);
  CHECK(session.num_steps() == 0);
  const Session other = std::move(session);
  CHECK(other.batch() == 2);
  CHECK_THROWS_AS(session.reset(), StateError);  // NOLINT(bugprone-use-after-move)
}
