#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/batch_norm.hpp>
#include <nyala/core/parallel.hpp>

#include "core/kernels/references.hpp"
#include "core/kernels/targets.hpp"

using namespace nyala;
using namespace nyala::kernels;

namespace {

constexpr double kEpsilon = 1e-3;

template <class T>
struct Arrays {
  std::vector<T> x, dy, gamma, beta, dmean, dvariance;

  explicit Arrays(const Channels& size)
      : x(uneven_numbers<T>(size.outer * size.n * size.inner, 1)),
        dy(uneven_numbers<T>(size.outer * size.n * size.inner, 2)),
        gamma(uneven_numbers<T>(size.n, 3)),
        beta(uneven_numbers<T>(size.n, 4)),
        dmean(uneven_numbers<T>(size.n, 5)),
        dvariance(uneven_numbers<T>(size.n, 6)) {}
};

template <class T>
struct Results {
  std::vector<T> mean, variance, y, dx, dgamma, dbeta;

  Results(const Channels& size, const Arrays<T>& in)
      : mean(in.gamma.size()), variance(mean), y(in.x.size()), dx(y), dgamma(mean), dbeta(mean) {
    constexpr DType dtype = dtype_of<T>;
    channel_moments(dtype, size, in.x.data(), mean.data(), variance.data());
    batch_norm(
        dtype,
        size,
        {in.x.data(), mean.data(), variance.data(), in.gamma.data(), in.beta.data(), y.data()},
        kEpsilon);
    batch_norm_grad(dtype,
                    size,
                    {in.x.data(),
                     in.gamma.data(),
                     mean.data(),
                     variance.data(),
                     in.dy.data(),
                     in.dmean.data(),
                     in.dvariance.data(),
                     dx.data(),
                     dgamma.data(),
                     dbeta.data()},
                    kEpsilon);
  }
};

// What the kernels compute, in double.
struct Reference {
  std::vector<double> mean, variance, y, dx, dgamma, dbeta;

  template <class T>
  Reference(const Channels& size, const Arrays<T>& in)
      : mean(in.gamma.size()), variance(mean), y(in.x.size()), dx(y), dgamma(mean), dbeta(mean) {
    const double count = static_cast<double>(size.outer * size.inner);
    for (std::size_t c = 0; c < in.gamma.size(); ++c) {
      const auto each = [&](auto&& f) {
        for (std::int64_t o = 0; o < size.outer; ++o) {
          for (std::int64_t i = 0; i < size.inner; ++i) {
            const std::int64_t row = o * size.n + static_cast<std::int64_t>(c);
            f(static_cast<std::size_t>(row * size.inner + i));
          }
        }
      };
      each([&](std::size_t i) { mean[c] += double(in.x[i]) / count; });
      each([&](std::size_t i) { variance[c] += std::pow(double(in.x[i]) - mean[c], 2) / count; });
      const double factor = 1 / std::sqrt(variance[c] + kEpsilon), gamma = double(in.gamma[c]);
      const auto distance = [&](std::size_t i) { return double(in.x[i]) - mean[c]; };
      each([&](std::size_t i) {
        y[i] = distance(i) * factor * gamma + double(in.beta[c]);
        dbeta[c] += double(in.dy[i]);
        dgamma[c] += double(in.dy[i]) * distance(i) * factor;
      });
      each([&](std::size_t i) {
        const double h = distance(i) * factor;
        dx[i] = gamma * factor * (double(in.dy[i]) - dbeta[c] / count - h * dgamma[c] / count) +
                double(in.dmean[c]) / count + 2 * distance(i) * double(in.dvariance[c]) / count;
      });
    }
  }
};

template <class T>
void check_size(const Channels& size) {
  CAPTURE(size.outer);
  CAPTURE(size.n);
  CAPTURE(size.inner);
  const Arrays<T> arrays(size);
  const Results<T> got(size, arrays);
  const Reference want(size, arrays);
  // Some roundings. Of dx, terms of up to 25 times the factor may cancel.
  const double tolerance = 200 * std::numeric_limits<T>::epsilon();
  CHECK(distance(got.mean, want.mean) < tolerance);
  CHECK(distance(got.variance, want.variance) < tolerance);
  CHECK(distance(got.y, want.y) < tolerance);
  CHECK(distance(got.dx, want.dx) < 25 * tolerance);
  CHECK(distance(got.dgamma, want.dgamma) < tolerance);
  CHECK(distance(got.dbeta, want.dbeta) < tolerance);
}

}  // namespace

TEST_CASE_TEMPLATE("batch normalisation and its gradients", T, float, double) {
  for_each_target([](const char* target) {
    CAPTURE(std::string(target));
    for (const std::int64_t n : {1, 2, 3, 7, 16, 17, 33, 70}) {
      check_size<T>({5, n, 1});
      check_size<T>({3, 4, n});
    }
    check_size<T>({700, 3, 1});
    check_size<T>({70, 1100, 1});
    check_size<T>({1, 3, 40});
    check_size<T>({300, 5, 30});
    check_size<T>({8, 1, 20});
  });
}

TEST_CASE("the variance of a channel far from zero, or whose first row is") {
  const Channels size{600, 20, 1};
  Arrays<float> arrays(size);
  for (float& x : arrays.x) x += 1000;
  for (std::size_t c = 0; c < 10; ++c) arrays.x[c] = 0;
  const Results<float> got(size, arrays);
  const Reference want(size, arrays);
  for (std::size_t c = 0; c < 20; ++c) {
    // The mean's last digit is 6e-5, the least variance 5.
    CHECK(got.variance[c] == doctest::Approx(want.variance[c]).epsilon(1e-5));
    CHECK(got.mean[c] == doctest::Approx(want.mean[c]).epsilon(1e-6));
  }
}

TEST_CASE("batch normalisation of nothing") {
  float mean[2], variance[2], dgamma[2] = {7, 7}, dbeta[2] = {7, 7};
  const float ones[2] = {1, 1};
  channel_moments(float32, {0, 2, 1}, nullptr, mean, variance);
  CHECK(std::isnan(mean[0]));
  CHECK(std::isnan(variance[1]));
  batch_norm(float32, {0, 2, 3}, {nullptr, ones, ones, ones, ones, nullptr}, kEpsilon);
  batch_norm_grad(float32,
                  {3, 2, 0},
                  {nullptr, ones, ones, ones, nullptr, ones, ones, nullptr, dgamma, dbeta},
                  kEpsilon);
  for (const float sum : {dgamma[0], dgamma[1], dbeta[0], dbeta[1]}) CHECK(sum == 0);
  channel_moments(float32, {3, 0, 1}, nullptr, nullptr, nullptr);
  CHECK_THROWS_AS(channel_moments(int32, {1, 1, 1}, nullptr, nullptr, nullptr), TypeError);
}

TEST_CASE("batch normalisation is the same on any number of threads") {
  for (const Channels& size : {Channels{900, 130, 1}, Channels{40, 9, 500}}) {
    const Arrays<float> arrays(size);
    const int threads = num_threads();
    set_num_threads(1);
    const Results<float> one(size, arrays);
    set_num_threads(3);
    const Results<float> three(size, arrays);
    set_num_threads(threads);
    CHECK(one.mean == three.mean);
    CHECK(one.variance == three.variance);
    CHECK(one.y == three.y);
    CHECK(one.dx == three.dx);
    CHECK(one.dgamma == three.dgamma);
    CHECK(one.dbeta == three.dbeta);
  }
}
