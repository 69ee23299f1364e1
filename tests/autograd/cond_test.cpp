// Branches: only one runs, in a program too, and its gradient is that of the branch.
#include <doctest/doctest.h>

#include <nyala/autograd/control_flow.hpp>
#include <nyala/autograd/function.hpp>
#include <nyala/autograd/random.hpp>
#include <nyala/autograd/tape.hpp>

using namespace nyala;

namespace {

Tensor uniform(const Shape& shape, int seed) {
  return random::uniform(shape, {.minval = 0.5, .maxval = 1.5, .dtype = float64, .seed = seed});
}

bool close(const Tensor& x, const Tensor& y) {
  return x.shape() == y.shape() && ops::allclose(x, y, {.rtol = 1e-12, .atol = 1e-12});
}

}  // namespace

TEST_CASE("cond calls one function, and a program runs one branch, with its gradients") {
  const Variable w(uniform({3}, 1), {.name = "w"});
  const auto run = [&](const Tensor& x) {
    GradientTape outer;
    outer.watch(x);
    GradientTape tape;
    tape.watch(x);
    const Tensor y = ops::cond(
        ops::sum(x) > 0,
        [&] { return ops::log(x) * w; },  // not a number for the other sign
        [&] { return ops::exp(x) * ops::square(w); });
    const Tensor loss = ops::sum(ops::square(y));
    const Tensor dx = tape.gradient(loss, std::vector<Tensor>{x})[0];
    return std::vector<Tensor>{y, dx, outer.gradient(ops::sum(ops::sin(dx)), w)};
  };
  const auto compiled = function(run);
  for (const double sign : {1.0, -1.0}) {
    CAPTURE(sign);
    const Tensor x = uniform({3}, 2) * sign;
    const Tensor y = sign > 0 ? ops::log(x) * w.value() : ops::exp(x) * ops::square(w.value());
    const std::vector<Tensor> eager = run(x), made = compiled(x);
    CHECK(close(eager[0], y));
    for (std::size_t i = 0; i < made.size(); ++i) {
      CAPTURE(i);
      CHECK(close(made[i], eager[i]));
      CHECK(ops::all(ops::isfinite(made[i])).item<bool>());
    }
  }
  CHECK(compiled.trace_count() == 1);
}

TEST_CASE("switch_case clamps its index") {
  const std::vector<TensorsFunction> branches = {
      [](const auto& x) { return std::vector<Tensor>{x[0] + x[1]}; },
      [](const auto& x) { return std::vector<Tensor>{x[0] * x[1]}; },
      [](const auto& x) { return std::vector<Tensor>{x[0] - x[1]}; }};
  const Tensor a = uniform({2}, 1), b = uniform({2}, 2);
  const auto run = [&](const Tensor& index, const Tensor& x, const Tensor& y) {
    return ops::switch_case(index, branches, {x, y})[0];
  };
  const auto compiled = function(run);
  for (const int index : {-3, 0, 1, 2, 7}) {
    const Tensor number = Tensor::scalar(index, DType::int32);
    const Tensor wanted = index <= 0 ? a + b : index == 1 ? a * b : a - b;
    CHECK(close(run(number, a, b), wanted));
    CHECK(close(compiled(number, a, b), wanted));
  }
  CHECK_THROWS_AS(ops::switch_case(Tensor::scalar(0, DType::int32), {}), ValueError);
  CHECK_THROWS_AS(ops::switch_case(ops::zeros({2}, {.dtype = DType::int32}), branches, {a, b}),
                  ShapeError);
}

TEST_CASE("branches of a program that differ, or assign, are refused") {
  const Variable count(ops::zeros({}), {.trainable = false});
  const auto shapes = function([](const Tensor& x) {
    return ops::cond(
        ops::sum(x) > 0, [&] { return x; }, [&] { return ops::sum(x); });
  });
  CHECK_THROWS_AS(shapes(uniform({3}, 1)), ValueError);
  const auto assigns = function([&](const Tensor& x) {
    return ops::cond(
        ops::sum(x) > 0,
        [&] {
          count.assign_add(ops::ones({}));
          return x;
        },
        [&] { return x * 2; });
  });
  CHECK_THROWS_AS(assigns(uniform({3}, 1)), UnsupportedError);
  CHECK(count.value().item<float>() == 0);
}

TEST_CASE("while_loop goes on as long as its condition holds, in a program too") {
  using Many = std::vector<Tensor>;
  // Halves x until its sum is at most `least`, and counts.
  const auto halve = [](const Tensor& x, const Tensor& least, std::optional<std::int64_t> most) {
    return ops::while_loop([&](const Many& now) { return ops::sum(now[1]) > least; },
                           [](const Many& now) {
                             return Many{now[0] + 1, now[1] * 0.5};
                           },
                           {ops::zeros({}, {.dtype = DType::int32}), x},
                           {.maximum_iterations = most});
  };
  const Tensor x = ops::ones({4}, {.dtype = float64});
  for (const auto most : {std::optional<std::int64_t>(), std::optional<std::int64_t>(2)}) {
    const auto f = [&](const Tensor& at, const Tensor& least) { return halve(at, least, most); };
    const auto compiled = function(f);
    for (const double least : {5.0, 1.5, 0.1}) {
      const Tensor bound = Tensor::scalar(least, float64);
      int steps = 0;
      double sum = 4;
      for (; sum > least && (!most || steps < *most); ++steps) sum /= 2;
      for (const Many& made : {f(x, bound), compiled(x, bound)}) {
        CHECK(made[0].item<int>() == steps);
        CHECK(close(made[1], ops::full({4}, sum / 4, {.dtype = float64})));
      }
    }
    CHECK(compiled.trace_count() == 1);
  }
  const auto gradient = function([&](const Tensor& at) {
    GradientTape tape;
    tape.watch(at);
    return tape.gradient(ops::sum(halve(at, ops::sum(at) * 0.3, {})[1]), Many{at})[0];
  });
  CHECK_THROWS_AS(gradient(x), ValueError);
  CHECK_THROWS_AS(ops::while_loop({}, {}, {x}), ValueError);
  CHECK_THROWS_AS(ops::while_loop([](const Many&) { return ops::ones({}) > 0; },
                                  [](const Many& now) { return Many{ops::sum(now[0])}; },
                                  {x}),
                  ShapeError);
}
