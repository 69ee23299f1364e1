// Loops: by step, as one op of a program, their gradients, and what they carry along.
#include <doctest/doctest.h>

#include <nyala/autograd/control_flow.hpp>
#include <nyala/autograd/function.hpp>
#include <nyala/autograd/gradient_check.hpp>
#include <nyala/autograd/random.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/core/parallel.hpp>

using namespace nyala;

namespace {

Tensor uniform(const Shape& shape, int seed, DType dtype = DType::float64) {
  return random::uniform(shape, {.minval = -1, .maxval = 1, .dtype = dtype, .seed = seed});
}

bool close(const Tensor& x, const Tensor& y) {
  return x.shape() == y.shape() && ops::allclose(x, y, {.rtol = 1e-12, .atol = 1e-12});
}

// h = tanh(x + h w), and results that need all of it; c counts steps.
ScanResult cell(const Tensor& w, const std::vector<Tensor>& carry, const std::vector<Tensor>& x) {
  const Tensor h = ops::tanh(x[0] + ops::matmul(carry[1], w));
  return {{carry[0] + 1, h}, {h * x[1], ops::sum(h, {.axis = 1})}};
}

// All that the scan gives, from (h, w, x, gains).
std::vector<Tensor> run_cell(const std::vector<Tensor>& in, const ScanArgs& args) {
  const Tensor count = ops::zeros({}, {.dtype = DType::int32});
  const ScanResult all =
      ops::scan(ScanBody([&](const auto& carry, const auto& x) { return cell(in[1], carry, x); }),
                {count, in[0]},
                {in[2], in[3]},
                args);
  std::vector<Tensor> flat = all.carry;
  flat.insert(flat.end(), all.results.begin(), all.results.end());
  return flat;
}

std::vector<Tensor> cell_inputs(std::int64_t steps) {
  return {
      uniform({3, 4}, 1), uniform({4, 4}, 2), uniform({steps, 3, 4}, 3), uniform({steps, 4}, 4)};
}

// The same in a program.
Tensors in_program(const std::vector<Tensor>& in, const ScanArgs& args) {
  const auto f = [&](const std::vector<Tensor>& at) { return run_cell(at, args); };
  std::vector<Spec> specs;
  for (const Tensor& input : in) specs.push_back(input.spec());
  const graph::Program program(f, specs);
  CHECK(program.stats().num_steps < (args.unroll ? 100 : 5));
  Tensors outputs;
  program.run(in, outputs);
  Tensors again;
  program.run(in, again);
  for (std::size_t i = 0; i < outputs.size(); ++i) CHECK(ops::array_equal(outputs[i], again[i]));
  return outputs;
}

}  // namespace

TEST_CASE("a scan is its steps, one by one or as one op of a program") {
  const std::vector<Tensor> in = cell_inputs(7);
  for (const bool reverse : {false, true}) {
    CAPTURE(reverse);
    Tensor h = in[0];
    std::vector<Tensor> products(7), sums(7);
    for (int s = 0; s < 7; ++s) {
      const int t = reverse ? 6 - s : s;
      h = ops::tanh(in[2][t] + ops::matmul(h, in[1]));
      products[static_cast<std::size_t>(t)] = h * in[3][t];
      sums[static_cast<std::size_t>(t)] = ops::sum(h, {.axis = 1});
    }
    const std::vector<Tensor> wanted = {
        Tensor::scalar(7, DType::int32), h, ops::stack(products), ops::stack(sums)};
    const auto by_step = run_cell(in, {.reverse = reverse});
    const auto as_op = in_program(in, {.reverse = reverse});
    const auto unrolled = in_program(in, {.reverse = reverse, .unroll = true});
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      CAPTURE(i);
      CHECK(close(by_step[i], wanted[i]));
      CHECK(close(as_op[i], wanted[i]));
      CHECK(close(unrolled[i], wanted[i]));
    }
  }
}

TEST_CASE("the gradient of a scan agrees with central differences, twice, as one op") {
  const std::vector<Tensor> in = cell_inputs(4);
  for (const bool reverse : {false, true}) {
    for (const std::size_t output : {1u, 2u, 3u}) {
      CAPTURE(reverse);
      CAPTURE(output);
      std::vector<Spec> specs;
      for (const Tensor& input : in) specs.push_back(input.spec());
      // First and second order by tapes within the program.
      const auto value = [&](const std::vector<Tensor>& at) {
        return ops::sum(ops::square(run_cell(at, {.reverse = reverse})[output]));
      };
      const auto gradients = [&](const std::vector<Tensor>& at) {
        GradientTape tape;
        for (const Tensor& x : at) tape.watch(x);
        return tape.gradient(value(at), at, {.unconnected_gradients = UnconnectedGradients::zero});
      };
      const auto second = [&](const std::vector<Tensor>& at) {
        GradientTape tape;
        for (const Tensor& x : at) tape.watch(x);
        Tensor all = Tensor::scalar(0.0, DType::float64);
        for (const Tensor& gradient : gradients(at))
          all = all + ops::sum(ops::sin(gradient * 3) * gradient);
        return tape.gradient(all, at, {.unconnected_gradients = UnconnectedGradients::zero});
      };
      // Eagerly the tape goes step by step: those gradients are checked against differences.
      CHECK(gradient_error([&](const auto& at) { return value(at); }, in, {.order = 2}) < 1e-6);
      for (const auto& f : {std::function(gradients), std::function(second)}) {
        const graph::Program program(f, specs);
        CHECK(program.stats().num_traced > 0);
        Tensors made;
        program.run(in, made);
        const std::vector<Tensor> wanted = f(in);
        for (std::size_t i = 0; i < wanted.size(); ++i) {
          CAPTURE(i);
          CHECK(ops::allclose(made[i], wanted[i], {.rtol = 1e-9, .atol = 1e-10}));
        }
      }
    }
  }
}

TEST_CASE("a scan reads and assigns variables, also where its gradient is taken") {
  const Variable w(uniform({4, 4}, 5), {.name = "w"});
  const Variable calls(ops::zeros({}, {.dtype = DType::int64}), {.trainable = false});
  const auto run = [&](const Tensor& x) {
    GradientTape tape;
    const auto [h, all] = ops::scan(
        [&](const Tensor& carry, const Tensor& now) {
          calls.assign_add(Tensor::scalar(1, DType::int64));
          const Tensor next =
              ops::tanh(now + ops::matmul(carry, w) * ops::cast(calls, now.dtype()));
          return std::pair{next, next};
        },
        ops::zeros({2, 4}, {.dtype = DType::float64}),
        x);
    const Tensor loss = ops::sum(ops::square(all)) + ops::sum(h);
    return std::vector<Tensor>{loss, tape.gradient(loss, w)};
  };
  const Tensor x = uniform({6, 2, 4}, 6);
  const std::vector<Tensor> wanted = run(x);
  CHECK(calls.value().item<std::int64_t>() == 6);
  calls.assign(ops::zeros_like(calls));
  const auto compiled = function(run);
  const std::vector<Tensor> made = compiled(x);
  CHECK(calls.value().item<std::int64_t>() == 6);
  CHECK(close(made[0], wanted[0]));
  CHECK(ops::allclose(made[1], wanted[1], {.rtol = 1e-10, .atol = 1e-12}));
  compiled(x);
  CHECK(calls.value().item<std::int64_t>() == 12);
  CHECK(compiled.program(x).stats().num_traced < 60);
}

TEST_CASE("a scan within a scan, and a delay line whose carry is the input") {
  const auto f = [](const Tensor& x) {
    const auto outer = [&](const Tensor& carry, const Tensor& row) {
      const auto inner = [&](const Tensor& sum, const Tensor& one) {
        const Tensor next = sum * carry + one;
        return std::pair{next, next};
      };
      const auto [last, all] = ops::scan(inner, ops::zeros_like(carry), row);
      return std::pair{ops::sin(last), ops::sum(all)};
    };
    GradientTape tape;
    tape.watch(x);
    const auto [last, sums] = ops::scan(outer, ops::ones_like(x[0][0]), x);
    const Tensor loss = ops::sum(sums) + ops::sum(last);
    return std::vector<Tensor>{last, sums, tape.gradient(loss, x)};
  };
  const Tensor x = uniform({3, 4, 2}, 7);
  const std::vector<Tensor> wanted = f(x), made = function(f)(x);
  for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(close(made[i], wanted[i]));

  const auto delay = [](const Tensor& line) {
    return ops::scan(ScanBody([](const auto& carry, const auto& now) {
                       return ScanResult{{now[0], carry[0], carry[1]}, {carry[2]}};
                     }),
                     std::vector<Tensor>(3, ops::zeros_like(line[0])),
                     {line})
        .results[0];
  };
  const Tensor transposed = ops::transpose(uniform({3, 8}, 8));  // strided steps
  CHECK(close(delay(transposed),
              ops::concatenate(
                  {ops::zeros({3, 3}, {.dtype = float64}), ops::slice_axis(transposed, 0, 0, 5)},
                  {.axis = 0})));
  CHECK(close(function(delay)(transposed), delay(transposed)));
}

TEST_CASE("the bits of a scan do not depend on threads") {
  const std::vector<Tensor> in = {uniform({64, 96}, 1, DType::float32),
                                  uniform({96, 96}, 2, DType::float32),
                                  uniform({9, 64, 96}, 3, DType::float32),
                                  uniform({9, 96}, 4, DType::float32)};
  const auto run = [&](const Tensor& h, const Tensor& w, const Tensor& x, const Tensor& gain) {
    GradientTape tape;
    tape.watch(w);
    const std::vector<Tensor> all = run_cell({h, w, x, gain}, {});
    return std::vector<Tensor>{all[1], all[2], tape.gradient(ops::sum(all[2]), w)};
  };
  const int before = num_threads();
  std::vector<Tensor> first;
  for (const int threads : {1, 2, 8}) {
    set_num_threads(threads);
    const std::vector<Tensor> now = function(run)(in[0], in[1], in[2], in[3]);
    if (first.empty()) first = now;
    for (std::size_t i = 0; i < now.size(); ++i) CHECK(ops::array_equal(now[i], first[i]));
  }
  set_num_threads(before);
}

TEST_CASE("a body with a gradient of its own keeps it") {
  const auto f = [](const Tensor& x) {
    GradientTape tape;
    tape.watch(x);
    const auto [last, all] = ops::scan(
        [](const Tensor& carry, const Tensor& now) {
          const Tensor y = custom_gradient(
              [](const std::vector<Tensor>& at) {
                return CustomGradient{at[0] * 2,
                                      [](const Tensor& dy) { return std::vector<Tensor>{dy * 5}; }};
              },
              {now});
          return std::pair{carry + y, y};
        },
        ops::zeros_like(x[0]),
        x);
    return tape.gradient(ops::sum(last), x);
  };
  const Tensor x = uniform({3, 2}, 9);
  CHECK(close(f(x), ops::full({3, 2}, 5.0, {.dtype = DType::float64})));
  CHECK(close(function(f)(x), f(x)));
}

TEST_CASE("a scan of no steps, and what it refuses") {
  const Tensor x = uniform({0, 2}, 1), init = uniform({2}, 2);
  const auto add = [](const Tensor& carry, const Tensor& now) {
    return std::pair{carry + now, ops::expand_dims(carry, 0)};
  };
  const auto [carry, y] = ops::scan(add, init, x);
  CHECK(close(carry, init));
  CHECK(y.shape() == Shape{0, 1, 2});
  const auto counts = ops::scan(ScanBody([](const auto& c, const auto&) {
                                  return ScanResult{{c[0] * 2}, {}};
                                }),
                                {init},
                                {},
                                {.length = 3});
  CHECK(close(counts.carry[0], init * 8));
  const auto [half, rest] = ops::scan(add, init, uniform({4, 2}, 1), {.length = 4});
  CHECK(rest.shape() == Shape{4, 1, 2});

  CHECK_THROWS_AS(ops::scan(ScanBody(), std::vector<Tensor>{init}, std::vector<Tensor>{x}),
                  ValueError);
  using Many = std::vector<Tensor>;
  const ScanBody none = [](const Many& c, const Many&) { return ScanResult{c, {}}; };
  CHECK_THROWS_AS(ops::scan(none, Many{init}), ValueError);
  CHECK_THROWS_AS(ops::scan(none, Many{init}, Many{x}, {.length = 2}), ValueError);
  CHECK_THROWS_AS(ops::scan(none, Many{init}, {}, {.length = -1}), ValueError);
  CHECK_THROWS_AS(ops::scan(none, Many{Tensor()}, Many{x}), ValueError);
  CHECK_THROWS_AS(ops::scan(none, Many{init}, Many{Tensor::scalar(1.0, float64)}), ShapeError);
  const Tensor steps = uniform({3, 2}, 1);
  const auto grows = [](const Tensor& c, const Tensor&) {
    return std::pair{ops::concatenate({c, c}, {.axis = 0}), c};
  };
  CHECK_THROWS_AS(ops::scan(grows, init, steps), ShapeError);
  const auto casts = [](const Tensor& c, const Tensor&) {
    return std::pair{ops::cast(c, DType::float32), c};
  };
  CHECK_THROWS_AS(ops::scan(casts, init, steps), TypeError);
  CHECK_THROWS_AS(
      function([&](const Tensor& at) { return ops::scan(casts, init, at).first; })(steps),
      TypeError);
}
