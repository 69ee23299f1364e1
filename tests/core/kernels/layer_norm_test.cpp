#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/layer_norm.hpp>
#include <nyala/core/parallel.hpp>

#include "core/kernels/references.hpp"
#include "core/kernels/targets.hpp"

using namespace nyala;
using namespace nyala::kernels;

namespace {

constexpr double kEpsilon = 1e-3;

// What the kernels compute, in double.
struct Reference {
  std::vector<double> y, dx, dgamma;

  template <class T>
  Reference(std::size_t rows,
            std::size_t n,
            const std::vector<T>& x,
            const std::vector<T>& gamma,
            const std::vector<T>& beta,
            const std::vector<T>& dy)
      : y(rows * n), dx(rows * n), dgamma(n, 0) {
    const auto count = static_cast<double>(n);
    for (std::size_t i = 0; i < rows; ++i) {
      const auto at = [&](const std::vector<T>& v, std::size_t j) {
        return static_cast<double>(v[i * n + j]);
      };
      double mean = 0, variance = 0, g_mean = 0, gh_mean = 0;
      for (std::size_t j = 0; j < n; ++j) mean += at(x, j) / count;
      for (std::size_t j = 0; j < n; ++j) variance += std::pow(at(x, j) - mean, 2) / count;
      const double factor = 1 / std::sqrt(variance + kEpsilon);
      const auto h = [&](std::size_t j) { return (at(x, j) - mean) * factor; };
      const auto g = [&](std::size_t j) { return at(dy, j) * static_cast<double>(gamma[j]); };
      for (std::size_t j = 0; j < n; ++j) {
        y[i * n + j] = h(j) * static_cast<double>(gamma[j]) + static_cast<double>(beta[j]);
        dgamma[j] += at(dy, j) * h(j);
        g_mean += g(j) / count;
        gh_mean += g(j) * h(j) / count;
      }
      for (std::size_t j = 0; j < n; ++j) dx[i * n + j] = factor * (g(j) - g_mean - h(j) * gh_mean);
    }
  }
};

template <class T>
struct Results {
  std::vector<T> y, dx, dgamma;

  Results(std::int64_t rows, std::int64_t n)
      : y(static_cast<std::size_t>(rows * n)), dx(y), dgamma(static_cast<std::size_t>(n), T{7}) {
    const auto x = uneven_numbers<T>(rows * n, 1), dy = uneven_numbers<T>(rows * n, 2);
    const auto gamma = uneven_numbers<T>(n, 3), beta = uneven_numbers<T>(n, 4);
    const LayerNormRows of{dtype_of<T>, rows, n, kEpsilon};
    layer_norm(of, x.data(), gamma.data(), beta.data(), y.data());
    layer_norm_grad(of, x.data(), gamma.data(), dy.data(), dx.data());
    layer_norm_scale_grad(of, x.data(), dy.data(), dgamma.data());
  }
};

template <class T>
void check_size(std::int64_t rows, std::int64_t n) {
  CAPTURE(rows);
  CAPTURE(n);
  const Results<T> got(rows, n);
  const Reference want(static_cast<std::size_t>(rows),
                       static_cast<std::size_t>(n),
                       uneven_numbers<T>(rows * n, 1),
                       uneven_numbers<T>(n, 3),
                       uneven_numbers<T>(n, 4),
                       uneven_numbers<T>(rows * n, 2));
  // Some roundings. Of dx, terms of up to 25 times the row's factor may cancel.
  const double tolerance = 200 * std::numeric_limits<T>::epsilon();
  CHECK(distance(got.y, want.y) < tolerance);
  CHECK(distance(got.dx, want.dx) < 25 * tolerance);
  CHECK(distance(got.dgamma, want.dgamma) < tolerance);
}

}  // namespace

TEST_CASE_TEMPLATE("layer normalisation and its gradients", T, float, double) {
  for_each_target([](const char* target) {
    CAPTURE(std::string(target));
    for (const std::int64_t n : {1, 2, 3, 7, 8, 15, 16, 17, 33, 64, 70, 200}) check_size<T>(5, n);
    check_size<T>(700, 3);
    check_size<T>(70, 1000);
  });
}

TEST_CASE("layer normalisation of nothing") {
  float dgamma[2] = {7, 7};
  const LayerNormRows of{float32, 0, 2, kEpsilon};
  layer_norm(of, nullptr, nullptr, nullptr, nullptr);
  layer_norm_grad(of, nullptr, nullptr, nullptr, nullptr);
  layer_norm_scale_grad(of, nullptr, nullptr, dgamma);
  CHECK(dgamma[0] == 0);
  CHECK(dgamma[1] == 0);
  layer_norm_scale_grad({float32, 3, 0, kEpsilon}, nullptr, nullptr, nullptr);
  CHECK_THROWS_AS(layer_norm({int32, 1, 1, 1}, nullptr, nullptr, nullptr, nullptr), TypeError);
}

TEST_CASE("layer normalisation is the same on any number of threads") {
  const int threads = num_threads();
  set_num_threads(1);
  const Results<float> one(900, 130);
  set_num_threads(3);
  const Results<float> three(900, 130);
  set_num_threads(threads);
  CHECK(one.y == three.y);
  CHECK(one.dx == three.dx);
  CHECK(one.dgamma == three.dgamma);
}
