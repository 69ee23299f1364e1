// map, fori_loop and associative_scan, outside and inside of programs.
#include <doctest/doctest.h>

#include <nyala/autograd/control_flow.hpp>
#include <nyala/autograd/function.hpp>
#include <nyala/autograd/gradient_check.hpp>
#include <nyala/autograd/random.hpp>

using namespace nyala;

namespace {

Tensor uniform(const Shape& shape, int seed) {
  return random::uniform(shape, {.minval = -1, .maxval = 1, .dtype = float64, .seed = seed});
}

bool close(const Tensor& x, const Tensor& y) {
  return x.shape() == y.shape() && ops::allclose(x, y, {.rtol = 1e-12, .atol = 1e-12});
}

}  // namespace

TEST_CASE("map is f of each element, in a program too") {
  const Tensor x = uniform({5, 3}, 1), w = uniform({3, 3}, 2);
  const auto f = [&](const Tensor& all) {
    return ops::map([&](const Tensor& one) { return ops::sin(ops::matmul(one, w)); }, all);
  };
  CHECK(close(f(x), ops::sin(ops::matmul(x, w))));
  CHECK(close(function(f)(x), f(x)));
  CHECK(function(f).program(x).stats().num_steps < 4);
  CHECK(close(ops::vectorized_map([](const Tensor& one) { return one * 2; }, x), x * 2));
  CHECK_THROWS_AS(ops::map(TensorsFunction(), std::vector<Tensor>{x}), ValueError);
}

TEST_CASE("fori_loop counts, in a program too") {
  const auto power = [](const Tensor& x) {
    return ops::fori_loop(
        2, 6, [&](const Tensor& i, const Tensor& y) { return y * x + ops::cast(i, x.dtype()); }, x);
  };
  const Tensor x = uniform({4}, 3);
  Tensor wanted = x;
  for (int i = 2; i < 6; ++i) wanted = wanted * x + i;
  CHECK(close(power(x), wanted));
  CHECK(close(function(power)(x), wanted));
  CHECK(gradient_error([&](const auto& at) { return power(at[0]); }, {x}, {.order = 2}) < 1e-6);
  const auto none = [](const Tensor&, const Tensor& y) { return y + 1; };
  CHECK(close(ops::fori_loop(3, 3, none, x), x));
  CHECK(close(ops::fori_loop(3, 1, none, x), x));
}

TEST_CASE("associative_scan gives running results for every size, both ways, along any axis") {
  const auto add = [](const Tensor& a, const Tensor& b) { return a + b; };
  for (const std::int64_t size : {0, 1, 2, 3, 4, 5, 8, 13}) {
    CAPTURE(size);
    const Tensor x = uniform({2, size, 3}, static_cast<int>(size) + 1);
    const Tensor forward = ops::cumsum(x, 1);
    CHECK(close(ops::associative_scan(add, x, {.axis = 1}), forward));
    CHECK(close(ops::associative_scan(add, x, {.axis = -2}), forward));
    CHECK(close(ops::associative_scan(add, x, {.reverse = true, .axis = 1}),
                ops::flip(ops::cumsum(ops::flip(x, 1), 1), 1)));
  }
  // h = a h + b, of which neighbours make one that is alike; the order matters.
  const Tensor a = uniform({9, 2}, 4), b = uniform({9, 2}, 5);
  using Many = std::vector<Tensor>;
  const auto both = [](const Many& first, const Many& then) {
    return Many{first[0] * then[0], first[1] * then[0] + then[1]};
  };
  const auto h = [&](const Tensor& p, const Tensor& q) {
    return ops::associative_scan(both, Many{p, q})[1];
  };
  const auto by_step = ops::scan(ScanBody([](const Many& carry, const Many& x) {
                                   const Tensor next = x[0] * carry[0] + x[1];
                                   return ScanResult{{next}, {next}};
                                 }),
                                 {ops::zeros({2}, {.dtype = float64})},
                                 {a, b});
  CHECK(close(h(a, b), by_step.results[0]));
  CHECK(close(function(h)(a, b), by_step.results[0]));
  CHECK(gradient_error([&](const auto& at) { return h(at[0], at[1]); }, {a, b}) < 1e-6);
  CHECK_THROWS_AS(ops::associative_scan(both, Many{a, uniform({8, 2}, 1)}), ShapeError);
  CHECK_THROWS_AS(ops::associative_scan(both, Many{}), ValueError);
  CHECK_THROWS_AS(ops::associative_scan(add, a, {.axis = 2}), ShapeError);
}
