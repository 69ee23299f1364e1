// Compiled programs: the same results as op by op, and the same bits each time.
#include <doctest/doctest.h>

#include <cmath>
#include <sstream>
#include <utility>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/random.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/core/ops/conv.hpp>
#include <nyala/core/parallel.hpp>

#include "autograd/run_program.hpp"
#include "autograd/small_training.hpp"

using namespace nyala;
using testing::numbers;
using testing::Training;

TEST_CASE("a compiled training step does what it does op by op") {
  const Training eager, compiled;
  const auto step = function(compiled);
  for (int i = 0; i < 5; ++i) {
    const double expected = eager(eager.x, eager.y).item<double>();
    CHECK(step(compiled.x, compiled.y).item<double>() == doctest::Approx(expected).epsilon(1e-6));
  }
  const auto a = eager.state(), b = compiled.state();
  // Five float32 steps whose sums may run in another order.
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) < 1e-5);
}

TEST_CASE("a compiled step gives the same bits in each run, with one thread and with two") {
  std::vector<std::vector<double>> states;
  const int threads = num_threads();
  for (int run = 0; run < 20; ++run) {
    set_num_threads(1 + run % 2);
    const Training training(700);  // large enough for several tiles and threads
    const auto step = function(training);
    for (int i = 0; i < 3; ++i) step(training.x, training.y);
    states.push_back(training.state());
  }
  set_num_threads(threads);
  for (const auto& state : states) CHECK(state == states[0]);
}

TEST_CASE("values taken from variables before a step are what they were after it") {
  const Training training;
  const auto step = function(training);
  step(training.x, training.y);
  const Tensor kept = training.w1;
  const std::vector<double> before = numbers(kept);
  step(training.x, training.y);
  CHECK(numbers(kept) == before);
  CHECK(numbers(training.w1) != before);
}

TEST_CASE("outputs of an earlier call stay as they were") {
  const auto twice = function([](const Tensor& x) { return x * 2; });
  const Tensor first = twice(ops::array<float>({1, 2}));
  const Tensor second = twice(ops::array<float>({3, 4}));
  CHECK(numbers(first) == std::vector<double>{2, 4});
  CHECK(numbers(second) == std::vector<double>{6, 8});
}

TEST_CASE("variables may change places, and take inputs, constants and views") {
  const Variable a(ops::array<float>({1, 2})), b(ops::array<float>({3, 4}));
  const Variable c(ops::zeros({2, 2})), d(ops::zeros({2}));
  const auto step = function([&](const Tensor& x) {
    const Tensor old = a;
    a.assign(b);
    b.assign(old);
    c.assign(ops::transpose(x));
    d.assign(ops::array<float>({5, 6}));
    return old;
  });
  const Tensor old = step(ops::array<float>({{1, 2}, {3, 4}}));
  CHECK(numbers(old) == std::vector<double>{1, 2});
  CHECK(numbers(a) == std::vector<double>{3, 4});
  CHECK(numbers(b) == std::vector<double>{1, 2});
  CHECK(numbers(c) == std::vector<double>{1, 3, 2, 4});
  CHECK(numbers(d) == std::vector<double>{5, 6});
  step(ops::array<float>({{1, 2}, {3, 4}}));
  CHECK(numbers(a) == std::vector<double>{1, 2});
}

TEST_CASE("a variable read after its update gives the new value, before it the old one") {
  const Variable v(ops::array<float>({1, 2}));
  const auto step = function([&](const Tensor& x) {
    const Tensor before = v * 10;
    v.assign_add(x);
    return std::pair{before, v * 10};
  });
  for (int i = 0; i < 3; ++i) {
    const auto [before, after] = step(ops::array<float>({1, 1}));
    CHECK(numbers(before) == std::vector<double>{10.0 + 10 * i, 20.0 + 10 * i});
    CHECK(numbers(after) == std::vector<double>{20.0 + 10 * i, 30.0 + 10 * i});
  }
}

TEST_CASE("a step that throws changes no variable") {
  const Variable v(ops::array<float>({1, 2, 3}));
  const auto step = function([&](const Tensor& x, const Tensor& index) {
    v.assign(v.value() + x);
    return ops::take(x, index);
  });
  const Tensor ones = ops::ones({3});
  step(ones, ops::array<int>({0}));
  CHECK_THROWS_AS(step(ones, ops::array<int>({7})), IndexError);
  CHECK(numbers(v) == std::vector<double>{2, 3, 4});
  step(ones, ops::array<int>({2}));
  CHECK(numbers(v) == std::vector<double>{3, 4, 5});
}

TEST_CASE("rows, columns and scalars are read as broadcasting says, in tiles of any shape") {
  for (const auto& size :
       {std::pair{1, 1}, {1, 7}, {5, 1}, {3, 5}, {700, 3}, {40, 300}, {2, 9000}, {5000, 1}}) {
    const int rows = size.first, columns = size.second;
    CAPTURE(rows);
    CAPTURE(columns);
    const auto body =
        [](const Tensor& full, const Tensor& row, const Tensor& column, const Tensor& scalar) {
          const Tensor a = full * row + column;
          const Tensor b = ops::where(full > row, a - scalar, column);
          const Tensor c = ops::exp(ops::minimum(b, scalar)) / (1 + ops::square(row));
          return std::tuple{a, ops::cast(b > c, int32), c + ops::sum(c), ops::transpose(c) * 2};
        };
    const auto draw = [](const Shape& shape, int seed) {
      return random::normal(shape, {.seed = random::Seed(seed)});
    };
    const Tensor full = draw({rows, columns}, 1), row = draw({columns}, 2),
                 column = draw({rows, 1}, 3), scalar = draw({}, 4);
    const auto compiled = function(body);
    compiled(full, row, column, scalar);
    const auto [a, b, c, d] = compiled(full, row, column, scalar);
    const auto [e, f, g, h] = body(full, row, column, scalar);
    // The same loops, which may take an element in a vector or at a tail.
    CHECK(ops::allclose(a, e, {.rtol = 1e-6, .atol = 1e-6}));
    CHECK(ops::array_equal(b, f));
    CHECK(ops::allclose(c, g, {.rtol = 1e-5, .atol = 1e-5}));
    CHECK(ops::allclose(d, h, {.rtol = 1e-6, .atol = 1e-6}));
  }
}

TEST_CASE("results do not lie over inputs of smaller elements that are still read") {
  const auto f = function([](const Tensor& x) { return 1 + ops::where(x >= 0, x, 0.0); });
  const Tensor x = ops::array<float>({-1, 2, -3, 4, -5, 6, -7, 8});
  CHECK(numbers(f(x)) == std::vector<double>{1, 3, 1, 5, 1, 7, 1, 9});
}

TEST_CASE("inputs with gaps, empty ones, and outputs that are inputs") {
  const auto f = function([](const Tensor& x) { return std::pair{x, ops::exp(x)}; });
  const Tensor x = ops::reshape(ops::arange(6, {.dtype = float64}), {2, 3});
  const auto [same, grown] = f(ops::transpose(x));
  CHECK(ops::array_equal(same, ops::transpose(x)));
  CHECK(ops::allclose(grown, ops::exp(ops::transpose(x))));
  CHECK(f(ops::zeros({0, 3})).second.shape() == Shape{0, 3});
}

TEST_CASE("every op gives in a program what it gives by itself") {
  for (const OpDef* def : all_ops()) {
    const std::string name(def->name);
    CAPTURE(name);
    int number = 0;
    for (const Sample& sample : samples_of(*def)) {
      CAPTURE(number++);
      std::vector<Tensor> inputs;
      for (const SampleInput& input : sample.inputs) {
        const Tensor drawn = random::uniform(
            input.shape,
            {input.low, input.high, {}, random::Seed(static_cast<int>(inputs.size()) + 1)});
        const bool whole = !is_floating(input.dtype);
        inputs.push_back(ops::cast(whole ? ops::round(drawn) : drawn,
                                   input.dtype == float64 ? DType::float32 : input.dtype));
      }
      const Tensors outputs = testing::run_in_program(sample.op, inputs);
      const Tensors expected = run_any(sample.op, inputs);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        CHECK(outputs[i].spec() == expected[i].spec());
        CHECK(ops::allclose(
            outputs[i], expected[i], {.rtol = 1e-6, .atol = 1e-6, .equal_nan = true}));
      }
    }
  }
}

TEST_CASE("a bias and a relu go into the product before them, where nobody else wants it") {
  const auto draw = [](const Shape& shape, int seed) {
    return random::normal(shape, {.seed = random::Seed(seed)});
  };
  const Tensor x = draw({2, 5, 7}, 1), w = draw({7, 9}, 2), b = draw({9}, 3);
  const auto dense = [](const Tensor& a, const Tensor& k, const Tensor& c) {
    return ops::relu(ops::matmul(a, k) + c);
  };
  const auto fused = function(dense);
  CHECK(fused.program(x, w, b).stats().num_steps == 1);
  // Sums of seven float32 products, rounded in another order.
  CHECK(ops::allclose(fused(x, w, b), dense(x, w, b), {.rtol = 1e-5, .atol = 1e-5}));
  const auto apart = function([](const Tensor& a, const Tensor& k, const Tensor& c) {
    const Tensor product = ops::matmul(a, k);
    return std::pair{product, ops::relu(product + c)};
  });
  CHECK(apart.program(x, w, b).stats().num_steps == 3);
  CHECK(ops::allclose(apart(x, w, b).second, dense(x, w, b), {.rtol = 1e-5, .atol = 1e-5}));
}

TEST_CASE("a relu goes into the convolution before it, where nobody else wants that") {
  const auto draw = [](const Shape& shape, int seed) {
    return random::normal(shape, {.seed = random::Seed(seed)});
  };
  const Tensor x = draw({2, 5, 5, 3}, 1), w = draw({3, 3, 3, 4}, 2), b = draw({4}, 3);
  const auto net = [](const Tensor& a, const Tensor& k, const Tensor& c) {
    return ops::relu(ops::conv_bias(a, k, c, {.same = true}));
  };
  const auto fused = function(net);
  CHECK(fused.program(x, w, b).stats().num_steps == 1);
  CHECK(ops::allclose(fused(x, w, b), net(x, w, b), {.rtol = 1e-6, .atol = 1e-6}));
  const auto apart = function([](const Tensor& a, const Tensor& k, const Tensor& c) {
    const Tensor y = ops::conv_bias(a, k, c, {.same = true});
    return std::pair{y, ops::relu(y)};
  });
  CHECK(apart.program(x, w, b).stats().num_steps == 2);
  CHECK(ops::allclose(apart(x, w, b).second, net(x, w, b), {.rtol = 1e-6, .atol = 1e-6}));
}

TEST_CASE("equal steps are made once, multiplications by one and unused steps not at all") {
  const auto f = function([](const Tensor& x) {
    const Tensor unused = ops::exp(x);
    const Tensor a = ops::tanh(x * 1.0), b = ops::tanh(x);
    const Tensor constant = ops::full({}, 2) * 3 + 1;
    return a * b * constant;
  });
  const graph::Program& program = f.program(ops::ones({4}));
  CHECK(program.stats().num_steps == 3);
  CHECK(program.stats().num_units == 1);
  CHECK(f(ops::ones({4})).to_vector<float>()[0] == doctest::Approx(7 * 0.5800256584));
  std::ostringstream text;
  program.print(text);
  CHECK(text.str().find("tanh") != std::string::npos);
  CHECK(text.str().find("exp") == std::string::npos);
  CHECK(text.str().find("small arrays") != std::string::npos);
}

TEST_CASE("a division that is undone is left out, unless it keeps numbers finite") {
  const auto there_and_back = [](double by) {
    return function([by](const Tensor& x) { return ops::exp(x) / by * by; });
  };
  const Tensor x = ops::full({3}, 88.5);  // e^88.5 is near the largest float
  const auto means = there_and_back(6);
  CHECK(means.program(x).stats().num_steps == 1);
  // The division and the product round once each.
  CHECK(ops::allclose(means(x), ops::exp(x) / 6 * 6, {.rtol = 1.2e-7, .atol = 0}));
  const auto overflows = there_and_back(0.125);
  CHECK(overflows.program(x).stats().num_steps == 3);
  CHECK(std::isinf(overflows(x).to_vector<float>()[0]));
  const auto widens = function([](const Tensor& y) {
    const Tensor by = ops::full({3}, 4.0);
    return ops::exp(y) / by * by;
  });
  CHECK(widens.program(ops::full({}, 2.0)).stats().num_steps == 3);
}

TEST_CASE("passes end in reductions: of rows, of columns, of all, in one tile and in many") {
  const std::vector<Shape> shapes = {
      {4, 8}, {100, 64}, {3, 5000}, {5000, 3}, {300, 300}, {1, 4097}, {2, 7, 400}, {2049}};
  for (const Shape& shape : shapes) {
    for (const DType dtype : {float32, float64}) {
      CAPTURE(shape.str());
      CAPTURE(std::string(name_of(dtype)));
      const Tensor x = random::normal(shape, {.dtype = dtype, .seed = 3});
      const Tensor row = random::normal({shape.back()}, {.dtype = dtype, .seed = 4});
      const auto reduce = [&](const Tensor& input, const Tensor& beside) {
        const Tensor made = ops::tanh(input) * beside + 0.25;
        const Tensor scaled = made * 2;  // is used beyond the reductions, too
        return std::vector<Tensor>{ops::sum(made),
                                   ops::sum(made, {.axis = -1}),
                                   ops::sum(made, {.axis = 0}),
                                   ops::max(made, {.axis = 0, .keepdims = true}),
                                   ops::min(made, {.axis = -1, .keepdims = true}),
                                   ops::mean(ops::square(scaled)),
                                   scaled};
      };
      const auto compiled = function(reduce);
      const std::vector<Tensor> wanted = reduce(x, row);
      const int threads = num_threads();
      std::vector<Tensor> first;
      for (int run = 0; run < 3; ++run) {
        set_num_threads(1 + run % 2);
        const std::vector<Tensor> got = compiled(x, row);
        REQUIRE(got.size() == wanted.size());
        // Sums of up to 90,000 numbers of a size about 1, added up in another order.
        const double tolerance = dtype == float32 ? 1e-5 : 1e-13;
        for (std::size_t i = 0; i < got.size(); ++i) {
          CAPTURE(i);
          CHECK(got[i].shape() == wanted[i].shape());
          CHECK(ops::allclose(got[i], wanted[i], {.rtol = tolerance, .atol = tolerance * 100}));
          if (run > 0) CHECK(numbers(got[i]) == numbers(first[i]));
        }
        if (run == 0)
          for (const Tensor& result : got) first.push_back(result.clone());
      }
      set_num_threads(threads);
    }
  }
}

TEST_CASE("a reduction joins the pass that makes its input") {
  const auto f = function([](const Tensor& x) { return ops::mean(ops::square(ops::tanh(x))); });
  const graph::Program& program = f.program(ops::ones({300, 300}));
  CHECK(program.stats().num_units == 2);  // the pass, and the division by the number
}

TEST_CASE("planning asks for no memory of the values' size") {
  // 2^40 elements in a view and in what is computed from one of them.
  const std::int64_t side = std::int64_t{1} << 20;
  const std::int64_t peak = memory_stats().peak_bytes;
  const auto picks = function([&](const Tensor& x) {
    const Tensor wide = ops::broadcast_to(ops::reshape(x, {1, side}), {side, side});
    return ops::transpose(wide)[5] + 1.0;
  });
  const graph::Program program = picks.program(ops::zeros({side}));
  CHECK(program.stats().num_steps > 1);
  CHECK(memory_stats().peak_bytes - peak < (std::int64_t{1} << 26));
  CHECK(ops::array_equal(picks(ops::ones({side})), ops::full({side}, 2.0)));
}

TEST_CASE("views of views, some of which cannot be one, are found") {
  const Tensor x = ops::reshape(ops::arange(24.0), {2, 3, 4});
  const auto f = [](const Tensor& in) {
    const Tensor turned = ops::transpose(in);                        // (4, 3, 2)
    const Tensor flat = ops::reshape(turned, {12, 2});               // a copy
    const Tensor rows = ops::slice(flat, {{10, std::nullopt, -3}});  // (4, 2), from the end
    const Tensor again = ops::stop_gradient(ops::reshape(rows, {2, 2, 2})[1]);
    return std::vector{again * 2.0, ops::broadcast_to(again[0], {3, 2}), turned, rows};
  };
  const auto traced = function(f);
  const std::vector<Tensor> want = f(x), got = traced(x);
  for (std::size_t i = 0; i < want.size(); ++i) CHECK(ops::array_equal(got[i], want[i]));
}

TEST_CASE("long programs are compiled in a time that grows with their length") {
  // With anything quadratic a test of this length would take minutes.
  constexpr int kSteps = 30000;
  std::int64_t n = 0;
  SUBCASE("small arrays") { n = 4; }
  SUBCASE("large arrays, in tiles") { n = 4096; }
  const auto chain = function([&](const Tensor& x) {
    Tensor y = x;
    for (int i = 0; i < kSteps / 2; ++i) y = ops::maximum(y + 1.0, x * (1.0 / (i + 1)));
    return y;
  });
  const Tensor got = chain(ops::zeros({n}));
  CHECK(ops::array_equal(got, ops::full({n}, kSteps / 2)));
}

TEST_CASE("long programs of steps that depend on nothing, and their gradients") {
  constexpr int kSteps = 10000;
  const Variable w(ops::ones({4}));
  const auto sums = function([&](const Tensor& x) {
    GradientTape tape;
    std::vector<Tensor> parts;
    for (int i = 0; i < kSteps; ++i) parts.push_back(ops::tanh(w * (x + static_cast<double>(i))));
    Tensor total = parts[0];
    for (int i = 1; i < kSteps; ++i) total = total + parts[static_cast<std::size_t>(i)];
    return tape.gradient(total, w);
  });
  // d tanh(i) / dw = i / cosh(i)^2, which is 0 soon.
  double want = 0;
  for (int i = 0; i < 50; ++i) want += i / std::pow(std::cosh(i), 2);
  const Tensor got = sums(ops::zeros({4}));
  CHECK(got.to_vector<float>()[0] == doctest::Approx(want).epsilon(1e-4));
}
