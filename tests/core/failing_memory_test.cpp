// Memory that runs out: each allocation of a call fails in turn, and then what is over a budget.
#include <doctest/doctest.h>

#include <cmath>
#include <exception>
#include <functional>
#include <random>

#include <nyala/core/op.hpp>
#include <nyala/core/ops.hpp>

#include "counting_new.hpp"

using namespace nyala;

namespace {

#if defined(NYALA_COUNTS_NEWS)

// Calls `f` with its first, second ... allocation failing, until none fails; `on_failure` sees what
// came instead. What was allocated meanwhile is gone again.
void sweep(const std::function<void()>& f, const std::function<void(std::exception_ptr)>& check) {
  f();  // what is kept between calls
  for (std::int64_t left = 0;; ++left) {
    const std::int64_t live = t_live;
    std::exception_ptr failure;
    t_news_left = left;
    try {
      f();
    } catch (...) {
      failure = std::current_exception();
    }
    const bool has_ended = t_news_left > 0 || (t_news_left == 0 && failure == nullptr);
    t_news_left = -1;
    if (failure != nullptr) check(failure);
    failure = nullptr;
    CHECK(t_live == live);
    if (has_ended) return;
    REQUIRE(left < 10000);
  }
}

void expect_limit_error(const std::exception_ptr& failure, std::string_view who) {
  try {
    std::rethrow_exception(failure);
  } catch (const LimitError&) {
  } catch (const std::exception& error) {
    FAIL_CHECK(who, ": ", error.what());
  }
}

std::vector<Tensor> inputs_of(const Sample& sample) {
  std::mt19937 random(5);
  std::vector<Tensor> inputs;
  for (const SampleInput& input : sample.inputs) {
    std::vector<double> values(static_cast<std::size_t>(input.shape.num_elements()));
    std::uniform_real_distribution<double> real(input.low, input.high);
    for (double& value : values)
      value = is_floating(input.dtype) ? real(random) : std::floor(real(random));
    inputs.push_back(ops::cast(Tensor::from(values, input.shape),
                               is_floating(input.dtype) ? DType::float32 : input.dtype));
  }
  return inputs;
}

TEST_CASE("an op whose memory fails is a LimitError, and leaves nothing behind") {
  for (const OpDef* def : all_ops()) {
    for (const Sample& sample : samples_of(*def)) {
      const std::vector<Tensor> inputs = inputs_of(sample);
      sweep([&] { run_any(sample.op, inputs); },
            [&](const std::exception_ptr& failure) { expect_limit_error(failure, def->name); });
    }
  }
}

TEST_CASE("copies of options survive memory that fails") {
  Config config = Config::dict();
  config["name"] = std::string(100, 'x');
  config["items"] = Config::List{1, 2.5, std::string(50, 'y'), Config::List{true, Config()}};
  config["inner"]["key"] = std::string(70, 'z');
  sweep(
      [&] {
        const Config copy = config;
        Config assigned = 3;
        assigned = copy;
        if (assigned.size() != 3) throw ValueError("not copied");
      },
      [](const std::exception_ptr&) {});
  for (const OpDef* def : all_ops()) {
    const Sample sample = samples_of(*def).front();
    sweep([&] { const AnyOp copy = sample.op; }, [](const std::exception_ptr&) {});
  }
}

#endif

class Budget {
 public:
  explicit Budget(std::int64_t more) : before_(memory_limit()) {
    set_memory_limit(memory_stats().bytes_in_use + more);
  }
  ~Budget() { set_memory_limit(before_); }
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

 private:
  std::int64_t before_;
};

}  // namespace

TEST_CASE("what is over the budget is refused before anything is allocated") {
  const Tensor x = ops::ones({4, 5});
  const Tensor large = ops::ones({1 << 18});
  const Budget budget(1 << 20);
  const std::int64_t huge = std::int64_t{1} << 40;
  const std::uint64_t before = memory_stats().system_calls;
  const std::vector<std::function<void()>> calls = {
      [&] { Tensor::empty({1 << 20}, float32); },
      [&] { ops::zeros({huge}); },
      [&] { ops::linspace(0, 1, huge); },
      [&] { ops::repeat(x, huge, 0); },
      [&] {
        ops::repeat(x, {huge, 1, 1, 1}, 0);
      },
      [&] { ops::tile(x, {huge}); },
      [&] { ops::split(ops::zeros({0}), huge); },
      [&] { ops::arange(huge); },
      [&] { ops::eye(1 << 20); },
      [&] { ops::one_hot(ops::zeros({3}, {.dtype = int32}), huge); },
      [&] {
        ops::pad(x, {{huge, 0}});
      },
      [&] { ops::diag(large); },
      [&] {
        ops::add(ops::reshape(large, {-1, 1}), large);
      },
  };
  for (std::size_t i = 0; i < calls.size(); ++i) {
    CAPTURE(i);
    CHECK_THROWS_AS(calls[i](), LimitError);
  }
  CHECK(memory_stats().system_calls - before < 200);  // only for small tensors on the way
  try {
    Tensor::empty({1 << 20}, float32);
  } catch (const LimitError& error) {
    CHECK(std::string(error.what()).find("4194304 bytes") != std::string::npos);
  }
  CHECK_NOTHROW(ops::ones({1 << 16}));
  CHECK_THROWS_AS(set_memory_limit(-1), ValueError);
}
