#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <nyala/core/kernels/normalize.hpp>
#include <nyala/core/parallel.hpp>

#include "core/kernels/numbers.hpp"
#include "core/kernels/targets.hpp"

using namespace nyala;
using namespace nyala::kernels;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <class T>
void check(std::int64_t outer, std::int64_t n, std::int64_t inner, LengthClamp clamp) {
  CAPTURE(outer);
  CAPTURE(n);
  CAPTURE(inner);
  const std::vector<T> x = numbers<T>(outer * n * inner, 1), dy = numbers<T>(outer * n * inner, 2);
  std::vector<T> y(x.size()), dx(x.size());
  const NormalizedLines of{dtype_of<T>, outer, n, inner, clamp};
  l2_normalize(of, x.data(), y.data());
  l2_normalize_grad(of, x.data(), dy.data(), dx.data());
  std::vector<T> factors(static_cast<std::size_t>(outer * inner)), again(x.size()), same(x.size());
  l2_normalize(of, x.data(), again.data(), factors.data());
  CHECK(again == y);
  l2_normalize_grad(of, x.data(), dy.data(), factors.data(), same.data());
  CHECK(same == dx);
  std::int64_t wrong = 0;
  for (std::int64_t row = 0; row < outer * inner; ++row) {
    const auto at = [&](std::int64_t i) {
      return static_cast<std::size_t>((row / inner * n + i) * inner + row % inner);
    };
    double squares = 0, x_dy = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      squares += static_cast<double>(x[at(i)]) * static_cast<double>(x[at(i)]);
      x_dy += static_cast<double>(x[at(i)]) * static_cast<double>(dy[at(i)]);
    }
    double r = 1 / std::sqrt(std::max(squares, clamp.least));
    const bool clamped = squares < clamp.least || r > clamp.most;
    r = std::min(r, clamp.most);
    const double slope = clamped ? 0 : -r * r * r * x_dy;
    // The sums round up to n times, what follows less than eight times.
    const double bound = static_cast<double>(n + 8) * std::numeric_limits<T>::epsilon() *
                         (r + std::abs(slope) + r * r * r * static_cast<double>(n));
    for (std::int64_t i = 0; i < n; ++i) {
      const double x_i = static_cast<double>(x[at(i)]);
      wrong += !(std::abs(static_cast<double>(y[at(i)]) - r * x_i) <= bound);
      wrong += !(std::abs(static_cast<double>(dx[at(i)]) -
                          (r * static_cast<double>(dy[at(i)]) + slope * x_i)) <= bound);
    }
  }
  CHECK(wrong == 0);
}

template <class T>
void check_dots(std::int64_t rows, std::int64_t n, LengthClamp clamp) {
  CAPTURE(rows);
  CAPTURE(n);
  const std::vector<T> x = numbers<T>(rows * n, 1), y = numbers<T>(rows * n, 2);
  const std::vector<T> ddot = numbers<T>(rows, 3);
  std::vector<T> dot(ddot.size()), dx(x.size());
  const NormalizedLines of{dtype_of<T>, rows, n, 1, clamp};
  normalized_dot(of, x.data(), y.data(), dot.data());
  normalized_dot_grad(of, x.data(), y.data(), ddot.data(), dx.data());
  std::int64_t wrong = 0;
  for (std::int64_t row = 0; row < rows; ++row) {
    const auto at = [&](const std::vector<T>& v, std::int64_t i) {
      return static_cast<double>(v[static_cast<std::size_t>(row * n + i)]);
    };
    double xx = 0, yy = 0, xy = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      xx += at(x, i) * at(x, i);
      yy += at(y, i) * at(y, i);
      xy += at(x, i) * at(y, i);
    }
    const bool clamped = xx < clamp.least || 1 / std::sqrt(std::max(xx, clamp.least)) > clamp.most;
    const double r = std::min(1 / std::sqrt(std::max(xx, clamp.least)), clamp.most);
    const double s = std::min(1 / std::sqrt(std::max(yy, clamp.least)), clamp.most);
    const double d = static_cast<double>(ddot[static_cast<std::size_t>(row)]);
    const double slope = clamped ? 0 : -r * r * r * s * xy * d;
    // The sums round up to n times, what follows less than twelve times.
    const double bound = static_cast<double>(n + 12) * std::numeric_limits<T>::epsilon() *
                         (r * s + r * r * r * s) * static_cast<double>(n);
    wrong +=
        !(std::abs(static_cast<double>(dot[static_cast<std::size_t>(row)]) - xy * r * s) <= bound);
    for (std::int64_t i = 0; i < n; ++i)
      wrong += !(std::abs(at(dx, i) - (r * s * d * at(y, i) + slope * at(x, i))) <= bound);
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE_TEMPLATE("products of rows of length one", T, float, double) {
  for_each_target([](const std::string& target) {
    CAPTURE(target);
    for (const std::int64_t n : {1, 2, 7, 16, 31, 64, 100}) {
      for (const std::int64_t rows : {1, 3, 16, 37}) check_dots<T>(rows, n, {1e7, 0});
    }
    check_dots<T>(40, 7, {0.5, 0});          // every row of this length is clamped
    check_dots<T>(40, 3, {1, 0});            // some are
    check_dots<T>(21, 3, {kInfinity, 0.7});  // by the sum of squares
    check_dots<T>(0, 3, {1e7, 0});
    check_dots<T>(3, 0, {1e7, 0});
  });
}

TEST_CASE_TEMPLATE("rows of every size, near and far", T, float, double) {
  for_each_target([](const std::string& target) {
    CAPTURE(target);
    for (const std::int64_t n : {1, 2, 7, 16, 31, 32, 64, 100}) {
      for (const std::int64_t inner : {1, 2, 5, 16, 33, 130}) check<T>(3, n, inner, {1e7, 0});
    }
    check<T>(40, 7, 1, {0.5, 0});          // every row of this length is clamped
    check<T>(40, 3, 1, {1, 0});            // some are
    check<T>(3, 3, 21, {kInfinity, 0.7});  // by the sum of squares
    check<T>(0, 3, 1, {1e7, 0});
    check<T>(3, 0, 2, {1e7, 0});
  });
}

TEST_CASE_TEMPLATE("a row of zeros stays, and its gradient is clamped", T, float, double) {
  const std::vector<T> x(5), dy(5, T{2});
  std::vector<T> y(5, T{9}), dx(5);
  const NormalizedLines of{dtype_of<T>, 1, 5, 1, {100, 0}};
  l2_normalize(of, x.data(), y.data());
  l2_normalize_grad(of, x.data(), dy.data(), dx.data());
  CHECK(y == x);
  CHECK(dx == std::vector<T>(5, T{200}));
}

TEST_CASE("NaN fills its row alone") {
  std::vector<float> x = {1, 2, std::nanf(""), 3, 4, 5};
  l2_normalize({float32, 2, 3, 1, {1e7, 0}}, x.data(), x.data());
  for (std::size_t i = 0; i < 3; ++i) CHECK(std::isnan(x[i]));
  CHECK(x[3] == doctest::Approx(3 / std::sqrt(50)));
}

TEST_CASE_TEMPLATE("rows do not depend on the number of threads", T, float, double) {
  const int threads = num_threads();
  for (const std::int64_t inner : {1, 70}) {
    const std::vector<T> x = numbers<T>(5000 * 70, 3), dy = numbers<T>(5000 * 70, 4);
    std::vector<T> one(x.size()), three(x.size());
    const NormalizedLines of{dtype_of<T>, 5000 / inner, 70, inner, {1e7, 0}};
    set_num_threads(1);
    l2_normalize_grad(of, x.data(), dy.data(), one.data());
    set_num_threads(3);
    l2_normalize_grad(of, x.data(), dy.data(), three.data());
    CHECK(one == three);
  }
  set_num_threads(threads);
}
