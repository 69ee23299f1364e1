// What may run on several threads at once: predict, calls of a model, traced functions, tapes. The
// tsan preset looks for races in it.
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <nyala/nyala.hpp>

using namespace nyala;

namespace {

// Runs `work` on several threads; how often it gave false.
int failures_on_threads(const std::function<bool(int)>& work) {
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int id = 0; id < 4; ++id) {
    threads.emplace_back([&, id] {
      for (int round = 0; round < 6; ++round) {
        try {
          if (!work(id + round)) ++failures;
        } catch (const std::exception&) {
          ++failures;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return failures;
}

}  // namespace

TEST_CASE("one model serves several threads") {
  const Symbol a = Input({.shape = {6}, .name = "a"});
  const Symbol b = Input({.shape = {6}, .name = "b"});
  const layers::Dense tower({.units = 5, .activation = "tanh", .name = "tower"});
  const Model model({a, b}, layers::Dot({.axes = 1, .normalize = true})({tower(a), tower(b)}));
  const std::vector<Tensor> data = {random::normal({24, 6}, {.seed = 1}),
                                    random::normal({24, 6}, {.seed = 2})};
  const Tensor want = model(data);

  CHECK(failures_on_threads([&](int n) {
          // Batches of several sizes: each thread may be the one that traces.
          const Tensor got = model.predict(data, {.batch_size = 5 + n % 4, .verbose = 0});
          return ops::allclose(got, want, {.atol = 1e-6}) && ops::array_equal(model(data), want);
        }) == 0);
}

TEST_CASE("one function serves several threads") {
  const Variable w(random::normal({6, 3}, {.seed = 3}), {.name = "w"});
  const auto loss = [&](const Tensor& x) {
    return ops::sum(ops::square(ops::tanh(ops::matmul(x, w))));
  };
  const auto traced = function(loss);
  const auto slope = function([&](const Tensor& x) {
    GradientTape tape;
    return tape.gradient(loss(x), w);
  });
  CHECK(failures_on_threads([&](int n) {
          const Tensor x = random::normal({2 + n % 3, 6}, {.seed = n});
          Tensor value, gradient;
          {
            GradientTape tape;
            value = loss(x);
            gradient = tape.gradient(value, w);
          }
          return ops::allclose(traced(x), value, {.rtol = 1e-5}) &&
                 ops::allclose(slope(x), gradient, {.rtol = 1e-4, .atol = 1e-6});
        }) == 0);
}

TEST_CASE("threads may make and train models of their own") {
  const Tensor x = random::normal({64, 300}, {.seed = 4});
  const Tensor y = ops::cast(ops::greater(ops::sum(x, {.axis = 1}), 0.0), "float32");
  CHECK(failures_on_threads([&](int n) {
          Sequential model({Input({.shape = {300}}),
                            layers::Dense({.units = 300, .activation = "relu"}),
                            layers::BatchNormalization(),
                            layers::Dropout({.rate = 0.1}),
                            layers::Dense({.units = 1, .activation = "sigmoid"})});
          model.compile({.optimizer = n % 2 == 0 ? "adam" : "sgd",
                         .loss = "binary_crossentropy",
                         .metrics = {"accuracy"}});
          const auto history = model.fit(x, y, {.batch_size = 32, .epochs = 2, .verbose = 0});
          return history.history().at("loss").size() == 2 && model.predict(x).size() == 64;
        }) == 0);
}

TEST_CASE("a layer that adds losses serves several threads") {
  const layers::Dense dense({.units = 5, .activity_regularizer = "l2"});
  const Tensor x = random::normal({8, 6}, {.seed = 5});
  const Tensor want = dense(x);
  CHECK(failures_on_threads([&](int) { return ops::array_equal(dense(x), want); }) == 0);
  dense(x);
  CHECK(dense->losses().size() == 1);
}

TEST_CASE("what one thread makes another may drop") {
  std::mutex mutex;
  std::vector<Tensor> shared;
  CHECK(failures_on_threads([&](int n) {
          Tensor own = ops::full({500}, n);
          Tensor other;
          {
            const std::lock_guard lock(mutex);
            shared.push_back(own);
            shared.push_back(own[0]);
            other = shared[shared.size() / 2];
            if (shared.size() > 6) shared.erase(shared.begin(), shared.begin() + 3);
          }
          return ops::sum(own).item<float>() == 500.0F * static_cast<float>(n) && other.defined();
        }) == 0);
}

TEST_CASE("threads draw different numbers without a seed") {
  std::mutex mutex;
  std::set<float> drawn;
  CHECK(failures_on_threads([&](int) {
          const float value = random::uniform({}).item<float>();
          const std::int64_t seed = random::make_default_seed();
          const std::lock_guard lock(mutex);
          drawn.insert(value);
          return seed != 0;
        }) == 0);
  CHECK(drawn.size() > 20);  // of 24, for two may be equal by chance
}

TEST_CASE("a model that is not built yet is built by whoever comes first") {
  const Tensor x = random::normal({8, 6}, {.seed = 6});
  for (int round = 0; round < 5; ++round) {
    const Sequential model({layers::Dense({.units = 5, .activation = "tanh"}),
                            layers::BatchNormalization(),
                            layers::Dense({.units = 1})});
    std::mutex mutex;
    std::vector<Tensor> results;
    CHECK(failures_on_threads([&](int) {
            const Tensor y = model.predict(x, {.verbose = 0});
            const std::lock_guard lock(mutex);
            results.push_back(y);
            return ops::array_equal(y, results[0]);
          }) == 0);
    CHECK(model.weights().size() == 8);
  }
}

TEST_CASE("every call builds a model that is not built yet") {
  const Tensor x = ops::ones({4, 3});
  const Tensor y = ops::ones({4, 1});
  const std::function<void(const Sequential&)> calls[] = {
      [&](const Sequential& m) { m.predict(x, {.verbose = 0}); },
      [&](const Sequential& m) { m.predict_on_batch(x); },
      [&](const Sequential& m) { m.predict_program(x); },
      [&](const Sequential& m) { m.fit(x, y, {.verbose = 0}); },
      [&](const Sequential& m) { m.evaluate(x, y, {.verbose = 0}); },
      [&](const Sequential& m) { m.train_on_batch(x, y); },
      [&](const Sequential& m) { m.test_on_batch(x, y); },
      [&](const Sequential& m) { m.train_program(x, y); }};
  for (const auto& call : calls) {
    const Sequential inner({layers::Dense({.units = 2})});
    const Sequential model({inner, layers::Dense({.units = 1})});
    model.compile({.optimizer = "sgd", .loss = "mse"});
    call(model);
    CHECK(model.weights().size() == 4);
    call(model);
  }
}

TEST_CASE("using a model while another thread trains it is refused") {
  const Tensor x = ops::ones({4, 3});
  const Tensor y = ops::ones({4, 1});
  const Sequential model({Input({.shape = {3}}), layers::Dense({.units = 1})});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  int refused = 0;
  bool served_itself = false;
  const auto elsewhere = [&] {
    const auto refuses = [&](const auto& call) {
      try {
        call();
      } catch (const StateError&) {
        ++refused;
      }
    };
    std::thread([&] {
      refuses([&] { model.predict(x, {.verbose = 0}); });
      refuses([&] { model.predict_on_batch(x); });
      refuses([&] { model.fit(x, y, {.verbose = 0}); });
      refuses([&] { model.evaluate(x, y, {.verbose = 0}); });
      refuses([&] { model.train_on_batch(x, y); });
    }).join();
  };
  model.fit(
      x, y, {.verbose = 0, .callbacks = {callbacks::LambdaCallback({.on_epoch_begin = [&](int) {
                             elsewhere();
                             served_itself = model.predict(x, {.verbose = 0}).size() == 4;
                           }})}});
  CHECK(refused == 5);
  CHECK(served_itself);
  // Afterwards, and after a fit that threw, it serves again.
  CHECK_THROWS_AS(model.fit(x, ops::ones({4, 7, 5}), {.verbose = 0}), const Error&);
  refused = 0;
  elsewhere();
  CHECK(refused == 0);
}

TEST_CASE("training gives the same bits on any number of threads") {
  const Tensor x = random::normal({96, 64}, {.seed = 7});
  const Tensor y = ops::cast(ops::greater(ops::sum(x, {.axis = 1}), 0.0), "float32");
  const int threads_before = num_threads();
  const auto train = [&](int threads) {
    set_num_threads(threads);
    set_random_seed(8);
    const Sequential model({Input({.shape = {64}}),
                            layers::Dense({.units = 256, .activation = "relu"}),
                            layers::BatchNormalization(),
                            layers::Dropout({.rate = 0.2}),
                            layers::Dense({.units = 256, .activation = "tanh"}),
                            layers::Dense({.units = 1, .activation = "sigmoid"})});
    model.compile({.optimizer = "adam", .loss = "binary_crossentropy", .metrics = {"auc"}});
    model.fit(x, y, {.batch_size = 32, .epochs = 3, .verbose = 0});
    std::vector<Tensor> all = model.get_weights();
    all.push_back(model.predict(x, {.verbose = 0}));
    return all;
  };
  const std::vector<Tensor> want = train(1);
  for (const int threads : {2, 3, 8, 16}) {
    const std::vector<Tensor> got = train(threads);
    REQUIRE(got.size() == want.size());
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(ops::array_equal(got[i], want[i]));
  }
  set_num_threads(threads_before);
}
