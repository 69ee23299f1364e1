#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <nyala/core/kernels/philox.hpp>
#include <nyala/core/kernels/random.hpp>
#include <nyala/core/parallel.hpp>

#include "core/kernels/targets.hpp"

using namespace nyala;
using namespace nyala::kernels;

namespace {

struct Moments {
  double mean, variance, skewness, kurtosis;
};

template <class T>
Moments moments(const std::vector<T>& x) {
  const double n = static_cast<double>(x.size());
  double mean = 0, m2 = 0, m3 = 0, m4 = 0;
  for (const T value : x) mean += static_cast<double>(value) / n;
  for (const T value : x) {
    const double d = static_cast<double>(value) - mean;
    m2 += d * d / n;
    m3 += d * d * d / n;
    m4 += d * d * d * d / n;
  }
  return {mean, m2, m3 / std::pow(m2, 1.5), m4 / (m2 * m2)};
}

constexpr std::int64_t kMany =
    200'000;  // a mean of these is within 0.011 (five sigma) of a unit normal's

}  // namespace

TEST_CASE("Philox gives Random123's known answers") {
  CHECK(philox(0, 0, 0) ==
        std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  const std::uint64_t ones = std::numeric_limits<std::uint64_t>::max();
  CHECK(philox(ones, ones, ones) ==
        std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e) ==
        std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("streams go on where the last call ended and do not depend on threads") {
  std::vector<std::uint32_t> all(100'003), parts(100'003);
  const std::uint64_t end = philox_bits(7, 5, 100'003, all.data());
  CHECK(end == 5 + 25'001);
  const std::uint64_t middle = philox_bits(7, 5, 1000, parts.data());
  CHECK(philox_bits(7, middle, 99'003, parts.data() + 1000) == end);
  CHECK(all == parts);

  const int threads = num_threads();
  std::vector<float> one(100'003), four(100'003);
  set_num_threads(1);
  philox_normal(float32, 1, 2, 0, 1, 100'003, one.data());
  set_num_threads(4);
  philox_normal(float32, 1, 2, 0, 1, 100'003, four.data());
  set_num_threads(threads);
  CHECK(one == four);
}

TEST_CASE_TEMPLATE("uniform values fill their range", T, float, double) {
  std::vector<T> x(kMany);
  philox_uniform(dtype_of<T>, 3, 0, -2, 4, kMany, x.data());
  CHECK(*std::min_element(x.begin(), x.end()) >= -2);
  CHECK(*std::max_element(x.begin(), x.end()) < 4);
  const Moments m = moments(x);
  CHECK(m.mean == doctest::Approx(1).epsilon(0.02));
  CHECK(m.variance == doctest::Approx(3).epsilon(0.02));
  CHECK(m.kurtosis == doctest::Approx(1.8).epsilon(0.02));
}

TEST_CASE("a uniform range of one float holds that float") {
  std::vector<float> x(1000);
  philox_uniform(float32, 3, 0, 1.0, std::nextafter(1.0F, 2.0F), 1000, x.data());
  CHECK(std::all_of(x.begin(), x.end(), [](float value) { return value == 1.0F; }));
}

TEST_CASE_TEMPLATE("normal values have the moments of the normal distribution", T, float, double) {
  std::vector<T> x(kMany);
  philox_normal(dtype_of<T>, 11, 0, 0, 1, kMany, x.data());
  const Moments m = moments(x);
  CHECK(std::abs(m.mean) < 0.011);
  CHECK(m.variance == doctest::Approx(1).epsilon(0.02));
  CHECK(std::abs(m.skewness) < 0.03);
  CHECK(m.kurtosis == doctest::Approx(3).epsilon(0.03));
  philox_normal(dtype_of<T>, 11, 0, 5, 2, kMany, x.data());
  CHECK(moments(x).mean == doctest::Approx(5).epsilon(0.01));
}

TEST_CASE_TEMPLATE("truncated normal values stay within two deviations", T, float, double) {
  std::vector<T> x(kMany);
  philox_truncated_normal(dtype_of<T>, 11, 0, 1, 0.5, kMany, x.data());
  CHECK(*std::min_element(x.begin(), x.end()) >= 0);
  CHECK(*std::max_element(x.begin(), x.end()) <= 2);
  const Moments m = moments(x);
  CHECK(m.mean == doctest::Approx(1).epsilon(0.01));
  // The variance of a unit normal cut at two: 1 - 4 phi(2) / (2 Phi(2) - 1).
  CHECK(m.variance == doctest::Approx(0.25 * 0.7737413).epsilon(0.02));
  CHECK(m.kurtosis == doctest::Approx(2.3654).epsilon(0.02));
}

TEST_CASE("truncated normal values are quantiles of the distribution") {
  std::vector<double> x(1000);
  std::vector<std::uint32_t> words(2000);
  philox_truncated_normal(float64, 2, 3, 0, 1, 1000, x.data());
  philox_bits(2, 3, 2000, words.data());
  const double mass = std::erf(std::sqrt(2.0));
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::uint64_t word = words[2 * i] | static_cast<std::uint64_t>(words[2 * i + 1]) << 32;
    const double u = static_cast<double>(word >> 11) * 0x1p-53;
    worst = std::fmax(worst, std::abs(std::erf(x[i] / std::sqrt(2.0)) - (2 * u - 1) * mass));
  }
  CHECK(worst < 1e-14);
}

TEST_CASE("blocks of Philox agree on every instruction set") {
  for_each_target([](const char* target) {
    CAPTURE(std::string(target));
    for (const std::int64_t n : {1, 4, 63, 64, 65, 1000}) {
      // The counter's lower word overflows on the way.
      const std::uint64_t first = 0xFFFFFFFF - 20;
      std::vector<std::uint32_t> words(static_cast<std::size_t>(n));
      philox_bits(0x123456789ABCDEF0, first, n, words.data());
      std::int64_t wrong = 0;
      for (std::size_t i = 0; i < words.size(); ++i) {
        wrong += words[i] != philox(0x123456789ABCDEF0, first + i / 4)[i % 4];
      }
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE_TEMPLATE(
    "integers fill their range evenly", T, std::uint8_t, std::int32_t, std::int64_t) {
  std::vector<T> x(60'000);
  philox_integers(dtype_of<T>, 5, 9, 10, 16, 60'000, x.data());
  for (T value = 10; value < 16; ++value) {
    const auto count = std::count(x.begin(), x.end(), value);
    CHECK(std::abs(static_cast<double>(count) - 10'000) < 500);  // five sigma
  }
}

TEST_CASE("integers reach the ends of int64") {
  std::vector<std::int64_t> x(1000);
  using Limits = std::numeric_limits<std::int64_t>;
  philox_integers(int64, 5, 9, Limits::min(), Limits::max(), 1000, x.data());
  CHECK(*std::min_element(x.begin(), x.end()) < Limits::min() / 2);
  CHECK(*std::max_element(x.begin(), x.end()) > Limits::max() / 2);
}

TEST_CASE("permutations hold each index once, each place as often") {
  std::array<int, 5> first{};
  for (std::uint64_t key = 0; key < 5000; ++key) {
    std::array<std::int64_t, 5> order;
    philox_permutation(key, 0, 5, order.data());
    ++first[static_cast<std::size_t>(order[0])];
    std::sort(order.begin(), order.end());
    std::array<std::int64_t, 5> expected;
    std::iota(expected.begin(), expected.end(), std::int64_t{0});
    REQUIRE(order == expected);
  }
  for (const int count : first) CHECK(std::abs(count - 1000) < 150);  // five sigma
  philox_permutation(1, 0, 0, nullptr);
}
