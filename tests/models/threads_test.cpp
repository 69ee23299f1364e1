// What may run on several threads at once: predict, calls of a model, traced functions, tapes. The
// tsan preset looks for races in it.
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <thread>

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
