// Misuse of tapes, variables and traced functions gives typed errors; gradients of a value itself.
#include <doctest/doctest.h>

#include <functional>
#include <thread>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/gradient_check.hpp>
#include <nyala/autograd/tape.hpp>

using namespace nyala;

namespace {

// The gradient of 3 x, given by the user as `gradient` says.
Tensor with_gradient(const Tensor& x, std::function<std::vector<Tensor>(const Tensor&)> gradient) {
  return custom_gradient(
      [&](const std::vector<Tensor>& in) {
        return CustomGradient{in[0] * 3.0, gradient};
      },
      {x});
}

}  // namespace

TEST_CASE("a custom gradient is checked as any result is") {
  const Variable x(ops::ones({2, 3}));
  const auto gradient_of = [&](std::function<std::vector<Tensor>(const Tensor&)> gradient) {
    GradientTape tape;
    return tape.gradient(with_gradient(x, std::move(gradient)), x);
  };
  CHECK(ops::array_equal(gradient_of([](const Tensor& dy) { return std::vector{dy * 3.0}; }),
                         ops::full({2, 3}, 3.0)));
  CHECK_FALSE(gradient_of([](const Tensor&) { return std::vector{Tensor()}; }).defined());
  CHECK_THROWS_WITH_AS(gradient_of([](const Tensor&) { return std::vector{ops::ones({7})}; }),
                       "custom_gradient: its gradient function returned for input 0 a gradient of "
                       "shape (7,), expected the input's, (2, 3)",
                       ShapeError);
  CHECK_THROWS_AS(gradient_of([](const Tensor&) { return std::vector{ops::ones({})}; }),
                  ShapeError);
  CHECK_THROWS_AS(gradient_of([](const Tensor& dy) { return std::vector{ops::cast(dy, float64)}; }),
                  TypeError);
  CHECK_THROWS_AS(gradient_of([](const Tensor& dy) { return std::vector{ops::cast(dy, int32)}; }),
                  TypeError);
  CHECK_THROWS_AS(gradient_of([](const Tensor& dy) { return std::vector{dy, dy}; }), ValueError);
  CHECK_THROWS_AS(gradient_of([](const Tensor&) { return std::vector<Tensor>(); }), ValueError);
  // In a trace as well.
  const auto traced = function([&](const Tensor& dummy) {
    GradientTape tape;
    const Tensor y =
        with_gradient(x, [](const Tensor&) { return std::vector{ops::ones({5})}; }) + dummy;
    return tape.gradient(y, x);
  });
  CHECK_THROWS_AS(traced(ops::ones({})), ShapeError);
}

TEST_CASE("empty functions are errors of the library") {
  const Tensor x = ops::ones({2});
  CHECK_THROWS_AS(custom_gradient({}, {x}), ValueError);
  CHECK_THROWS_AS(with_gradient(x, {}), ValueError);
  CHECK_THROWS_AS(custom_gradient([](const auto&) { return CustomGradient(); }, {x}), ValueError);
  CHECK_THROWS_AS(custom_gradient(
                      [](const auto& in) {
                        return CustomGradient{in[0], {}};
                      },
                      {Tensor()}),
                  ValueError);
  CHECK_THROWS_AS(function(std::function<Tensor(const Tensor&)>()), ValueError);
  CHECK_THROWS_AS(function(static_cast<Tensor (*)(const Tensor&)>(nullptr)), ValueError);
  CHECK_THROWS_AS(gradient_error({}, {x}), ValueError);
  CHECK_THROWS_AS(graph::Program({}, {}), ValueError);
}

TEST_CASE("calls on an empty variable say which") {
  const Variable none;
  const Tensor x = ops::ones({2});
  const std::vector<std::function<void()>> calls = {
      [&] { none.value(); },
      [&] { none.assign(x); },
      [&] { none.assign_add(x); },
      [&] { none.assign_sub(x); },
      [&] { none.shape(); },
      [&] { none.dtype(); },
      [&] { none.rank(); },
      [&] { none.size(); },
      [&] { none.name(); },
      [&] { none.path(); },
      [&] { none.set_path("p"); },
      [&] { none.trainable(); },
      [&] { none.set_trainable(true); },
      [&] { none.id(); },
      [&] { none.constraint(); },
      [&] { none.set_constraint({}); },
      [&] { ops::sum(none); },
      [&] { detail::stored_value(none); },
  };
  for (const auto& call : calls) CHECK_THROWS_AS(call(), StateError);
  CHECK_THROWS_WITH_AS(none.assign_add(x),
                       "Variable: assign_add was called on an empty variable; a layer's weights "
                       "come with build",
                       StateError);
  const Variable v(x);
  CHECK_THROWS_AS(v.assign(Tensor()), StateError);
  CHECK_THROWS_AS(Variable(Tensor{}), StateError);
  CHECK(ops::array_equal(v, x));
}

TEST_CASE("undefined tensors and variables given to a tape") {
  const Variable v(ops::ones({2}));
  GradientTape tape({.persistent = true});
  const Tensor y = v * v;
  const std::vector<std::function<void()>> calls = {
      [&] { tape.gradient(y, Tensor()); },
      [&] { tape.gradient(y, Variable()); },
      [&] {
        tape.gradient(y, std::vector<Variable>{v, Variable()});
      },
      [&] { tape.gradient(Tensor(), v); },
      [&] {
        tape.gradient(std::vector<Tensor>{y, Tensor()}, std::vector<Variable>{v});
      },
      [&] { tape.watch(Tensor()); },
      [&] { tape.watch(Variable()); },
      [&] { tape.jacobian(y, Tensor()); },
      [&] { tape.jacobian(y, Variable()); },
      [&] { tape.jacobian(Tensor(), v); },
      [&] { tape.batch_jacobian(Tensor(), y); },
      [&] { tape.batch_jacobian(y, Tensor()); },
      [&] { tape.indexed_gradient(Tensor(), v); },
      [&] { tape.indexed_gradients(y, {Variable()}); },
  };
  for (const auto& call : calls) CHECK_THROWS_AS(call(), StateError);
  const GradientArgs wrong{.output_gradients = {ops::ones({2}, {.dtype = float64})}};
  CHECK_THROWS_AS(tape.gradient(y, v, wrong), TypeError);
  // One that is undefined stands for ones.
  CHECK(
      ops::array_equal(tape.gradient(y, v, {.output_gradients = {Tensor()}}), ops::full({2}, 2.0)));
}

TEST_CASE("a call that is refused leaves a tape usable") {
  const Variable v(ops::ones({2}));
  GradientTape tape;
  const Tensor y = v * v;
  CHECK_THROWS_AS(tape.gradient(y, Tensor()), StateError);
  CHECK_THROWS_AS(tape.gradient(ops::cast(y, int32), v), TypeError);
  CHECK(ops::array_equal(tape.gradient(y, v), ops::full({2}, 2.0)));
  CHECK_THROWS_AS(tape.gradient(y, v), StateError);
}

TEST_CASE("a tape belongs to its thread") {
  const Variable v(ops::ones({2}));
  GradientTape tape({.persistent = true});
  const Tensor y = v * v;
  int refused = 0;
  std::thread([&] {
    const std::vector<std::function<void()>> calls = {
        [&] { tape.gradient(y, v); },
        [&] { tape.gradient(y, y); },
        [&] { tape.jacobian(y, v); },
        [&] { tape.indexed_gradients(y, {v}); },
        [&] { tape.watch(y); },
        [&] { tape.watch(v); },
        [&] { tape.watched_variable_ids(); },
        [&] { tape.reset(); },
    };
    for (const auto& call : calls) {
      try {
        call();
      } catch (const StateError&) {
        ++refused;
      }
    }
  }).join();
  CHECK(refused == 8);
  CHECK(ops::array_equal(tape.gradient(y, v), ops::full({2}, 2.0)));
}

TEST_CASE("the gradient of a variable's own value is one") {
  const Variable x(ops::array<double>({2, 5}));
  const Tensor ones = ops::ones({2}, {.dtype = float64});
  const Tensor eye = ops::cast(ops::eye(2), float64);
  const std::vector<std::function<Tensor()>> same = {
      [&] { return x.value(); },
      [&] { return ops::cast(x, float64); },
  };
  for (const auto& value : same) {
    {
      GradientTape tape;
      CHECK(ops::array_equal(tape.gradient(value(), x), ones));
    }
    {
      GradientTape tape;
      CHECK(ops::array_equal(tape.jacobian(value(), x), eye));
    }
    {
      // As a source it may come as a tensor, and beside others.
      GradientTape tape;
      const Tensor y = value();
      CHECK(ops::array_equal(tape.gradient(std::vector<Tensor>{y, y * 3.0}, std::vector{y})[0],
                             ops::full({2}, 4.0, {.dtype = float64})));
    }
    const auto traced = function([&](const Tensor& scale) {
      GradientTape tape;
      return tape.gradient(value(), x) * scale;
    });
    CHECK(ops::array_equal(traced(ops::ones({}, {.dtype = float64})), ones));
  }
  {
    // Read by another op before, and assigned since.
    GradientTape tape({.persistent = true});
    const Tensor y = x;
    const Tensor z = y * y;
    x.assign(z);
    CHECK(ops::array_equal(tape.gradient(y, x), ones));
    CHECK(ops::array_equal(tape.gradient(z, x), ops::array<double>({4, 10})));
  }
  {
    // Not trainable: only where it is watched.
    const Variable still(ops::ones({2}), {.trainable = false});
    GradientTape tape({.persistent = true});
    CHECK_FALSE(tape.gradient(still.value(), still).defined());
    tape.watch(still);
    CHECK(ops::array_equal(tape.gradient(still.value(), still), ops::ones({2})));
  }
  {
    GradientTape outer;
    GradientTape inner;
    const Tensor dy = inner.gradient(x.value(), x);
    CHECK(ops::array_equal(dy, ones));
    CHECK_FALSE(outer.gradient(dy, x).defined());
  }
}

TEST_CASE("a tape that does not watch accessed variables follows those it is given") {
  const Variable a(2.0), b(3.0);
  GradientTape tape({.persistent = true, .watch_accessed_variables = false});
  tape.watch(a);
  const Tensor y = a * b;
  CHECK(tape.gradient(y, a).item<double>() == 3.0);
  CHECK_FALSE(tape.gradient(y, b).defined());
  CHECK(tape.watched_variable_ids() == std::vector{a.id()});
}

TEST_CASE("a function may give undefined tensors") {
  const Variable w(ops::ones({2}));
  const auto none = function([&](const Tensor& x) {
    GradientTape tape;
    return tape.gradient(ops::sum(x), w);
  });
  const Tensor x = ops::ones({2});
  CHECK_FALSE(none(x).defined());
  CHECK_FALSE(none(x).defined());
  const auto some = function([&](const Tensor& in) {
    return std::vector{Tensor(), in * 2.0, Tensor(), Tensor(), in, Tensor()};
  });
  for (int run = 0; run < 2; ++run) {
    const std::vector<Tensor> got = some(x);
    REQUIRE(got.size() == 6);
    for (std::size_t i : {0U, 2U, 3U, 5U}) CHECK_FALSE(got[i].defined());
    CHECK(ops::array_equal(got[1], ops::full({2}, 2.0)));
    CHECK(ops::array_equal(got[4], x));
  }
  const auto pair = function([&](const Tensor& in) { return std::tuple{Tensor(), in}; });
  const auto [first, second] = pair(x);
  CHECK_FALSE(first.defined());
  CHECK(second.defined());
}

TEST_CASE("arguments that a function and a program refuse") {
  const auto twice = function([](const Tensor& x) { return x * 2.0; });
  CHECK_THROWS_AS(twice(Tensor()), StateError);
  CHECK_THROWS_AS(twice(Variable()), StateError);
  // Abstract tensors run the function itself: what is asked for is a shape.
  CHECK(twice(Tensor::abstract({None, 3}, float32)).shape() == Shape{None, 3});
  const graph::Program program = twice.program(ops::ones({2}));
  Tensors outputs;
  CHECK_THROWS_AS(program.run({}, outputs), ValueError);
  CHECK_THROWS_AS(program.run({Tensor()}, outputs), StateError);
  CHECK_THROWS_AS(program.run({ops::ones({3})}, outputs), ShapeError);
  CHECK_THROWS_AS(program.run({ops::ones({2}, {.dtype = int32})}, outputs), TypeError);
  CHECK_THROWS_AS(program.run({Tensor::abstract({2}, float32)}, outputs), StateError);
  CHECK_THROWS_AS(graph::Program().run({}, outputs), StateError);
  CHECK(outputs.empty());
}

TEST_CASE("a function's body makes no variable") {
  std::vector<Variable> made;
  const auto makes = function([&](const Tensor& x) {
    made.emplace_back(ops::ones({2}));
    return x + made.back();
  });
  const Tensor x = ops::ones({2});
  CHECK_THROWS_AS(makes(x), ValueError);
  CHECK(made.empty());
  CHECK(makes.trace_count() == 0);
  const auto from_argument = function([&](const Tensor& in) { return in + Variable(in); });
  CHECK_THROWS_AS(from_argument(x), ValueError);
  // Nothing is being traced any more.
  CHECK(ops::array_equal(Variable(x), x));
}
