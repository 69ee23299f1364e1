// Programs by signature: a bound, the least recently used dropped, and threads.
#include <doctest/doctest.h>

#include <atomic>
#include <sstream>
#include <thread>

#include <nyala/autograd/function.hpp>

using namespace nyala;

namespace {

Tensor rows(std::int64_t n) { return ops::ones({n, 2}); }

}  // namespace

TEST_CASE("a function keeps the programs used last") {
  const auto twice = function([](const Tensor& x) { return x * 2.0; });
  CHECK(twice.programs().capacity() == graph::ProgramCache::kDefaultCapacity);
  twice.programs().set_capacity(3);
  for (std::int64_t n : {1, 2, 3}) twice(rows(n));
  CHECK(twice.trace_count() == 3);
  twice(rows(1));
  twice(rows(4));  // in place of 2
  CHECK(twice.programs().size() == 3);
  for (std::int64_t n : {1, 3, 4}) twice(rows(n));
  CHECK(twice.trace_count() == 4);
  twice(rows(2));  // in place of one of the others
  CHECK(twice.trace_count() == 5);
  CHECK(twice.programs().size() == 3);
  twice.programs().set_capacity(1);
  CHECK(twice.programs().size() == 1);
  CHECK_THROWS_AS(twice.programs().set_capacity(0), ValueError);
  twice.programs().clear();
  CHECK(twice.programs().size() == 0);
  CHECK(ops::array_equal(twice(rows(2)), ops::full({2, 2}, 2.0)));
}

TEST_CASE("many signatures leave as many programs as the bound says") {
  const auto twice = function([](const Tensor& x) { return x * 2.0; });
  for (std::int64_t n = 1; n <= 600; ++n) CHECK(twice(rows(n)).shape() == Shape{n, 2});
  CHECK(twice.trace_count() == 600);
  CHECK(twice.programs().size() == graph::ProgramCache::kDefaultCapacity);
}

TEST_CASE("programs with large arenas leave when these take too much together") {
  // The product is read twice, so that it lies in the arena: 4 n bytes and more.
  const auto f = function([](const Tensor& x) {
    const Tensor y = ops::matmul(x, ops::transpose(x));
    return ops::sum(ops::sort(ops::reshape(y, {-1})) * ops::reshape(y, {-1}));
  });
  f.programs().set_memory_limit(std::int64_t{4} << 20);
  for (std::int64_t n = 300; n < 340; ++n) f(rows(n));  // 360 KB and more each
  CHECK(f.programs().size() >= graph::ProgramCache::kAlwaysKept - 1);
  CHECK(f.programs().size() <= 11);
  f.programs().set_memory_limit(0);
  CHECK(f.programs().size() < graph::ProgramCache::kAlwaysKept);
  CHECK_THROWS_AS(f.programs().set_memory_limit(-1), ValueError);
}

TEST_CASE("a program that was dropped lives while somebody holds it") {
  const auto twice = function([](const Tensor& x) { return x * 2.0; });
  twice.programs().set_capacity(1);
  const graph::Program program = twice.program(rows(3));
  twice(rows(4));
  std::ostringstream text;
  program.print(text);
  CHECK(text.str().find("multiply") != std::string::npos);
  Tensors outputs;
  program.run({rows(3)}, outputs);
  CHECK(ops::array_equal(outputs[0], ops::full({3, 2}, 2.0)));
}

TEST_CASE("kinds and variants are told apart") {
  graph::ProgramCache cache;
  const Tensor x = rows(2);
  const auto add = [&](std::uint64_t kind, std::vector<std::uint64_t> variant, double by) {
    return cache.add({.kind = kind, .variant = variant, .inputs = {x}},
                     [&](const std::vector<Tensor>& in) { return std::vector{in[0] * by}; });
  };
  add(0, {}, 1.5);
  add(1, {}, 2.0);
  add(1, {1}, 3.0);
  add(1, {1, 0}, 4.0);
  CHECK(cache.size() == 4);
  const auto value = [&](std::uint64_t kind, std::vector<std::uint64_t> variant) {
    const graph::Program program = cache.find({.kind = kind, .variant = variant, .inputs = {x}});
    if (!program.defined()) return -1.0f;
    Tensors outputs;
    program.run({x}, outputs);
    return outputs[0].to_vector<float>()[0];
  };
  CHECK(value(0, {}) == 1.5f);
  CHECK(value(1, {}) == 2.0f);
  CHECK(value(1, {1}) == 3.0f);
  CHECK(value(1, {1, 0}) == 4.0f);
  CHECK(value(2, {}) == -1.0f);
  CHECK(value(1, {0}) == -1.0f);
}

TEST_CASE("a function may ask for its own programs while it is traced") {
  std::function<Tensor(const Tensor&)> other;
  const auto outer = function([&](const Tensor& x) { return other(x) + 1.0; });
  const Tensor x = rows(2);
  other = [&](const Tensor& in) {
    if (in.shape()[0] == 2) outer.program(rows(3));
    return in * 2.0;
  };
  CHECK(ops::array_equal(outer(x), ops::full({2, 2}, 3.0)));
  CHECK(outer.trace_count() == 2);
}

TEST_CASE("programs are found, added and dropped by several threads") {
  const auto sums = function([](const Tensor& x) { return ops::sum(x * 3.0); });
  sums.programs().set_capacity(4);
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int id = 0; id < 4; ++id) {
    threads.emplace_back([&, id] {
      for (int i = 0; i < 200; ++i) {
        const std::int64_t n = 1 + (i * (id + 1)) % 7;
        if (sums(rows(n)).item<float>() != static_cast<float>(6 * n)) ++failures;
        if (id == 0 && i % 50 == 49) sums.programs().clear();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(sums.programs().size() <= 4);
}
