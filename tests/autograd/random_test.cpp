#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/random.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/core/ops/random.hpp>

using namespace nyala;

TEST_CASE("set_random_seed repeats what follows, and draws differ from each other") {
  const auto draws = [] {
    set_random_seed(7);
    return std::vector<Tensor>{random::uniform({50}),
                               random::uniform({50}),
                               random::normal({50}),
                               random::uniform({50}, {.seed = random::SeedGenerator()}),
                               random::uniform({50}, {.seed = random::SeedGenerator()})};
  };
  const auto first = draws();
  const auto second = draws();
  for (std::size_t i = 0; i < first.size(); ++i) {
    CHECK(ops::array_equal(first[i], second[i]));
    for (std::size_t j = 0; j < i; ++j) CHECK(!ops::array_equal(first[i], first[j]));
  }
  set_random_seed(8);
  CHECK(!ops::array_equal(random::uniform({50}), first[0]));
}

TEST_CASE("a number as seed repeats; a generator of that seed starts there and moves on") {
  const Tensor a = random::normal({4, 5}, {.seed = 3});
  CHECK(ops::array_equal(a, random::normal({4, 5}, {.seed = 3})));
  const random::SeedGenerator generator(3);
  CHECK(ops::array_equal(a, random::normal({4, 5}, {.seed = generator})));
  CHECK(!ops::array_equal(a, random::normal({4, 5}, {.seed = generator})));
  CHECK(generator.state().value().to_vector<std::int64_t>() == std::vector<std::int64_t>{3, 2});
  generator.reset(3);
  CHECK(ops::array_equal(a, random::normal({4, 5}, {.seed = generator})));
}

TEST_CASE("calls do not share numbers, however many came before") {
  const auto state = [](std::int64_t call) {
    return Tensor::from(std::vector<std::int64_t>{5, call});
  };
  std::vector<Tensor> seen;
  for (std::int64_t call : {0LL, 1LL, (1LL << 24) - 1, 1LL << 24, 1LL << 25, 1LL << 40}) {
    const Tensor now = ops::random_integers(state(call), {4}, 0, 1LL << 62, int64);
    for (const Tensor& other : seen) CHECK(!ops::any(ops::equal(now, other)).item<bool>());
    seen.push_back(now);
  }
}

TEST_CASE("a traced function draws what the plain one draws, new numbers each time") {
  const auto body = [](const Tensor& x) { return x + random::normal({3}); };
  const auto traced = function(body);
  const Tensor x = ops::zeros({3});
  set_random_seed(11);
  const Tensor a = body(x), b = body(x), c = body(x);
  set_random_seed(11);
  CHECK(ops::array_equal(traced(x), a));
  CHECK(ops::array_equal(traced(x), b));
  set_random_seed(11);
  CHECK(ops::array_equal(traced(x), a));
  CHECK(ops::array_equal(body(x), b));
  CHECK(ops::array_equal(traced(x), c));
  CHECK(traced.trace_count() == 1);
}

TEST_CASE("limits and moments") {
  const Tensor u = random::uniform({20'000}, {.minval = -2, .maxval = 3, .seed = 1});
  CHECK(ops::min(u).item<float>() >= -2);
  CHECK(ops::max(u).item<float>() < 3);
  // Five standard errors of the mean: 5 * 1.44 / sqrt(20000).
  CHECK(std::abs(ops::mean(u).item<double>() - 0.5) < 0.051);
  const Tensor n = random::normal({20'000}, {.mean = 4, .stddev = 2, .dtype = float64, .seed = 2});
  CHECK(n.dtype() == float64);
  CHECK(std::abs(ops::mean(n).item<double>() - 4) < 0.071);
  const Tensor t = random::truncated_normal({20'000}, {.mean = 4, .stddev = 2, .seed = 2});
  CHECK(ops::min(t).item<double>() >= 0);
  CHECK(ops::max(t).item<double>() <= 8);
  const Tensor i = random::randint({1000}, -3, 4, {.dtype = int64, .seed = 3});
  CHECK(i.dtype() == int64);
  CHECK(ops::min(i).item<int>() == -3);
  CHECK(ops::max(i).item<int>() == 3);
  CHECK(random::randint({2, 3}, 0, 5).dtype() == int32);
  const Tensor b = random::bernoulli({10'000}, 0.3, {.seed = 4});
  CHECK(std::abs(ops::mean(b).item<double>() - 0.3) < 0.023);
  auto order = random::permutation(100, {.seed = 5}).to_vector<std::int64_t>();
  CHECK(!std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  std::vector<std::int64_t> all(100);
  std::iota(all.begin(), all.end(), 0);
  CHECK(order == all);
}

TEST_CASE("shuffle moves rows whole; categorical follows the probabilities") {
  const Tensor x = ops::reshape(ops::arange(60), {20, 3});
  const Tensor y = random::shuffle(x, {.seed = 1});
  CHECK(!ops::array_equal(x, y));
  const Tensor firsts = ops::sort(ops::slice_axis(y, 1, 0, 1), {.axis = 0});
  CHECK(ops::array_equal(firsts, ops::slice_axis(x, 1, 0, 1)));
  CHECK(ops::array_equal(ops::slice_axis(y, 1, 1, 2), ops::slice_axis(y, 1, 0, 1) + 1));
  const Tensor logits = ops::log(ops::array<float>({{0.2, 0.8, 0}, {0.5, 0.25, 0.25}}));
  const Tensor drawn = random::categorical(logits, 10'000, {.seed = 2});
  CHECK(drawn.shape() == Shape{2, 10'000});
  CHECK(drawn.dtype() == int32);
  const Tensor share = ops::mean(ops::cast(ops::equal(drawn, 1), float32), {.axis = 1});
  // Five standard errors: 5 * 0.5 / sqrt(10000).
  CHECK(ops::allclose(share, ops::array<float>({0.8, 0.25}), {.atol = 0.025}));
  CHECK(ops::max(drawn[0]).item<int>() == 1);
  CHECK_THROWS_AS(random::categorical(logits[0], 3), ValueError);
  CHECK_THROWS_AS(random::shuffle(x, {.axis = 2}), IndexError);
}

TEST_CASE("dropout keeps what it says, scaled, and its gradient follows the same choice") {
  const Tensor x = ops::ones({100, 200});
  for (const double rate : {0.0, 0.3, 0.9, 1.0}) {
    const Tensor y = random::dropout(x, rate, {.seed = 9});
    const double kept = ops::mean(ops::cast(ops::not_equal(y, 0), float32)).item<double>();
    CHECK(kept == doctest::Approx(1 - rate).epsilon(0.02));
    if (rate < 1) CHECK(ops::max(y).item<double>() == doctest::Approx(1 / (1 - rate)));
  }
  GradientTape tape;
  tape.watch(x);
  const Tensor y = random::dropout(x, 0.5, {.seed = 9});
  CHECK(ops::array_equal(tape.gradient(ops::sum(y), x), y));
  const Tensor rows = random::dropout(x, 0.5, {.noise_shape = Shape{None, 1}, .seed = 9});
  CHECK(ops::array_equal(rows, ops::broadcast_to(ops::slice_axis(rows, 1, 0, 1), {100, 200})));
}

TEST_CASE("dropout of an abstract tensor tells its shape and leaves the stream alone") {
  const random::SeedGenerator generator(1);
  const Tensor x = Tensor::abstract({None, 4}, float32);
  const Tensor y = random::dropout(x, 0.5, {.seed = generator});
  CHECK(y.shape() == Shape{None, 4});
  CHECK(generator.state().value().to_vector<std::int64_t>()[1] == 0);
}

TEST_CASE("wrong arguments") {
  CHECK_THROWS_AS(random::uniform({2}, {.dtype = int32}), ValueError);
  CHECK_THROWS_AS(random::normal({2}, {.dtype = bool_}), ValueError);
  CHECK_THROWS_AS(random::randint({2}, 3, 3), ValueError);
  CHECK_THROWS_AS(random::randint({2}, 0, 300, {.dtype = uint8}), ValueError);
  CHECK_THROWS_AS(random::randint({2}, 0, 3, {.dtype = float32}), ValueError);
  CHECK_THROWS_AS(random::bernoulli({2}, 1.5), ValueError);
  CHECK_THROWS_AS(random::permutation(-1), ValueError);
  const Tensor x = ops::ones({2, 3});
  CHECK_THROWS_AS(random::dropout(x, -0.1), ValueError);
  CHECK_THROWS_AS(random::dropout(x, NAN), ValueError);
  CHECK_THROWS_AS(random::dropout(x, 0.5, {.noise_shape = Shape{2}}), ValueError);
  CHECK_THROWS_AS(random::dropout(x, 0.5, {.noise_shape = Shape{2, 2}}), ValueError);
  CHECK_THROWS_AS(random::dropout(ops::cast(x, int32), 0.5), TypeError);
}
