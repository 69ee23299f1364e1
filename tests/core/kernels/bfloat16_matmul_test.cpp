// Products of bfloat16 against sums in double: each is rounded once.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/half.hpp>
#include <nyala/core/kernels/bfloat16_matmul.hpp>
#include <nyala/core/parallel.hpp>

#include "core/kernels/matrices.hpp"
#include "core/kernels/numbers.hpp"

using namespace nyala;
using namespace nyala::kernels;

namespace {

void check(const Size& size, int a_layout, int b_layout, bool with_bias, bool relu) {
  const std::int64_t m = size.m, n = size.n, k = size.k;
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  CAPTURE(a_layout);
  CAPTURE(b_layout);
  const MatrixStrides a_at = strides(a_layout, m, k), b_at = strides(b_layout, k, n);
  // Exactly as long as the last element needs: a read beyond is a sanitizer's find.
  const auto a = numbers<BFloat16>((m - 1) * a_at.row + (k - 1) * a_at.column + 1, 1);
  const auto b = numbers<BFloat16>((k - 1) * b_at.row + (n - 1) * b_at.column + 1, 2);
  const auto bias = numbers<BFloat16>(n, 3);
  const std::int64_t c_row = m == 1 || n == 1 ? n : n + 2;
  const BFloat16 untouched(77.0f);
  std::vector<BFloat16> c(static_cast<std::size_t>((m - 1) * c_row + n), untouched);
  const MatmulPlan plan = plan_matmul({bfloat16, m, n, k, a_at, b_at, c_row, {.relu = relu}});
  plan(a.data(), b.data(), with_bias ? bias.data() : nullptr, c.data());

  int wrong = 0;
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = with_bias ? static_cast<float>(bias[static_cast<std::size_t>(j)]) : 0;
      double terms = std::abs(sum);
      for (std::int64_t p = 0; p < k; ++p) {
        const double term =
            static_cast<double>(
                static_cast<float>(a[static_cast<std::size_t>(i * a_at.row + p * a_at.column)])) *
            static_cast<float>(b[static_cast<std::size_t>(p * b_at.row + j * b_at.column)]);
        sum += term;
        terms += std::abs(term);
      }
      if (relu && sum < 0) sum = 0;
      // Half a unit of bfloat16, and what float32 loses over k sums.
      const double bound = std::abs(sum) * 0x1p-8 + terms * 0x1p-23 * static_cast<double>(k + 2);
      const float got = c[static_cast<std::size_t>(i * c_row + j)];
      wrong += !(std::abs(got - sum) <= bound);
    }
    for (std::int64_t j = n; j < c_row && i + 1 < m; ++j)
      wrong += c[static_cast<std::size_t>(i * c_row + j)] != untouched;
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_SUITE("kernels") {
  TEST_CASE("Products of bfloat16 are sums of float32, rounded once") {
    if (!multiplies_bfloat16()) return;
    for (const Size& size : {Size{1, 1, 1},
                             Size{3, 5, 2},
                             Size{9, 16, 7},
                             Size{8, 17, 33},
                             Size{17, 64, 64},
                             Size{13, 49, 65},
                             Size{31, 100, 130},
                             Size{40, 1, 50},
                             Size{1, 70, 40},
                             Size{300, 30, 600}}) {
      for (int a = 0; a < kLayouts; ++a) {
        for (int b = 0; b < kLayouts; ++b) check(size, a, b, false, false);
      }
      check(size, 0, 0, true, false);
      check(size, 1, 4, true, true);
    }
  }

  TEST_CASE("Bits of bfloat16 products do not depend on threads") {
    if (!multiplies_bfloat16()) return;
    const std::int64_t m = 300, n = 400, k = 301;
    const auto a = numbers<BFloat16>(m * k, 5), b = numbers<BFloat16>(k * n, 6);
    const int before = num_threads();
    const auto run = [&](int threads) {
      set_num_threads(threads);
      std::vector<BFloat16> c(static_cast<std::size_t>(m * n));
      plan_matmul({bfloat16, m, n, k, {k, 1}, {n, 1}, n})(a.data(), b.data(), c.data());
      return c;
    };
    const auto one = run(1);
    for (int threads : {2, 8}) {
      const auto other = run(threads);
      CHECK(std::equal(one.begin(), one.end(), other.begin(), [](BFloat16 x, BFloat16 y) {
        return x.bits == y.bits;
      }));
    }
    set_num_threads(before);
  }

  TEST_CASE(
      "A product of bfloat16 keeps infinities and NaN, is the bias where k is 0, and is not added "
      "to what is there") {
    if (!multiplies_bfloat16()) return;
    const float inf = std::numeric_limits<float>::infinity();
    const std::vector<BFloat16> a{BFloat16(inf), BFloat16(1.0f), BFloat16(inf), BFloat16(-inf)};
    const std::vector<BFloat16> b{BFloat16(1.0f), BFloat16(1.0f)};
    std::vector<BFloat16> c(2);
    plan_matmul({bfloat16, 2, 1, 2, {2, 1}, {1, 1}, 1, {.relu = true}})(
        a.data(), b.data(), c.data());
    CHECK(static_cast<float>(c[0]) == inf);
    CHECK(std::isnan(static_cast<float>(c[1])));
    const std::vector<BFloat16> bias{BFloat16(3.0f)};
    plan_matmul({bfloat16, 2, 1, 0, {0, 1}, {1, 1}, 1})(nullptr, nullptr, bias.data(), c.data());
    CHECK(static_cast<float>(c[1]) == 3);
    CHECK_THROWS_AS(plan_matmul({bfloat16, 2, 1, 2, {2, 1}, {1, 1}, 1, {.accumulate = true}}),
                    TypeError);
  }
}
