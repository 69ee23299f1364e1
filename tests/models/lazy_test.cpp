// Optimizers that leave rows of a table which no sample looked up.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <sstream>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/graph/program.hpp>
#include <nyala/autograd/random.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/core/parallel.hpp>
#include <nyala/layers/layers.hpp>
#include <nyala/models/model.hpp>
#include <nyala/models/optimizers.hpp>

using namespace nyala;
using namespace nyala::optimizers;

namespace {

constexpr std::int64_t kRows = 12, kColumns = 5;

Tensor draw(const Shape& shape, int seed) {
  return random::normal(shape, {.seed = random::Seed(seed)});
}

std::vector<float> floats(const Tensor& tensor) { return tensor.to_vector<float>(); }
std::vector<float> row(const Tensor& table, std::int64_t number) {
  return floats(ops::take(table, ops::array<int>({static_cast<int>(number)}), {.axis = 0}));
}

Tensor loss_of(const Variable& table, const Tensor& ids, const Tensor& targets) {
  return ops::sum(ops::square(ops::take(table, ids, {.axis = 0}) - targets));
}

// A step of an embedding that learns targets.
void learn(const Optimizer& optimizer,
           const Variable& table,
           const Tensor& ids,
           const Tensor& targets) {
  GradientTape tape;
  const Tensor loss = loss_of(table, ids, targets);
  optimizer->apply_indexed(tape.indexed_gradients(loss, {table}), {table});
}

// The same by the gradient of the whole table.
void learn_whole(const Optimizer& optimizer,
                 const Variable& table,
                 const Tensor& ids,
                 const Tensor& targets) {
  GradientTape tape;
  const Tensor loss = loss_of(table, ids, targets);
  optimizer->apply({tape.gradient(loss, table)}, {table});
}

struct Case {
  const char* name;
  std::function<Optimizer(bool lazy)> make;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"SGD", [](bool lazy) { return SGD({.learning_rate = 0.1, .lazy = lazy}); }},
      {"SGD with momentum",
       [](bool lazy) {
         return SGD({.learning_rate = 0.1, .momentum = 0.9, .nesterov = true, .lazy = lazy});
       }},
      {"SGD with decay",
       [](bool lazy) { return SGD({.learning_rate = 0.1, .weight_decay = 0.2, .lazy = lazy}); }},
      {"RMSprop",
       [](bool lazy) {
         return RMSprop({.learning_rate = 0.1, .momentum = 0.5, .centered = true, .lazy = lazy});
       }},
      {"Adagrad", [](bool lazy) { return Adagrad({.learning_rate = 0.1, .lazy = lazy}); }},
      {"Adadelta", [](bool lazy) { return Adadelta({.learning_rate = 1, .lazy = lazy}); }},
      {"Adam", [](bool lazy) { return Adam({.learning_rate = 0.1, .lazy = lazy}); }},
      {"Adam, amsgrad",
       [](bool lazy) { return Adam({.learning_rate = 0.1, .amsgrad = true, .lazy = lazy}); }},
      {"Adam, clipnorm",
       [](bool lazy) { return Adam({.learning_rate = 0.1, .clipnorm = 1, .lazy = lazy}); }},
      {"Adam, clipvalue",
       [](bool lazy) { return Adam({.learning_rate = 0.1, .clipvalue = 1, .lazy = lazy}); }},
      {"Adam, global_clipnorm",
       [](bool lazy) { return Adam({.learning_rate = 0.1, .global_clipnorm = 1, .lazy = lazy}); }},
      {"Adam, scaled",
       [](bool lazy) {
         return Adam({.learning_rate = 0.1, .loss_scale_factor = 2, .lazy = lazy});
       }},
      {"AdamW",
       [](bool lazy) { return AdamW({.learning_rate = 0.1, .weight_decay = 0.1, .lazy = lazy}); }},
      {"Adamax", [](bool lazy) { return Adamax({.learning_rate = 0.1, .lazy = lazy}); }},
      {"Nadam", [](bool lazy) { return Nadam({.learning_rate = 0.1, .lazy = lazy}); }},
      {"Lamb", [](bool lazy) { return Lamb({.learning_rate = 0.1, .lazy = lazy}); }},
      {"Lion", [](bool lazy) { return Lion({.learning_rate = 0.1, .lazy = lazy}); }},
      {"Ftrl", [](bool lazy) { return Ftrl({.learning_rate = 0.1, .lazy = lazy}); }}};
  return all;
}

// A sum of a norm's squares in another order rounds otherwise.
void check_close(const Tensor& got, const Tensor& wanted) {
  REQUIRE(got.shape() == wanted.shape());
  const std::vector<float> a = floats(got), b = floats(wanted);
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-5));
}

}  // namespace

TEST_CASE("lazy training of some rows is training of a table that has no others") {
  const Tensor start = draw({kRows, kColumns}, 1), targets = draw({6, kColumns}, 2);
  const Tensor used = ops::array<int>({0, 3, 7}), idle = ops::array<int>({1, 2, 4, 5, 6, 8});
  const Tensor ids = ops::array<int>({3, 7, 3, 0, -5, 3});
  const Tensor places = ops::array<int>({1, 2, 1, 0, 2, 1});
  const auto rows_of = [](const Tensor& table, const Tensor& rows) {
    return ops::take(table, rows, {.axis = 0});
  };
  for (const bool compiled : {false, true}) {
    CAPTURE(compiled);
    for (const Case& test : cases()) {
      CAPTURE(test.name);
      const Variable big(start), small(rows_of(start, used));
      const Optimizer lazy = test.make(true), dense = test.make(false);
      lazy->build({big});
      std::vector<Tensor> before;
      for (const Variable& variable : lazy->variables()) before.push_back(variable);
      const auto step = [&](const Tensor& x, const Tensor& y) { learn(lazy, big, x, y); };
      const auto program = function(step);
      for (int i = 0; i < 4; ++i) {
        compiled ? program(ids, targets) : step(ids, targets);
        learn_whole(dense, small, places, targets);
      }
      check_close(rows_of(big, used), small);
      CHECK(floats(rows_of(big, idle)) == floats(rows_of(start, idle)));
      const std::vector<Variable> slots = lazy->variables(), wanted = dense->variables();
      for (std::size_t i = 0; i < slots.size(); ++i) {
        if (slots[i].shape() != big.shape()) continue;
        check_close(rows_of(slots[i], used), wanted[i]);
        CHECK(floats(rows_of(slots[i], idle)) == floats(rows_of(before[i], idle)));
      }
    }
  }
}

TEST_CASE("lazy training that looks all rows up is dense training") {
  const Tensor start = draw({3, kColumns}, 1), targets = draw({7, kColumns}, 2);
  const Tensor ids = ops::array<int>({2, 0, 1, 1, 2, 2, 0});
  for (const Case& test : cases()) {
    CAPTURE(test.name);
    const Variable a(start), b(start);
    const Optimizer lazy = test.make(true), dense = test.make(false);
    for (int i = 0; i < 3; ++i) {
      learn(lazy, a, ids, targets);
      learn_whole(dense, b, ids, targets);
    }
    check_close(a, b);
  }
}

TEST_CASE("lazy Adam is its formula on each row that is looked up") {
  const double rate = 0.05, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-7;
  const Variable table(draw({kRows, kColumns}, 1));
  const Optimizer adam = Adam({.learning_rate = rate, .lazy = true});
  const void* const memory = table.value().data();
  std::vector<float> w = floats(table), m(w.size()), v(w.size());
  const std::vector<std::vector<int>> batches = {{1, 4, 1, 9}, {4, 4, 4, 2}, {0, 9, 1, 0}};
  for (std::size_t t = 0; t < batches.size(); ++t) {
    const std::vector<int>& ids = batches[t];
    const Tensor targets = draw({4, kColumns}, static_cast<int>(t) + 5);
    learn(adam, table, Tensor::from(ids), targets);
    const std::vector<float> y = floats(targets);
    const double step = static_cast<double>(t) + 1;
    const double alpha =
        rate * std::sqrt(1 - std::pow(beta_2, step)) / (1 - std::pow(beta_1, step));
    for (int id = 0; id < kRows; ++id) {
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) continue;
      for (std::size_t k = 0; k < kColumns; ++k) {
        const std::size_t at = static_cast<std::size_t>(id) * kColumns + k;
        double g = 0;
        for (std::size_t i = 0; i < ids.size(); ++i) {
          if (ids[i] == id) g += 2 * (w[at] - y[i * kColumns + k]);
        }
        m[at] = static_cast<float>(beta_1 * m[at] + (1 - beta_1) * g);
        v[at] = static_cast<float>(beta_2 * v[at] + (1 - beta_2) * g * g);
        w[at] = static_cast<float>(w[at] - alpha * m[at] / (std::sqrt(v[at]) + epsilon));
      }
    }
    check_close(table, Tensor::from(w, table.shape()));
  }
  CHECK(table.value().data() == memory);  // no copy is made where nobody else holds the value
}

TEST_CASE("SGD and Adagrad keep to rows by themselves, with the same bits") {
  const Tensor start = draw({kRows, kColumns}, 1), targets = draw({4, kColumns}, 2);
  const Tensor ids = ops::array<int>({3, 8, 1, 5});
  for (const Optimizer& optimizer :
       {Optimizer(SGD({.learning_rate = 0.1})), Optimizer(Adagrad({.learning_rate = 0.1}))}) {
    const Optimizer other(OptimizerBase::registry().from_config(serialize_object(optimizer.get())));
    const Variable a(start), b(start);
    for (int i = 0; i < 3; ++i) {
      learn(optimizer, a, ids, targets);
      learn_whole(other, b, ids, targets);
    }
    CHECK(floats(a) == floats(b));
  }
}

// Two steps of Keras 3.15 on TensorFlow with tf.IndexedSlices: squares and norms are those of each
// row that was gathered, what a clipped norm leaves is whole.
TEST_CASE("rows gathered more than once count as in Keras on TensorFlow") {
  struct Row {
    Optimizer optimizer;
    std::vector<float> table;  // the second and third row
  };
  const Row rows[] = {
      {Adam({.learning_rate = 0.1}), {0.75142473f, 1.0878847f, 0.8034838f, 0.8034837f}},
      {RMSprop({.learning_rate = 0.1}), {0.23859718f, 1.2691966f, 0.39805806f, 0.39805806f}},
      {Adagrad({.learning_rate = 0.1}), {0.77118677f, 1.0827169f, 0.81417847f, 0.8131029f}},
      {Adamax({.learning_rate = 0.1}), {0.82368428f, 1.0587718f, 0.82368428f, 0.82368428f}},
      {Nadam({.learning_rate = 0.1}), {0.74588901f, 1.0898418f, 0.79910761f, 0.79910755f}},
      {Ftrl({.learning_rate = 0.1}), {0.3997961f, 0.8105514f, 0.56892264f, 0.60681868f}},
      {Lamb({.learning_rate = 0.1}), {0.69094211f, 1.1092684f, 0.75566822f, 0.75566822f}},
      {Adam({.learning_rate = 0.1, .clipvalue = 0.5}),
       {0.72753394f, 1.0f, 0.80000275f, 0.80000275f}},
      {SGD({.learning_rate = 0.1, .clipvalue = 0.5}), {0.825f, 1.0f, 0.9f, 0.9f}},
      {SGD({.learning_rate = 0.1, .clipnorm = 1.0}),
       {0.91613722f, 1.0419314f, 0.89517152f, 0.87420583f}},
      {Adam({.learning_rate = 0.1, .global_clipnorm = 1.0}),
       {0.80000293f, 1.1999958f, 0.80000269f, 0.80000252f}},
      {Adam({.learning_rate = 0.1, .gradient_accumulation_steps = 2}),
       {0.90000087f, 1.099999f, 0.90000081f, 0.90000081f}},
  };
  const Tensor values = Tensor::from(std::vector<float>{1, 2, 3, -4, 5, 6}, {3, 2}) / 4;
  const Tensor ids = Tensor::from(std::vector<std::int64_t>{1, 1, 2});
  for (const Row& row : rows) {
    CAPTURE(serialize_object(row.optimizer.get()).str());
    const Variable table(ops::ones({3, 2}));
    row.optimizer->apply_indexed({{values, ids, {3, 2}}}, {table});
    row.optimizer->apply_indexed({{values * 2, ids, {3, 2}}}, {table});
    const Tensor changed = ops::slice(table, {{1, 3}});
    // To rounding of float32 in another order.
    CHECK(ops::allclose(changed, Tensor::from(row.table, {2, 2}), {.rtol = 2e-6, .atol = 2e-6}));
  }
}

namespace {

Model towers(const Optimizer& optimizer, const char* regularizer = nullptr, bool eagerly = false) {
  const Symbol user = Input({.shape = {1}, .dtype = "int32"});
  const Symbol item = Input({.shape = {3}, .dtype = "int32"});
  layers::EmbeddingArgs args{.input_dim = 1000, .output_dim = 8};
  if (regularizer != nullptr) args.embeddings_regularizer = regularizer;
  args.embeddings_initializer = initializers::RandomUniform({.seed = 3});
  args.name = "table";
  const layers::Embedding table(args);  // looked up by both
  const Symbol matches = layers::Dot({.axes = 2})({table(user), table(item)});
  const layers::Dense sum({.units = 1, .kernel_initializer = "ones"});
  const Model model({user, item}, sum(layers::Flatten()(matches)));
  model.compile({.optimizer = optimizer, .loss = "mse", .run_eagerly = eagerly});
  return model;
}

Tensor ids(const Shape& shape, int seed) {
  // The same few rows over and over: of 40 in 1000.
  return ops::cast(random::uniform(shape, {.minval = 0, .maxval = 40, .seed = random::Seed(seed)}),
                   DType::int32) *
         25;
}

}  // namespace

TEST_CASE("fit with a lazy optimizer") {
  const Data x{ids({64, 1}, 1), ids({64, 3}, 2)};
  const Tensor y = draw({64, 1}, 3);
  const FitArgs args{.batch_size = 16, .epochs = 2, .verbose = 0, .shuffle = false};
  const auto adam = [] { return Adam({.learning_rate = 0.01, .lazy = true}); };
  const int threads = num_threads();
  std::vector<std::vector<float>> tables;
  for (const int count : {1, 2, 1}) {
    set_num_threads(count);
    const Model model = towers(adam());
    const Tensor before = model.trainable_variables()[0].value();
    model.fit(x, y, args);
    const Tensor after = model.trainable_variables()[0];
    tables.push_back(floats(after));
    for (const std::int64_t idle : {1, 24, 999}) CHECK(row(after, idle) == row(before, idle));
    CHECK(row(after, x.tensors()[0].to_vector<int>()[0]) !=
          row(before, x.tensors()[0].to_vector<int>()[0]));
  }
  set_num_threads(threads);
  CHECK(tables[0] == tables[1]);  // any number of threads, any run: the same bits
  CHECK(tables[0] == tables[2]);

  const Model eager = towers(adam(), nullptr, true);
  eager.fit(x, y, args);
  check_close(eager.trainable_variables()[0], Tensor::from(tables[0], {1000, 8}));
}

TEST_CASE("a lazy step makes nothing of the table's size") {
  const Model model = towers(Adam({.lazy = true}));
  const graph::Program& program =
      model.train_program({ids({16, 1}, 1), ids({16, 3}, 2)}, draw({16, 1}, 3));
  CHECK(program.stats().arena_bytes < 1000 * 8 * 4);
  std::ostringstream text;
  program.print(text);
  for (const char* slot : {"table/embeddings = ", "momentum = ", "velocity = "}) {
    const std::size_t at = text.str().find(slot);
    REQUIRE(at != std::string::npos);
    CHECK(text.str().substr(at, text.str().find('\n', at) - at).find("in place") !=
          std::string::npos);
  }
}

TEST_CASE("values taken before a lazy step stay what they were") {
  const Model model = towers(Adam({.lazy = true}));
  const Data x{ids({16, 1}, 1), ids({16, 3}, 2)};
  const Tensor y = draw({16, 1}, 3);
  model.train_on_batch(x, y);
  const Tensor kept = model.trainable_variables()[0];
  const std::vector<float> before = floats(kept);
  model.train_on_batch(x, y);
  CHECK(floats(kept) == before);
  CHECK(floats(model.trainable_variables()[0]) != before);
}

TEST_CASE("a table that is regularized is updated as a whole") {
  const Model model = towers(Adam({.lazy = true}), "l2");
  const Tensor before = model.trainable_variables()[0].value();
  model.train_on_batch({ids({16, 1}, 1), ids({16, 3}, 2)}, draw({16, 1}, 3));
  CHECK(row(model.trainable_variables()[0], 1) != row(before, 1));
}

TEST_CASE("averages of weights and constraints go over a whole table") {
  const Tensor start = draw({kRows, kColumns}, 1), targets = draw({2, kColumns}, 2);
  const Tensor used = ops::array<int>({3, 8});
  const Variable table(start);
  table.set_constraint([](const Tensor& w) { return ops::maximum(w, 0.0); });
  const Optimizer adam =
      Adam({.learning_rate = 0.1, .use_ema = true, .ema_momentum = 0.5, .lazy = true});
  learn(adam, table, used, targets);
  CHECK(floats(ops::min(table)) == std::vector<float>{0});
  CHECK(row(table, 1) == row(ops::maximum(start, 0.0), 1));
  adam->finalize_variable_values({table});
  CHECK(row(table, 1) == row(start, 1));  // the first average, taken before the constraint
}

TEST_CASE("lazy is written where it is set, and does not go with gathered gradients") {
  CHECK(Adam()->get_config().find("lazy") == nullptr);
  const Optimizer adam = Adam({.lazy = true});
  const Config config = adam->get_config();
  REQUIRE(config.find("lazy") != nullptr);
  CHECK(config.find("lazy")->as_bool());
  const Config all = serialize_object(adam.get());
  CHECK(OptimizerBase::registry().from_config(all)->get_config() == config);
  CHECK_THROWS_AS(Adam({.gradient_accumulation_steps = 2, .lazy = true}), ValueError);
}

TEST_CASE("gradients of rows are checked as whole ones are") {
  const Variable table(draw({kRows, kColumns}, 1));
  const Optimizer sgd = SGD({.lazy = true});
  const IndexedSlices fits{
      ops::ones({1, kColumns}), ops::cast(ops::array<int>({3}), DType::int64), table.shape()};
  IndexedSlices wrong = fits;
  wrong.dense_shape = {kRows + 1, kColumns};
  CHECK_THROWS_AS(sgd->apply_indexed({wrong}, {table}), ShapeError);
  wrong = fits;
  wrong.indices = ops::cast(ops::array<int>({kRows}), DType::int64);
  CHECK_THROWS_AS(sgd->apply_indexed({wrong}, {table}), IndexError);
  CHECK_THROWS_AS(sgd->apply_indexed({fits, fits}, {table}), ValueError);
  CHECK(floats(table) == floats(draw({kRows, kColumns}, 1)));
}
