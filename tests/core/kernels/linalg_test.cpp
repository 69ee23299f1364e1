#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include <nyala/core/kernels/linalg.hpp>

#include "core/kernels/numbers.hpp"

using namespace nyala;
using namespace nyala::kernels;

namespace {

// Numbers with a heavy diagonal: far from singular.
template <class T>
std::vector<T> matrices(std::int64_t batch, std::int64_t n) {
  std::vector<T> a = numbers<T>(batch * n * n, 1);
  for (std::int64_t i = 0; i < batch * n; ++i)
    a[static_cast<std::size_t>(i * n + i % n)] += static_cast<T>(n);
  return a;
}

}  // namespace

TEST_CASE_TEMPLATE("systems, factors and determinants of several sizes", T, float, double) {
  const double epsilon = std::numeric_limits<T>::epsilon();
  for (const std::int64_t n : {1, 2, 5, 33, 70}) {
    CAPTURE(n);
    constexpr std::int64_t batch = 3, k = 4;
    const std::vector<T> a = matrices<T>(batch, n), b = numbers<T>(batch * n * k, 2);
    std::vector<T> x(b.size()), squares(a.size()), factors(a.size());
    REQUIRE(solve(dtype_of<T>, batch, n, k, a.data(), b.data(), x.data()));
    double worst = 0;
    const auto at = [](const std::vector<T>& v, std::int64_t i) {
      return static_cast<double>(v[static_cast<std::size_t>(i)]);
    };
    for (std::int64_t i = 0; i < batch * n; ++i) {
      const std::int64_t first = i / n * n;
      for (std::int64_t j = 0; j < k; ++j) {
        double sum = 0;
        for (std::int64_t l = 0; l < n; ++l) sum += at(a, i * n + l) * at(x, (first + l) * k + j);
        worst = std::fmax(worst, std::abs(sum - at(b, i * k + j)));
      }
    }
    // x is rounded once; a row of a sums up to 2 n.
    CHECK(worst < 4 * epsilon * static_cast<double>(n));

    for (std::int64_t i = 0; i < batch * n; ++i) {
      const std::int64_t first = i / n * n;
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t l = 0; l < n; ++l) sum += at(a, i * n + l) * at(a, (first + j) * n + l);
        squares[static_cast<std::size_t>(i * n + j)] = static_cast<T>(sum);
      }
    }
    REQUIRE(cholesky(dtype_of<T>, batch, n, squares.data(), factors.data()));
    worst = 0;
    for (std::int64_t i = 0; i < batch * n; ++i) {
      const std::int64_t first = i / n * n;
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t l = 0; l < n; ++l)
          sum += at(factors, i * n + l) * at(factors, (first + j) * n + l);
        worst = std::fmax(worst, std::abs(sum - at(squares, i * n + j)));
        if (j > i % n) CHECK(at(factors, i * n + j) == 0);
      }
    }
    // Factors are as large as n, their squares as n squared.
    CHECK(worst < 8 * epsilon * static_cast<double>(n * n));
  }
  // The sign follows the swaps of rows.
  const std::vector<T> known = {0, 2, 1, 1, 0, 0, 0, 0, 3, 1, 2, 3, 2, 4, 6, 0, 1, 5};
  std::vector<T> values(2);
  determinant(dtype_of<T>, 2, 3, known.data(), values.data());
  CHECK(static_cast<double>(values[0]) == doctest::Approx(-6));
  CHECK(static_cast<double>(values[1]) == doctest::Approx(0));
  determinant(dtype_of<T>, 1, 0, nullptr, values.data());
  CHECK(values[0] == 1);
}

TEST_CASE("matrices that have no solution or factor") {
  const std::vector<double> singular = {1, 2, 2, 4}, b = {1, 1};
  std::vector<double> x(4);
  CHECK_FALSE(solve(float64, 1, 2, 1, singular.data(), b.data(), x.data()));
  const std::vector<double> negative = {1, 2, 2, 1};
  CHECK_FALSE(cholesky(float64, 1, 2, negative.data(), x.data()));
  const std::vector<double> unknown = {1, 0, 0, std::nan("")};
  CHECK_FALSE(cholesky(float64, 1, 2, unknown.data(), x.data()));
}
