#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/parallel.hpp>

#include "core/kernels/matrices.hpp"
#include "core/kernels/numbers.hpp"
#include "core/kernels/targets.hpp"

using namespace nyala;
using namespace nyala::kernels;

namespace {

template <class T>
struct Case {
  Size size;
  MatrixStrides a, b;
  MatmulOptions options = {};
  bool with_bias = false;
};

// What each element must be, and how far from it rounding may lead.
struct Expected {
  double value, bound;
};
template <class T>
std::vector<Expected> expected_of(
    const Case<T>& x, const T* a, const T* b, const T* bias, const T* c) {
  std::vector<Expected> all;
  for (std::int64_t i = 0; i < x.size.m; ++i) {
    for (std::int64_t j = 0; j < x.size.n; ++j) {
      double sum = x.options.accumulate ? static_cast<double>(c[i * (x.size.n + 2) + j]) : 0;
      if (x.with_bias) sum += static_cast<double>(bias[j]);
      double size = std::abs(sum) + 1;
      for (std::int64_t p = 0; p < x.size.k; ++p) {
        const double term = static_cast<double>(a[i * x.a.row + p * x.a.column]) *
                            static_cast<double>(b[p * x.b.row + j * x.b.column]);
        sum += term;
        size += std::abs(term);
      }
      if (x.options.relu) sum = std::max(sum, 0.0);
      // A sum of k products, a bias and what was there rounds k + 2 times at worst.
      all.push_back(
          {sum, static_cast<double>(x.size.k + 2) * std::numeric_limits<T>::epsilon() * size});
    }
  }
  return all;
}

// Compares a plan with a loop over doubles; what lies between the rows of c must stay.
template <class T>
void check(const Case<T>& x) {
  const std::int64_t m = x.size.m, n = x.size.n, k = x.size.k;
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  CAPTURE(x.a.row);
  CAPTURE(x.a.column);
  CAPTURE(x.b.row);
  CAPTURE(x.b.column);
  const std::vector<T> a = numbers<T>(2 * (m + 5) * (k + 5), 1);
  const std::vector<T> b = numbers<T>(2 * (k + 5) * (n + 5), 2);
  const std::vector<T> bias = numbers<T>(n, 3), before = numbers<T>(m * (n + 2), 4);
  const auto expected = expected_of(x, a.data(), b.data(), bias.data(), before.data());
  for_each_target([&](const std::string& instructions) {
    CAPTURE(instructions);
    std::vector<T> c = before;
    const MatmulPlan plan = plan_matmul({dtype_of<T>, m, n, k, x.a, x.b, n + 2, x.options});
    plan(a.data(), b.data(), x.with_bias ? bias.data() : nullptr, c.data());
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n + 2; ++j) {
        const auto at = static_cast<std::size_t>(i * (n + 2) + j);
        if (j >= n) {
          wrong += c[at] != before[at];
        } else {
          const Expected& e = expected[static_cast<std::size_t>(i * n + j)];
          wrong += !(std::abs(static_cast<double>(c[at]) - e.value) <= e.bound);
        }
      }
    }
    CHECK(wrong == 0);
  });
}

template <class T>
void check_layouts(Size size) {
  for (int a = 0; a < kLayouts; ++a) {
    for (int b = 0; b < kLayouts; ++b)
      check<T>({size, strides(a, size.m, size.k), strides(b, size.k, size.n)});
  }
}

constexpr std::array<Size, 28> kSizes = {
    {{1, 1, 1},      {4, 8, 2},      {32, 16, 4},    {32, 3, 16},    {16, 3, 32},  {5, 7, 9},
     {1, 1, 5000},   {1, 33, 70},    {33, 1, 70},    {2, 40, 19},    {3, 129, 7},  {13, 17, 31},
     {64, 10, 33},   {40, 12, 20},   {70, 6, 11},    {29, 64, 300},  {65, 65, 1},  {66, 100, 40},
     {70, 90, 257},  {9, 500, 6},    {130, 9, 6},    {1, 300, 600},  {2, 70, 530}, {80, 64, 520},
     {20, 66, 2100}, {270, 66, 257}, {72, 160, 300}, {72, 112, 1100}}};

}  // namespace

TEST_CASE_TEMPLATE("planned products of every layout, with each instruction set",
                   T,
                   float,
                   double) {
  for (const Size& size : kSizes) check_layouts<T>(size);
}

TEST_CASE_TEMPLATE("planned products add up, take a bias and a relu", T, float, double) {
  for (const Size& size : kSizes) {
    for (int layouts = 0; layouts < 4; ++layouts) {
      const MatrixStrides a = strides(layouts % 2, size.m, size.k);
      const MatrixStrides b = strides(layouts / 2, size.k, size.n);
      check<T>({size, a, b, {.accumulate = true}});
      check<T>({size, a, b, {}, true});
      check<T>({size, a, b, {.accumulate = true, .relu = true}, true});
    }
  }
}

TEST_CASE_TEMPLATE("a product with a matrix beyond the second cache", T, float, double) {
  const Size size{136, 850, 950};
  check<T>({size, strides(0, size.m, size.k), strides(0, size.k, size.n)});
}

TEST_CASE("a relu after a product keeps NaN") {
  const std::array<float, 2> a = {1, std::nanf("")};
  const std::array<float, 2> b = {-1, 1};
  std::array<float, 4> c{};
  plan_matmul({float32, 2, 2, 1, {1, 1}, {2, 1}, 2, {.relu = true}})(a.data(), b.data(), c.data());
  CHECK(c[0] == 0);
  CHECK(c[1] == 1);
  CHECK(std::isnan(c[2]));
  CHECK(std::isnan(c[3]));
}

TEST_CASE("products without elements or terms") {
  std::array<float, 2> c = {1, -2};
  const std::array<float, 2> bias = {3, -4};
  plan_matmul({float32, 0, 2, 3, {3, 1}, {2, 1}, 2})(nullptr, nullptr, c.data());
  CHECK(c == std::array<float, 2>{1, -2});
  const auto no_terms = [](MatmulOptions options) {
    return plan_matmul({float32, 1, 2, 0, {0, 1}, {2, 1}, 2, options});
  };
  no_terms({.accumulate = true})(nullptr, nullptr, bias.data(), c.data());
  CHECK(c == std::array<float, 2>{4, -6});
  no_terms({.relu = true})(nullptr, nullptr, bias.data(), c.data());
  CHECK(c == std::array<float, 2>{3, 0});
  no_terms({})(nullptr, nullptr, c.data());
  CHECK(c == std::array<float, 2>{0, 0});
}

TEST_CASE("options of products of integers throw") {
  CHECK_THROWS_AS(plan_matmul({int32, 2, 2, 2, {2, 1}, {2, 1}, 2, {.relu = true}}), TypeError);
  CHECK_THROWS_AS(plan_matmul({bool_, 2, 2, 2, {2, 1}, {2, 1}, 2, {.accumulate = true}}),
                  TypeError);
}

TEST_CASE_TEMPLATE("large products do not depend on the number of threads", T, float, double) {
  const int threads = num_threads();
  for (const Size& size : {Size{100, 300, 170},
                           {700, 130, 40},
                           {32, 130, 784},
                           {1, 3000, 900},
                           {300, 340, 520},
                           {2500, 10, 200}}) {
    for (int layouts = 0; layouts < 4; ++layouts) {
      const auto [m, n, k] = size;
      const std::vector<T> a = numbers<T>(m * k, 5), b = numbers<T>(k * n, 6);
      const MatmulPlan plan = plan_matmul(
          {dtype_of<T>, m, n, k, strides(layouts % 2, m, k), strides(layouts / 2, k, n), n});
      std::vector<std::vector<T>> results;
      for (const int count : {1, 2, 5}) {
        set_num_threads(count);
        results.emplace_back(static_cast<std::size_t>(m * n));
        plan(a.data(), b.data(), results.back().data());
      }
      CHECK(results[0] == results[1]);
      CHECK(results[0] == results[2]);
    }
  }
  set_num_threads(threads);
}

TEST_CASE_TEMPLATE(
    "planned batches equal their products one by one", T, float, double, std::int32_t) {
  for (const Size& size : {Size{1, 1, 64},
                           {1, 1, 7},
                           {1, 64, 1},
                           {64, 1, 1},
                           {5, 1, 9},
                           {1, 33, 20},
                           {8, 16, 8},
                           {70, 60, 50},
                           {3, 4, 0}}) {
    const auto [m, n, k] = size;
    const std::array<std::int64_t, 2> batch = {3, 23};
    const std::vector<T> a = numbers<T>(69 * (m * k + 1) + 1, 7),
                         b = numbers<T>(69 * (k * n + 1) + 1, 8);
    using Strides = std::array<std::int64_t, 2>;
    for (const Strides& a_batch :
         {Strides{23 * m * k, m * k}, Strides{m * k, 3 * m * k}, Strides{0, 1}}) {
      for (const Strides& b_batch : {Strides{23 * k * n, k * n}, Strides{1, 0}, Strides{0, 0}}) {
        std::vector<T> c(static_cast<std::size_t>(69 * m * n), T{77}),
            one(static_cast<std::size_t>(m * n));
        plan_batched_matmul(
            {dtype_of<T>, m, n, k, {k, 1}, {1, k}, n}, batch, a_batch.data(), b_batch.data())(
            a.data(), b.data(), c.data());
        std::int64_t wrong = 0;
        for (std::int64_t i = 0; i < 69; ++i) {
          const T* left = a.data() + i / 23 * a_batch[0] + i % 23 * a_batch[1];
          const T* right = b.data() + i / 23 * b_batch[0] + i % 23 * b_batch[1];
          plan_matmul({dtype_of<T>, m, n, k, {k, 1}, {1, k}, n})(left, right, one.data());
          for (std::int64_t j = 0; j < m * n; ++j) {
            // Sums of up to 64 terms of at most 1, in another order.
            wrong += std::abs(static_cast<double>(c[static_cast<std::size_t>(i * m * n + j)]) -
                              static_cast<double>(one[static_cast<std::size_t>(j)])) > 1e-5;
          }
        }
        CHECK(wrong == 0);
      }
    }
  }
}
