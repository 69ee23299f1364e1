#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/crossentropy.hpp>

#include "core/kernels/targets.hpp"

using namespace nyala;
using namespace nyala::kernels;

namespace {

constexpr std::int64_t kRows = 71;  // more than a block of 64, and a part of a vector

// Rows as doubles, and what is wanted of them.
struct Problem {
  std::int64_t n;
  std::vector<double> x, t, dloss;
  std::vector<std::int64_t> labels;

  Problem(std::int64_t size, double low, double high) : n(size) {
    std::mt19937 random(3);
    std::uniform_real_distribution<double> value(low, high), share(0, 1);
    for (std::int64_t i = 0; i < kRows * n; ++i) {
      // Some probabilities out of bounds: 0, 1 and what a careless model gives.
      const double special[] = {0, 1, 1e-8, 1.25};
      const bool is_special = low == 0 && i % 11 == 5;
      x.push_back(is_special ? special[i % 4] : value(random));
      t.push_back(i % 3 == 0 ? 0 : share(random));
    }
    for (std::int64_t i = 0; i < kRows; ++i) {
      dloss.push_back(value(random) - 0.3);
      labels.push_back(i * i % n);
    }
  }
  double at(const std::vector<double>& v, std::int64_t row, std::int64_t k) const {
    return v[static_cast<std::size_t>(row * n + k)];
  }
};

template <class T>
std::vector<T> rounded(const std::vector<double>& from) {
  return {from.begin(), from.end()};
}

template <class T>
bool is_within(double p) {
  return p >= static_cast<T>(kLeastProbability) && p <= static_cast<T>(1 - kLeastProbability);
}
template <class T>
double bounded(double p) {
  return std::fmin(std::fmax(p, static_cast<T>(kLeastProbability)),
                   static_cast<T>(1 - kLeastProbability));
}

// The largest error beside the size of what is wanted.
template <class T>
double worst_error(const std::vector<T>& got, const std::vector<double>& wanted) {
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(static_cast<double>(got[i]) - wanted[i]);
    worst = std::fmax(worst, error / (1 + std::abs(wanted[i])));
  }
  return worst;
}

constexpr std::int64_t kSizes[] = {1, 2, 3, 4, 6, 7, 10, 16, 33, 500};
// Sums of up to 500 terms in lanes, a quotient and a logarithm: a few dozen roundings.
template <class T>
constexpr double kTolerance = 100 * std::numeric_limits<T>::epsilon();

}  // namespace

TEST_CASE_TEMPLATE("sparse cross-entropy of probabilities", T, float, double) {
  for_each_target([](const char* target) {
    CAPTURE(std::string(target));
    for (const std::int64_t n : kSizes) {
      CAPTURE(n);
      const Problem problem(n, 0, 1);
      const std::vector<T> p = rounded<T>(problem.x), dloss = rounded<T>(problem.dloss);
      std::vector<T> loss(kRows), dp(p.size());
      const std::int64_t* labels = problem.labels.data();
      const CrossentropyRows of{dtype_of<T>, false, kRows, n};
      sparse_crossentropy(of, p.data(), labels, loss.data());
      sparse_crossentropy_grad(of, p.data(), labels, dloss.data(), dp.data());
      std::vector<double> losses, gradients;
      for (std::int64_t i = 0; i < kRows; ++i) {
        const auto at = [&](std::int64_t k) {
          return static_cast<double>(p[static_cast<std::size_t>(i * n + k)]);
        };
        const std::int64_t label = labels[i];
        double sum = 0;
        for (std::int64_t k = 0; k < n; ++k) sum += bounded<T>(at(k));
        losses.push_back(std::log(sum) - std::log(bounded<T>(at(label))));
        for (std::int64_t k = 0; k < n; ++k) {
          const double slope = 1 / sum - (k == label ? 1 / at(k) : 0);
          const double d = dloss[static_cast<std::size_t>(i)];
          gradients.push_back(is_within<T>(at(k)) ? slope * d : 0);
        }
      }
      CHECK(worst_error(loss, losses) < kTolerance<T>);
      CHECK(worst_error(dp, gradients) < kTolerance<T>);
    }
  });
}

TEST_CASE_TEMPLATE("sparse cross-entropy of logits", T, float, double) {
  for_each_target([](const char* target) {
    CAPTURE(std::string(target));
    std::mt19937 random(5);
    std::uniform_real_distribution<double> value(-30, 30);
    for (const std::int64_t n : {1, 2, 10, 16, 33, 1000}) {
      constexpr std::int64_t rows = 39;
      std::vector<T> x(static_cast<std::size_t>(rows * n)), dx(x.size()), loss(rows), dloss(rows);
      std::vector<std::int64_t> labels(rows);
      for (T& element : x) element = static_cast<T>(value(random));
      for (T& element : dloss) element = static_cast<T>(value(random));
      for (std::size_t i = 0; i < rows; ++i) labels[i] = static_cast<std::int64_t>(i * i) % n;
      const CrossentropyRows of{dtype_of<T>, true, rows, n};
      sparse_crossentropy(of, x.data(), labels.data(), loss.data());
      sparse_crossentropy_grad(of, x.data(), labels.data(), dloss.data(), dx.data());
      double worst = 0;
      for (std::int64_t i = 0; i < rows; ++i) {
        const auto at = [&](std::int64_t k) {
          return static_cast<double>(x[static_cast<std::size_t>(i * n + k)]);
        };
        double max = at(0), sum = 0;
        for (std::int64_t j = 0; j < n; ++j) max = std::fmax(max, at(j));
        for (std::int64_t j = 0; j < n; ++j) sum += std::exp(at(j) - max);
        const std::int64_t label = labels[static_cast<std::size_t>(i)];
        const double log_sum = max + std::log(sum),
                     d = static_cast<double>(dloss[static_cast<std::size_t>(i)]);
        const double want = log_sum - at(label);
        worst = std::fmax(worst,
                          std::abs(static_cast<double>(loss[static_cast<std::size_t>(i)]) - want));
        for (std::int64_t j = 0; j < n; ++j) {
          const double p = std::exp(at(j) - log_sum) - (j == label);
          worst = std::fmax(
              worst,
              std::abs(static_cast<double>(dx[static_cast<std::size_t>(i * n + j)]) - p * d));
        }
      }
      // A few roundings of numbers up to 60, and of sums of up to 1000 terms in lanes.
      CHECK(worst < 60 * 40 * std::numeric_limits<T>::epsilon());
    }
  });
}

TEST_CASE("cross-entropy of large logits does not cancel") {
  const std::array<float, 2> x = {1e8F, 1e8F};
  const std::int64_t label = 1;
  float loss = 0;
  sparse_crossentropy({float32, true, 1, 2}, x.data(), &label, &loss);
  CHECK(loss == doctest::Approx(std::log(2.0)));
}

TEST_CASE_TEMPLATE("categorical cross-entropy", T, float, double) {
  for_each_target([](const char* target) {
    CAPTURE(std::string(target));
    for (const bool from_logits : {false, true}) {
      for (const std::int64_t n : kSizes) {
        CAPTURE(from_logits);
        CAPTURE(n);
        const Problem problem(n, from_logits ? -30 : 0, from_logits ? 30 : 1);
        const std::vector<T> x = rounded<T>(problem.x), t = rounded<T>(problem.t),
                             dloss = rounded<T>(problem.dloss);
        std::vector<T> loss(kRows), dx(x.size());
        const CrossentropyRows of{dtype_of<T>, from_logits, kRows, n};
        categorical_crossentropy(of, x.data(), t.data(), loss.data());
        categorical_crossentropy_grad(of, x.data(), t.data(), dloss.data(), dx.data());
        std::vector<double> losses, gradients;
        for (std::int64_t i = 0; i < kRows; ++i) {
          const auto at = [&](const std::vector<T>& v, std::int64_t k) {
            return static_cast<double>(v[static_cast<std::size_t>(i * n + k)]);
          };
          const double d = dloss[static_cast<std::size_t>(i)];
          double sum = 0, targets = 0, value = 0, along = 0;
          for (std::int64_t k = 0; k < n; ++k) {
            sum += from_logits ? std::exp(at(x, k)) : at(x, k);
            targets += at(t, k);
          }
          for (std::int64_t k = 0; k < n; ++k) {
            const double share = (from_logits ? std::exp(at(x, k)) : at(x, k)) / sum;
            value -= at(t, k) * std::log(from_logits ? share : bounded<T>(share));
            if (is_within<T>(share)) along -= at(t, k);
          }
          losses.push_back(value);
          for (std::int64_t k = 0; k < n; ++k) {
            const double share = (from_logits ? std::exp(at(x, k)) : at(x, k)) / sum;
            const double slope = is_within<T>(share) ? -at(t, k) / share : 0;
            gradients.push_back(from_logits ? d * (share * targets - at(t, k))
                                            : d * (slope - along) / sum);
          }
        }
        // A share near a bound may fall on either side of it once rounded: none does for this seed.
        CHECK(worst_error(loss, losses) < kTolerance<T> * 10);
        CHECK(worst_error(dx, gradients) < kTolerance<T> * 10);
      }
    }
  });
}

TEST_CASE("cross-entropies take floats only") {
  CHECK_THROWS_AS(categorical_crossentropy({int32, true, 1, 1}, nullptr, nullptr, nullptr),
                  TypeError);
}
