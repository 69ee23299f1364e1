// What programs do with memory: replays allocate nothing, workspaces are in the arena, and memory
// that runs out changes nothing.
#include <doctest/doctest.h>

#include <thread>
#include <utility>

#include <nyala/autograd/function.hpp>
#include <nyala/core/ops/conv.hpp>

#include "autograd/run_program.hpp"
#include "autograd/small_training.hpp"
#include "counting_new.hpp"

using namespace nyala;
using testing::Training;

TEST_CASE("a replay allocates nothing") {
  std::int64_t batch = 0;
  SUBCASE("with products apart") { batch = 32; }
  SUBCASE("with products in passes") { batch = 700; }
  const Training training(batch);
  const auto step = function(training);
  for (int i = 0; i < 3; ++i) step(training.x, training.y);
  const std::uint64_t news = t_news;
  const std::uint64_t system_calls = memory_stats().system_calls;
  for (int i = 0; i < 10; ++i) step(training.x, training.y);
  CHECK(t_news == news);
  CHECK(memory_stats().system_calls == system_calls);
#ifdef NYALA_COUNTS_NEWS
  // The count counts. A plain call: a new-expression that is not needed may be left out.
  ::operator delete(::operator new(1));
  CHECK(t_news == news + 1);
#endif
}

namespace {

// A number for each element, in the range of the sample.
Tensor draw(const SampleInput& input, int seed) {
  const Tensor drawn =
      random::uniform(input.shape, {input.low, input.high, {}, random::Seed(seed)});
  const bool is_whole = !is_floating(input.dtype);
  return ops::cast(is_whole ? ops::round(drawn) : drawn,
                   input.dtype == float64 ? DType::float32 : input.dtype);
}

std::vector<Tensor> draw_all(const Sample& sample) {
  std::vector<Tensor> inputs;
  for (const SampleInput& input : sample.inputs)
    inputs.push_back(draw(input, static_cast<int>(inputs.size()) + 1));
  return inputs;
}

// The op on inputs that are transposed within the program, so that nobody makes them contiguous
// before.
graph::Program program_of(const AnyOp& op, const std::vector<Tensor>& inputs, bool transposed) {
  const auto body = [&](const std::vector<Tensor>& given) {
    std::vector<Tensor> at = given;
    for (Tensor& one : at) {
      if (transposed) one = ops::transpose(one);
    }
    const Tensors all = run_any(op, at);
    return std::vector<Tensor>(all.begin(), all.end());
  };
  std::vector<Spec> specs;
  for (const Tensor& input : inputs) specs.push_back(input.spec());
  return graph::Program(body, specs);
}

}  // namespace

TEST_CASE("a kernel that an op prepares allocates nothing, whatever the layout of its inputs") {
  int prepared = 0;
  for (const OpDef* def : all_ops()) {
    const std::string name(def->name);
    CAPTURE(name);
    // What does not run in a fused loop prepares a kernel.
    CHECK((def->prepare != nullptr || def->pointwise.kind != Pointwise::Kind::no));
    if (def->prepare == nullptr) continue;
    ++prepared;
    // Sorting takes a buffer, and LAPACK works on copies.
    [[maybe_unused]] const bool allocates =
        name == "argsort" || name == "solve" || name == "det" || name == "cholesky";
    for (const Sample& sample : samples_of(*def)) {
      for (const bool transposed : {false, true}) {
        std::vector<Tensor> inputs = draw_all(sample);
        const Tensors expected = run_any(sample.op, inputs);
        if (transposed)
          for (Tensor& input : inputs) input = ops::transpose(input).contiguous();
        const graph::Program program = program_of(sample.op, inputs, transposed);
        Tensors outputs;
        for (int i = 0; i < 2; ++i) {
          outputs.resize(0);
          program.run(inputs, outputs);
        }
        outputs.resize(0);
        [[maybe_unused]] const std::uint64_t news = t_news, calls = memory_stats().system_calls;
        program.run(inputs, outputs);
#ifdef NYALA_COUNTS_NEWS  // under a sanitizer no memory is kept for later
        const std::uint64_t more_news = t_news - news;
        CHECK((more_news == 0 || allocates));
        CHECK((memory_stats().system_calls == calls || allocates));
#endif
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          CHECK(ops::allclose(
              outputs[i], expected[i], {.rtol = 1e-5, .atol = 1e-5, .equal_nan = true}));
        }
      }
    }
  }
  CHECK(prepared > 40);
}

TEST_CASE("a workspace is in the arena, where others take its place") {
  const auto draw_normal = [](const Shape& shape, int seed) {
    return random::normal(shape, {.seed = random::Seed(seed)});
  };
  const Tensor x = draw_normal({4, 16, 9, 9}, 1), w = draw_normal({3, 3, 16, 16}, 2) * 0.08;
  const auto net = [&](int layers) {
    return function([&, layers](const Tensor& in, const Tensor& kernel) {
      Tensor y = ops::transpose(in, {0, 2, 3, 1});
      for (int i = 0; i < layers; ++i) {
        y = ops::conv(ops::transpose(y, {0, 2, 1, 3}), kernel, {.padding = "same"});
      }
      return y;
    });
  };
  const auto once = net(1), often = net(6);
  const Tensor by_itself = often(x, w);
  Tensor y = ops::transpose(x, {0, 2, 3, 1});
  for (int i = 0; i < 6; ++i)
    y = ops::conv(ops::transpose(y, {0, 2, 1, 3}), w, {.padding = "same"});
  CHECK(ops::allclose(by_itself, y, {.rtol = 1e-3, .atol = 1e-3}));
  // The copy of a transposed input at least; for six layers two results more, not six workspaces.
  const auto copy = static_cast<std::int64_t>(x.nbytes());
  CHECK(once.program(x, w).stats().arena_bytes >= copy);
  CHECK(often.program(x, w).stats().arena_bytes <=
        once.program(x, w).stats().arena_bytes + 2 * copy + 4096);
}

TEST_CASE("runs on several threads share kernels and no workspace") {
  const Tensor x = random::normal({2, 8, 8, 4}, {.seed = random::Seed(1)});
  const Tensor w = random::normal({3, 3, 4, 8}, {.seed = random::Seed(2)});
  const auto f = function([](const Tensor& in, const Tensor& kernel) {
    return ops::softmax(ops::conv(ops::transpose(in, {0, 2, 1, 3}), kernel));
  });
  const Tensor expected = f(x, w);
  std::vector<int> same(4, 0);
  std::vector<std::thread> threads;
  for (int& count : same) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) count += ops::array_equal(f(x, w), expected) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(same == std::vector<int>(4, 50));
}

#ifdef NYALA_COUNTS_NEWS

namespace {

// Calls `f` with each of its allocations failing in turn, until it succeeds; gives how often it
// failed. Anything but a LimitError leaves.
template <class F, class G>
int fail_each_allocation(F&& f, G&& after_failure) {
  for (int n = 0;; ++n) {
    t_news_left = n;
    try {
      f();
      t_news_left = -1;
      return n;
    } catch (const LimitError&) {
      t_news_left = -1;
      after_failure();
    } catch (...) {
      t_news_left = -1;
      throw;
    }
  }
}

}  // namespace

TEST_CASE("memory that runs out in a trace, a plan or a run is a LimitError that changes nothing") {
  const Training training(700), same(700);
  same(same.x, same.y);
  const std::vector<double> before = training.state();
  const auto unchanged = [&] { CHECK(training.state() == before); };
  {
    const auto step = function(training);
    CHECK(fail_each_allocation([&] { step(training.x, training.y); }, unchanged) > 100);
    CHECK(step.trace_count() == 1);
  }
  const std::vector<double> after = training.state(), want = same.state();
  for (std::size_t i = 0; i < want.size(); ++i)
    CHECK(after[i] == doctest::Approx(want[i]).epsilon(1e-4));

  // An instance of its own for a second run at the same time, and a variable whose value is held.
  const auto step = function(training);
  step(training.x, training.y);
  const std::vector<double> second = training.state();
  const Tensor held = training.w1;
  fail_each_allocation([&] { step(training.x, training.y); },
                       [&] { CHECK(training.state() == second); });
}

TEST_CASE("memory that runs out in a gradient is a LimitError, and a later one is right") {
  const Variable w(ops::array<float>({1, 2, 3}));
  const std::int64_t in_use = memory_stats().bytes_in_use;
  Tensor gradient;
  fail_each_allocation(
      [&] {
        GradientTape tape({.persistent = true});
        Tensor y;
        {
          const std::int64_t left =
              std::exchange(t_news_left, -1);  // the ops are not at stake here
          y = ops::sum(ops::square(w) * 2.0 + ops::exp(w));
          t_news_left = left;
        }
        gradient = tape.gradient(y, w);
      },
      [] {});
  const Tensor want = ops::cast(w, float32) * 4.0 + ops::exp(w);
  CHECK(ops::allclose(gradient, want, {.rtol = 1e-6}));
  gradient = Tensor();
  CHECK(memory_stats().bytes_in_use <= in_use + static_cast<std::int64_t>(want.nbytes()) + 64);
}

#endif
