#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/nn.hpp>

#include "core/kernels/targets.hpp"

using namespace nyala;
using namespace nyala::kernels;

namespace {

// Each line of (outer, n, inner), in double.
struct Line {
  std::vector<double> x, dy;

  double log_sum() const {
    double max = -std::numeric_limits<double>::infinity(), sum = 0;
    for (const double value : x) max = std::fmax(max, value);
    for (const double value : x) sum += std::exp(value - max);
    return max + std::log(sum);
  }
};

template <class T>
void check_size(std::int64_t outer, std::int64_t n, std::int64_t inner) {
  CAPTURE(n);
  CAPTURE(inner);
  std::mt19937 random(3);
  std::uniform_real_distribution<double> value(-4, 4);
  const auto size = static_cast<std::size_t>(outer * n * inner);
  std::vector<T> x(size), dy(size), y(size), log_y(size), dx(size), log_dx(size);
  for (T& element : x) element = static_cast<T>(value(random));
  for (T& element : dy) element = static_cast<T>(value(random));
  std::vector<T> sums(static_cast<std::size_t>(outer * inner));
  const DType dtype = dtype_of<T>;
  softmax(dtype, outer, n, inner, x.data(), y.data());
  log_softmax(dtype, outer, n, inner, x.data(), log_y.data());
  softmax_grad(dtype, outer, n, inner, y.data(), dy.data(), dx.data());
  log_softmax_grad(dtype, outer, n, inner, log_y.data(), dy.data(), log_dx.data());
  logsumexp(dtype, outer, n, inner, x.data(), sums.data());
  // Some roundings at the size of the terms, and one for each doubling of the line's length.
  const double tolerance = 40 * std::numeric_limits<T>::epsilon();
  double worst = 0;
  for (std::int64_t line = 0; line < outer * inner; ++line) {
    const auto at = [&](std::int64_t i) {
      return static_cast<std::size_t>((line / inner * n + i) * inner + line % inner);
    };
    Line l;
    for (std::int64_t i = 0; i < n; ++i) {
      l.x.push_back(static_cast<double>(x[at(i)]));
      l.dy.push_back(static_cast<double>(dy[at(i)]));
    }
    const double log_sum = l.log_sum();
    double dot = 0, total = 0;
    for (std::size_t i = 0; i < l.x.size(); ++i) {
      dot += std::exp(l.x[i] - log_sum) * l.dy[i];
      total += l.dy[i];
    }
    worst = std::fmax(
        worst, std::abs(static_cast<double>(sums[static_cast<std::size_t>(line)]) - log_sum));
    for (std::int64_t i = 0; i < n; ++i) {
      const double log_p = l.x[static_cast<std::size_t>(i)] - log_sum, p = std::exp(log_p);
      const double d = l.dy[static_cast<std::size_t>(i)];
      worst = std::fmax(worst, std::abs(static_cast<double>(y[at(i)]) - p));
      worst = std::fmax(worst, std::abs(static_cast<double>(log_y[at(i)]) - log_p));
      worst = std::fmax(worst, std::abs(static_cast<double>(dx[at(i)]) - p * (d - dot)));
      worst = std::fmax(worst, std::abs(static_cast<double>(log_dx[at(i)]) - (d - p * total)) / 4);
    }
  }
  CHECK(worst < tolerance);
  std::vector<T> in_place = x;
  softmax(dtype, outer, n, inner, in_place.data(), in_place.data());
  CHECK(in_place == y);
}

}  // namespace

TEST_CASE_TEMPLATE("softmax, its logarithm and gradients along any axis", T, float, double) {
  for_each_target([](const char* target) {
    CAPTURE(std::string(target));
    for (const std::int64_t n : {1, 2, 7, 16, 33, 100}) {
      for (const std::int64_t inner : {1, 3, 16, 70}) check_size<T>(3, n, inner);
    }
    // Short rows are computed side by side.
    for (const std::int64_t n : {1, 3, 4, 5, 10, 25, 32}) check_size<T>(37, n, 1);
    check_size<T>(1, 0, 3);
    check_size<T>(0, 3, 1);
  });
}

TEST_CASE("logsumexp of infinities and of nothing") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  for_each_target([&](const char* target) {
    CAPTURE(std::string(target));
    const std::vector<float> rows = {-inf, -inf, 1, inf, -inf, 2, nan, 1};
    std::array<float, 4> out;
    logsumexp(float32, 4, 2, 1, rows.data(), out.data());
    CHECK(out[0] == -inf);
    CHECK(out[1] == inf);
    CHECK(out[2] == 2);
    CHECK(std::isnan(out[3]));
    const std::vector<float> columns = {-inf, 1, -inf, nan, -inf, inf, 2, 1};
    logsumexp(float32, 1, 2, 4, columns.data(), out.data());
    CHECK(out[0] == -inf);
    CHECK(out[1] == inf);
    CHECK(out[2] == 2);
    CHECK(std::isnan(out[3]));
    logsumexp(float32, 2, 0, 1, rows.data(), out.data());
    CHECK(out[1] == -inf);
  });
}

TEST_CASE("softmax of masked, huge and NaN rows") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  for_each_target([&](const char* target) {
    CAPTURE(std::string(target));
    const std::vector<float> x = {-inf, 0, -inf, 3e38F, 3e38F, -3e38F, nan, 1, 2, -inf, -inf, -inf};
    std::vector<float> y(12), log_y(12);
    softmax(float32, 4, 3, 1, x.data(), y.data());
    log_softmax(float32, 4, 3, 1, x.data(), log_y.data());
    CHECK(std::vector<float>(y.begin(), y.begin() + 6) == std::vector<float>{0, 1, 0, 0.5, 0.5, 0});
    CHECK(log_y[0] == -inf);
    CHECK(log_y[1] == 0);
    for (std::size_t i = 6; i < 12; ++i) {
      CHECK(std::isnan(y[i]));
      CHECK(std::isnan(log_y[i]));
    }
  });
  CHECK_THROWS_AS(softmax(int32, 1, 1, 1, nullptr, nullptr), TypeError);
}
