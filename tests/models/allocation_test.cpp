// Steps that allocate nothing once they have run.
#include <doctest/doctest.h>

#include <memory>

#include <nyala/autograd/random.hpp>
#include <nyala/core/memory.hpp>
#include <nyala/layers/layers.hpp>
#include <nyala/models/model.hpp>
#include <nyala/models/session.hpp>

#include "counting_new.hpp"

using namespace nyala;

namespace {

struct Count {
  std::uint64_t news = t_news;
#ifdef NYALA_COUNTS_NEWS
  std::uint64_t system_calls = memory_stats().system_calls;
#else
  std::uint64_t system_calls = 0;  // nothing is kept for later under a sanitizer
#endif
};

// What `f` allocates in ten calls, after some to warm it up.
template <class F>
Count allocations(F&& f) {
  for (int i = 0; i < 3; ++i) f();
  const Count before;
  for (int i = 0; i < 10; ++i) f();
  const Count after;
  return {after.news - before.news, after.system_calls - before.system_calls};
}

Sequential mlp() {
  return Sequential({Input({.shape = {784}}),
                     layers::Dense({.units = 128, .activation = "relu"}),
                     layers::Dense({.units = 10, .activation = "softmax"})});
}

// Of a compiled model, on these inputs and targets.
void check_allocates_result_alone(const Model& model, const Tensor& x, const Tensor& y) {
  const Count predicted = allocations([&] { model.predict_on_batch(x); });
  CHECK(predicted.news == 0);
  CHECK(predicted.system_calls == 0);
  const Count trained = allocations([&] { model.train_on_batch(x, y); });
  CHECK(trained.news <= 10);  // a list of one loss each
  CHECK(trained.system_calls == 0);
}

}  // namespace

TEST_CASE("predict_on_batch allocates nothing") {
  const Sequential model = mlp();
  for (const std::int64_t rows : {1, 32}) {
    CAPTURE(rows);
    const Tensor x = random::uniform({rows, 784}, {.seed = 1});
    const Count dropped = allocations([&] { model.predict_on_batch(x); });
    CHECK(dropped.news == 0);
    CHECK(dropped.system_calls == 0);
    Tensor kept;  // the result of one call while the next one runs
    const Count held = allocations([&] { kept = model.predict_on_batch(x); });
    CHECK(held.news == 0);
    CHECK(held.system_calls == 0);
    const Tensor view = ops::transpose(ops::transpose(x).contiguous());  // copied on the way in
    const Count strided = allocations([&] { model.predict_on_batch(view); });
    CHECK(strided.news == 0);
    CHECK(strided.system_calls == 0);
  }
#ifdef NYALA_COUNTS_NEWS
  std::unique_ptr<int> one;
  CHECK(allocations([&] { one = std::make_unique<int>(1); }).news == 10);  // the count counts
#endif
}

TEST_CASE("train_on_batch allocates its result alone") {
  const Sequential model = mlp();
  model.compile({.optimizer = optimizers::Adam(), .loss = "sparse_categorical_crossentropy"});
  const Tensor x = random::uniform({32, 784}, {.seed = 1});
  const Tensor y = ops::cast(ops::arange(32) % 10, DType::int32);
  const Count count = allocations([&] { model.train_on_batch(x, y); });
  CHECK(count.news <= 10);  // a list of one loss each
  CHECK(count.system_calls == 0);
}

TEST_CASE("recurrent layers allocate nothing, and the result alone in training") {
  const Sequential model({Input({.shape = {6, 4}}),
                          layers::LSTM({.units = 8, .return_sequences = true}),
                          layers::GRU({.units = 8, .return_sequences = true}),
                          layers::SimpleRNN(8),
                          layers::Dense(1)});
  model.compile({.optimizer = optimizers::Adam(), .loss = "mse"});
  const Tensor x = random::uniform({32, 6, 4}, {.seed = 1});
  const Tensor y = random::uniform({32, 1}, {.seed = 2});
  check_allocates_result_alone(model, x, y);
}

TEST_CASE("cells that run in a scan allocate nothing, and the result alone in training") {
  const Sequential model(
      {Input({.shape = {6, 4}}),
       layers::Masking(),
       layers::RNN({.cell = std::vector<Layer>{layers::LSTMCell({.units = 8}),
                                               layers::GRUCell({.units = 8, .dropout = 0.1})}}),
       layers::Dense(1)});
  model.compile({.optimizer = optimizers::Adam(), .loss = "mse"});
  const Tensor x = random::uniform({32, 6, 4}, {.seed = 1});
  const Tensor y = random::uniform({32, 1}, {.seed = 2});
  check_allocates_result_alone(model, x, y);
}

TEST_CASE("attention allocates nothing, and the result alone in training") {
  const Symbol x = Input({.shape = {6, 8}});
  const Symbol attended =
      layers::MultiHeadAttention({.num_heads = 2, .key_dim = 4})(x, x, {.use_causal_mask = true});
  const Model model(x,
                    layers::Dense(1)(layers::LayerNormalization()(layers::Add()({x, attended}))));
  model.compile({.optimizer = optimizers::Adam(), .loss = "mse"});
  const Tensor at = random::uniform({8, 6, 8}, {.seed = 1});
  const Tensor y = random::uniform({8, 6, 1}, {.seed = 2});
  check_allocates_result_alone(model, at, y);
}

TEST_CASE("the steps of a session allocate nothing") {
  using layers::Conv1D;
  const Sequential model({Input({.shape = {None, 4}}),
                          Conv1D({.filters = 8, .kernel_size = 3, .padding = "causal"}),
                          Conv1D({.filters = 8, .kernel_size = 2, .dilation_rate = 4}),
                          layers::MaxPooling1D({.pool_size = 2}),
                          layers::LSTM({.units = 8, .return_sequences = true}),
                          layers::GRU(8),
                          layers::Dense(1)});
  for (const std::int64_t batch : {1, 3}) {
    CAPTURE(batch);
    Session session(model, batch);
    const Tensor step = random::uniform({batch, 4}, {.seed = 1});
    const Tensor block = random::uniform({batch, 8, 4}, {.seed = 2});
    for (int i = 0; i < 8; ++i) session.step(step);  // until all windows are full
    const Count steps = allocations([&] { session.step(step); });
    CHECK(steps.news == 0);
    CHECK(steps.system_calls == 0);
    const Count blocks = allocations([&] { session.step(block); });
    CHECK(blocks.news == 0);
    CHECK(blocks.system_calls == 0);
    const Count starts = allocations([&] { session.reset(); });
    CHECK(starts.news == 0);
  }
}
