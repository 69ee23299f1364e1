// Products that a compiled program makes tile by tile, together with the steps that read them.
#include <doctest/doctest.h>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/random.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/core/ops/update.hpp>
#include <nyala/core/parallel.hpp>

using namespace nyala;

namespace {

struct Sizes {
  std::int64_t m, n, k;
};
// Tiles of whole rows and of parts of rows, sizes that no block divides, a right operand that is
// packed, arrays that are fetched ahead, a product that is too deep for tiles.
constexpr Sizes kSizes[] = {{64, 64, 128},
                            {100, 48, 7},
                            {37, 130, 33},
                            {784, 128, 32},
                            {300, 528, 80},
                            {513, 515, 64},
                            {9, 3000, 20},
                            {2000, 24, 5},
                            {260, 1100, 70},
                            {80, 64, 300}};

Tensor draw(const Shape& shape, int seed, DType dtype) {
  return random::normal(shape, {.dtype = dtype, .seed = random::Seed(seed)});
}

// Sums of k products of numbers of a size about 1, rounded in another order.
double tolerance(DType dtype, std::int64_t k) {
  return (dtype == float32 ? 1e-6 : 1e-14) * static_cast<double>(k + 10);
}

void check_same(const Tensor& got, const Tensor& wanted, double tolerance) {
  CHECK(got.shape() == wanted.shape());
  CHECK(ops::allclose(got, wanted, {.rtol = tolerance, .atol = tolerance}));
}

// Weights and two averages, which a gradient made by a product updates as Adam does.
struct Weights {
  Variable w, m, v;

  Weights(const Shape& shape, DType dtype)
      : w(draw(shape, 1, dtype)),
        m(draw(shape, 2, dtype), {.trainable = false}),
        v(ops::square(draw(shape, 3, dtype)), {.trainable = false}) {}
  void operator()(const Tensor& x, const Tensor& d) const {
    const Tensor gradient = ops::matmul(ops::transpose(x), d);
    const Tensor next_m = ops::lerp(m, gradient, 0.1);
    m.assign(next_m);
    const Tensor next_v = ops::lerp_square(v, gradient, 0.001);
    v.assign(next_v);
    w.assign(ops::root_step(w, next_m, next_v, ops::full({}, 0.01, {x.dtype()}), 1e-7));
  }
};

}  // namespace

TEST_CASE("products run with the steps that follow, of every shape and with one thread or two") {
  const int threads = num_threads();
  for (const Sizes& sizes : kSizes) {
    const std::int64_t m = sizes.m, n = sizes.n, k = sizes.k;
    for (const DType dtype : {float32, float64}) {
      CAPTURE(m);
      CAPTURE(n);
      CAPTURE(k);
      const Tensor x = draw({m, k}, 1, dtype), turned = draw({k, m}, 2, dtype);
      const Tensor w = draw({k, n}, 3, dtype), b = draw({n}, 4, dtype), y = draw({m, n}, 5, dtype);
      const auto f = [](const Tensor& a,
                        const Tensor& at,
                        const Tensor& right,
                        const Tensor& row,
                        const Tensor& beside) {
        const Tensor first = ops::tanh(ops::matmul(a, right) + row);
        const Tensor second = ops::matmul(ops::transpose(at), right) * beside + 1;
        return std::vector<Tensor>{first,
                                   ops::sum(first, {.axis = 0}),
                                   second,
                                   ops::max(second, {.axis = -1}),
                                   ops::sum(second)};
      };
      const auto compiled = function(f);
      const std::vector<Tensor> wanted = f(x, turned, w, b, y);
      std::vector<Tensor> first;
      for (int run = 0; run < 3; ++run) {
        set_num_threads(1 + run % 2);
        const std::vector<Tensor> got = compiled(x, turned, w, b, y);
        for (std::size_t i = 0; i < wanted.size(); ++i) {
          CAPTURE(i);
          const bool is_total = i == 1 || i == 4;
          check_same(
              got[i], wanted[i], tolerance(dtype, k) * static_cast<double>(is_total ? m : 1));
          if (run == 0)
            first.push_back(got[i].clone());
          else
            CHECK(ops::array_equal(got[i], first[i]));
        }
      }
    }
  }
  set_num_threads(threads);
}

TEST_CASE("a gradient is made where the weights are updated") {
  for (const Sizes& sizes : kSizes) {
    const std::int64_t m = sizes.m, n = sizes.n, k = sizes.k;
    for (const DType dtype : {float32, float64}) {
      CAPTURE(m);
      CAPTURE(n);
      CAPTURE(k);
      const Tensor x = draw({k, m}, 4, dtype), d = draw({k, n}, 5, dtype);
      const Weights eager({m, n}, dtype), compiled({m, n}, dtype);
      const auto step = function([&](const Tensor& a, const Tensor& b) {
        compiled(a, b);
        return ops::sum(a);
      });
      for (int i = 0; i < 3; ++i) {
        eager(x, d);
        step(x, d);
      }
      const double most = 4 * tolerance(dtype, k);
      check_same(compiled.m, eager.m, most);
      check_same(compiled.v, eager.v, most * static_cast<double>(k));
      check_same(compiled.w, eager.w, most);
    }
  }
}

TEST_CASE("a replay with products in passes asks for no memory") {
  const Weights weights({300, 528}, float32);
  const auto step = function([&](const Tensor& a, const Tensor& b) {
    weights(a, b);
    return a;
  });
  const Tensor x = draw({80, 300}, 4, float32), d = draw({80, 528}, 5, float32);
  for (int i = 0; i < 3; ++i) step(x, d);
  const MemoryStats before = memory_stats();
  for (int i = 0; i < 5; ++i) step(x, d);
  CHECK(memory_stats().system_calls == before.system_calls);
  CHECK(memory_stats().allocations == before.allocations);
}

TEST_CASE("a product reads all of a variable before any of it is written over") {
  const Variable eager(draw({130, 130}, 1, float64)), compiled(draw({130, 130}, 1, float64));
  const auto update = [](const Variable& w, const Tensor& x) {
    const Tensor value = w;
    w.assign(value - 0.01 * (ops::matmul(value, x) + ops::matmul(ops::transpose(x), value)));
  };
  const Tensor x = draw({130, 130}, 2, float64);
  const auto step = function([&](const Tensor& input) {
    update(compiled, input);
    return ops::sum(input);
  });
  for (int i = 0; i < 3; ++i) {
    update(eager, x);
    step(x);
  }
  check_same(compiled, eager, 1e-11);
}

TEST_CASE("steps like Adam's that read each other's results give what they give one by one") {
  const auto f = [](const Tensor& x, const Tensor& g, const Tensor& v) {
    const Tensor m = ops::lerp(x, g, 0.3);
    const Tensor next = ops::lerp_square(v, g, 0.2);
    const Tensor rate = ops::full({}, 0.01, {x.dtype()});
    return ops::root_step(m, m, next, rate, 1e-7) + ops::root_step(next, m, next, rate, 1e-7);
  };
  const auto compiled = function(f);
  for (const Shape& shape : {Shape{40}, Shape{70, 90}}) {
    const Tensor x = draw(shape, 1, float64), g = draw(shape, 2, float64);
    const Tensor v = ops::square(draw(shape, 3, float64));
    check_same(compiled(x, g, v), f(x, g, v), 1e-12);
  }
}

TEST_CASE("a pass may keep more results than fit into its tiles") {
  const auto f = [](const Tensor& x) {
    std::vector<Tensor> kept;
    for (int i = 0; i < 150; ++i) kept.push_back(ops::tanh(x * (0.01 * i)));
    Tensor sum = kept.back();
    for (int i = 0; i < 150; ++i) sum = sum * 0.5 + kept[static_cast<std::size_t>(i)];
    return sum;
  };
  const auto compiled = function(f);
  for (const Shape& shape : {Shape{5000}, Shape{70, 90}}) {
    const Tensor x = draw(shape, 1, float64);
    check_same(compiled(x), f(x), 1e-12);
  }
}
