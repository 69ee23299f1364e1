#include <doctest/doctest.h>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/random.hpp>
#include <nyala/autograd/tape.hpp>

using namespace nyala;

TEST_CASE("tapes nest: first, second and third derivatives of x^3 at 2") {
  const Variable x(2.0f);
  GradientTape third;
  GradientTape outer;
  GradientTape inner;
  const Tensor y = x * x * x;
  const Tensor dy = inner.gradient(y, x);
  const Tensor ddy = outer.gradient(dy, x);
  CHECK(dy.item<float>() == 12.0f);
  CHECK(ddy.item<float>() == 12.0f);
  CHECK(third.gradient(ddy, x).item<float>() == 6.0f);
}

TEST_CASE("several targets and sources, and none without a path") {
  const Variable a(ops::array<double>({1, 2}));
  const Variable b(ops::array<double>({3, 4}));
  GradientTape tape;
  const Tensor p = a * 2.0;
  const Tensor q = a * a;
  const auto gradients = tape.gradient(std::vector<Tensor>{p, q}, std::vector<Variable>{a, b});
  CHECK(ops::array_equal(gradients[0], ops::array<double>({4, 6})));
  CHECK(!gradients[1].defined());
  CHECK_THROWS_AS(tape.gradient(p, a), StateError);
}

TEST_CASE("a persistent tape answers again, also for what lies between") {
  const Tensor x = ops::array<double>({1, 2, 3});
  GradientTape tape({.persistent = true});
  tape.watch(x);
  const Tensor y = x * x;
  const Tensor z = ops::sum(y * 3.0);
  CHECK(ops::array_equal(tape.gradient(z, y), ops::array<double>({3, 3, 3})));
  CHECK(ops::array_equal(tape.gradient(z, x), ops::array<double>({6, 12, 18})));
  const Tensor other = ops::ones({2}, {.dtype = float64});
  CHECK(!tape.gradient(z, other).defined());
  const GradientArgs zero{.unconnected_gradients = UnconnectedGradients::zero};
  CHECK(ops::array_equal(tape.gradient(z, other, zero), ops::zeros({2}, {.dtype = float64})));
}

TEST_CASE("an assignment leaves alone what was computed before") {
  const Variable x(3.0f);
  GradientTape tape;
  const Tensor y = x * x;
  x.assign(ops::array<float>(5));
  CHECK(tape.gradient(y, x).item<float>() == 6.0f);
  CHECK(x.value().item<float>() == 5.0f);
}

TEST_CASE("jacobians") {
  const Tensor x = ops::array<double>({{1, 2}, {3, 4}});
  GradientTape tape({.persistent = true});
  tape.watch(x);
  const Tensor y = x * x;
  const Tensor jacobian = tape.jacobian(y, x);
  CHECK(jacobian.shape() == Shape{2, 2, 2, 2});
  CHECK(jacobian[1][0][1][0].item<double>() == 6);
  CHECK(jacobian[1][0][0][0].item<double>() == 0);
  const Tensor rows = tape.batch_jacobian(y, x);
  CHECK(ops::array_equal(rows, ops::array<double>({{{2, 0}, {0, 4}}, {{6, 0}, {0, 8}}})));
}

TEST_CASE("paused tapes, stopped gradients and gradients of the user's own") {
  const Variable x(2.0f);
  GradientTape tape({.persistent = true});
  Tensor hidden;
  {
    const auto pause = GradientTape::stop_recording();
    hidden = x * 10;
  }
  CHECK(tape.gradient(x * ops::stop_gradient(x * 3), x).item<float>() == 6.0f);
  CHECK(!tape.gradient(hidden, x).defined());
  const auto square = [](const std::vector<Tensor>& in) {
    const auto gradient = [](const Tensor& dy) { return std::vector<Tensor>{dy * 100}; };
    return CustomGradient{in[0] * in[0], gradient};
  };
  const Tensor y = custom_gradient(square, {x});
  CHECK(y.item<float>() == 4.0f);
  CHECK(tape.gradient(y * 2, x).item<float>() == 200.0f);
}

TEST_CASE("asking for what cannot be is an error") {
  const Variable x(2.0f);
  GradientTape tape({.persistent = true});
  CHECK_THROWS_AS(tape.gradient(ops::cast(x, int32), x), TypeError);
  CHECK_THROWS_AS(tape.watch(ops::arange(3)), TypeError);
  const GradientArgs wrong{.output_gradients = {ops::ones({3})}};
  CHECK_THROWS_AS(tape.gradient(x * 2, x, wrong), ShapeError);
}

TEST_CASE("a function is traced once for each signature and replayed") {
  const Variable w(ops::array<float>({{1}, {2}}));
  int runs = 0;
  auto step = function([&](const Tensor& x) {
    ++runs;
    GradientTape tape;
    const Tensor loss = ops::sum(ops::square(ops::matmul(x, w)));
    w.assign_sub(0.01f * tape.gradient(loss, w));
    return loss;
  });
  const Tensor x = ops::array<float>({{1, 1}});
  CHECK(step(x).item<float>() == 9.0f);
  CHECK(w.value().to_vector<float>()[0] == doctest::Approx(0.94));
  CHECK(step(x).item<float>() == doctest::Approx(2.88 * 2.88));
  CHECK(runs == 1);
  step(ops::ones({2, 2}));
  CHECK(runs == 2);
  CHECK(step.trace_count() == 2);
}

TEST_CASE("a traced function sees variables change inside and between calls") {
  const Variable n(0, {.trainable = false});
  auto twice = function([&](const Tensor& by) {
    n.assign_add(by);
    n.assign_add(by);
    return n.value();
  });
  CHECK(twice(ops::array<int>(2)).item<int>() == 4);
  n.assign(ops::array<int>(10));
  CHECK(twice(ops::array<int>(3)).item<int>() == 16);
  CHECK(n.value().item<int>() == 16);
}

TEST_CASE("functions give tuples; values cannot be read inside") {
  auto both = function([](const Tensor& a, const Tensor& b) { return std::pair{a + b, a * b}; });
  const auto [sum, product] = both(ops::array<float>(2), ops::array<float>(3));
  CHECK(sum.item<float>() == 5.0f);
  CHECK(product.item<float>() == 6.0f);
  auto peek = function([](const Tensor& a) { return a * a.item<float>(); });
  CHECK_THROWS_AS(peek(ops::array<float>(2)), StateError);
}

TEST_CASE("the gradient of a gathered table comes as rows") {
  const Variable table(ops::reshape(ops::arange(12, {.dtype = float64}), {4, 3}));
  const Tensor ids = ops::array<int>({{2, 0}, {2, 2}});
  GradientTape tape({.persistent = true});
  const Tensor rows = ops::take(table, ids, {.axis = 0});
  const Tensor more = ops::take(table, ops::array<int>({1}), {.axis = 0});
  const Tensor loss = ops::sum(rows * rows) + ops::sum(more);
  const IndexedSlices slices = tape.indexed_gradient(loss, table);
  CHECK(slices.values.shape() == Shape{5, 3});
  CHECK(ops::array_equal(slices.to_dense(), tape.gradient(loss, table)));
  CHECK_THROWS_AS(tape.indexed_gradient(ops::sum(table * 2.0), table), ValueError);
}

TEST_CASE("gradients come as rows where they can") {
  const auto draw = [](const Shape& shape, int seed) {
    return random::normal(shape, {.seed = random::Seed(seed)});
  };
  const Variable table(draw({4, 3}, 1)), both(draw({4, 3}, 2)), w(draw({3}, 3));
  const Variable columns(draw({4, 3}, 4)), unused(draw({4, 3}, 5));
  const std::vector<Variable> all{unused, table, both, w, columns};
  const Tensor ids = ops::array<int>({3, -4, 3});
  GradientTape tape({.persistent = true});
  const Tensor rows = ops::take(table, ids, {.axis = 0}) * ops::take(both, ids, {.axis = 0});
  const Tensor loss = ops::sum(rows * w) + ops::sum(ops::square(both)) +
                      ops::sum(ops::take(columns, ops::array<int>({2}), {.axis = 1}));
  const std::vector<IndexedSlices> mixed = tape.indexed_gradients(loss, all);
  const std::vector<Tensor> whole = tape.gradient(loss, all);
  CHECK(!mixed[0].values.defined());
  CHECK(mixed[1].is_indexed());
  CHECK(ops::array_equal(mixed[1].indices, ops::array<int>({3, 0, 3})));
  for (std::size_t i = 1; i < all.size(); ++i) {
    CAPTURE(i);
    CHECK(mixed[i].is_indexed() == (i == 1));
    CHECK(ops::allclose(mixed[i].to_dense(), whole[i]));
  }
}
