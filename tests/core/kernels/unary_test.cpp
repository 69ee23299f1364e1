#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/parallel.hpp>

#include "core/kernels/targets.hpp"

using namespace nyala;
using namespace nyala::kernels;

namespace {

using Real = long double;

constexpr Real kPi = 3.14159265358979323846264338327950288L;

Real sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }

// What each op means, in a wider type than any that is tested.
Real reference(Unary op, Real x) {
  switch (op) {
    case Unary::negative: return -x;
    case Unary::abs: return std::fabs(x);
    case Unary::sign: return std::isnan(x) ? x : static_cast<Real>((x > 0) - (x < 0));
    case Unary::square: return x * x;
    case Unary::relu: return std::isnan(x) ? x : std::fmax(x, 0.0L);
    case Unary::floor: return std::floor(x);
    case Unary::ceil: return std::ceil(x);
    case Unary::round: return std::nearbyint(x);
    case Unary::trunc: return std::trunc(x);
    case Unary::logical_not: return x == 0;
    case Unary::isnan: return std::isnan(x);
    case Unary::isinf: return std::isinf(x);
    case Unary::isfinite: return std::isfinite(x);
    case Unary::sqrt: return std::sqrt(x);
    case Unary::rsqrt: return 1 / std::sqrt(x);
    case Unary::reciprocal: return 1 / x;
    case Unary::exp: return std::exp(x);
    case Unary::expm1: return std::expm1(x);
    case Unary::log: return std::log(x);
    case Unary::log1p: return std::log1p(x);
    case Unary::log2: return std::log2(x);
    case Unary::log10: return std::log10(x);
    case Unary::sin: return std::sin(x);
    case Unary::cos: return std::cos(x);
    case Unary::tan: return std::tan(x);
    case Unary::arcsin: return std::asin(x);
    case Unary::arccos: return std::acos(x);
    case Unary::arctan: return std::atan(x);
    case Unary::sinh: return std::sinh(x);
    case Unary::cosh: return std::cosh(x);
    case Unary::tanh: return std::tanh(x);
    case Unary::arcsinh: return std::asinh(x);
    case Unary::arccosh: return std::acosh(x);
    case Unary::arctanh: return std::atanh(x);
    case Unary::erf: return std::erf(x);
    case Unary::erfc: return std::erfc(x);
    case Unary::sigmoid: return sigmoid(x);
    case Unary::softplus: return x > 100 ? x : std::log1p(std::exp(x));
    case Unary::gelu:
      return std::isinf(x) ? std::fmax(x, 0.0L) : x / 2 * std::erfc(-x / std::sqrt(2.0L));
    case Unary::gelu_tanh:
      return std::isinf(x) ? std::fmax(x, 0.0L)
                           : x * sigmoid(2 * std::sqrt(2 / kPi) * (x + 0.044715L * x * x * x));
    case Unary::silu: return std::isinf(x) ? std::fmax(x, 0.0L) : x * sigmoid(x);
  }
  return 0;
}

// The distance in units in the last place of T at `want`; 0 for what is exactly right.
template <class T>
double ulps(T got, Real want) {
  if (std::isnan(got) || std::isnan(want)) return std::isnan(got) && std::isnan(want) ? 0 : 1e9;
  const T rounded = static_cast<T>(want);
  if (got == rounded) return 0;
  if (std::isinf(got) || std::isinf(rounded)) return 1e9;
  int exponent = 0;
  std::frexp(want, &exponent);
  using Limits = std::numeric_limits<T>;
  exponent = std::max(exponent, Limits::min_exponent) - Limits::digits;
  return static_cast<double>(std::fabs(static_cast<Real>(got) - want) / std::ldexp(1.0L, exponent));
}

// Values of all sizes, near the places where formulas change, and the special ones.
template <class T>
std::vector<T> values() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> x = {0,
                      T(-0.0),
                      1,
                      -1,
                      2,
                      -2,
                      T(0.5),
                      T(-0.5),
                      T(1.5),
                      T(2.5),
                      T(-2.5),
                      Limits::infinity(),
                      -Limits::infinity(),
                      Limits::quiet_NaN(),
                      Limits::min(),
                      -Limits::min(),
                      Limits::denorm_min(),
                      Limits::max(),
                      Limits::lowest(),
                      T(88.72),
                      T(88.73),
                      T(103),
                      T(-87.4),
                      T(-103.5),
                      T(-104.5),
                      T(709.7),
                      T(709.8),
                      T(-745),
                      T(39000),
                      T(1e6),
                      T(-1e6),
                      T(1e10)};
  std::mt19937_64 random(17);
  std::uniform_real_distribution<double> unit(-1, 1);
  for (const double scale : {1.0, 4.0, 12.0, 100.0, 1000.0}) {
    for (int i = 0; i < 4000; ++i) x.push_back(static_cast<T>(scale * unit(random)));
  }
  for (int i = 0; i < 4000; ++i) {
    x.push_back(static_cast<T>(std::copysign(std::pow(10.0, 36 * unit(random)), unit(random))));
  }
  return x;
}

// Units in the last place that an op of float or double may be off: 4.5, and where an exponential's
// argument is itself rounded, that argument times the roundings, as in any formula of the same
// type.
double allowance(Unary op, double x) {
  const double falling = std::fmax(-x, 0.0);
  switch (op) {
    case Unary::gelu: return 6 + 2 * falling * falling;
    case Unary::gelu_tanh: return 6 + 3 * (1.6 * falling + 0.0714 * falling * falling * falling);
    // exp(x) is denormal while x exp(x) still is not quite.
    case Unary::silu: return falling > 80 ? 4.5 + falling : 4.5;
    case Unary::erfc: return 6;  // the product of three rounded factors
    default: return 4.5;
  }
}

template <class T>
void check_op(Unary op, const char* target) {
  const std::vector<T> x = values<T>();
  std::vector<T> out(x.size());
  unary_loop(op, dtype_of<T>)(x.data(), out.data(), static_cast<std::int64_t>(x.size()));
  double worst = 0;
  T worst_x = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double error =
        ulps(out[i], reference(op, x[i])) / allowance(op, static_cast<double>(x[i]));
    if (error > worst) {
      worst = error;
      worst_x = x[i];
    }
  }
  CAPTURE(std::string(target));
  CAPTURE(name_of(op));
  CAPTURE(worst_x);
  CHECK(worst <= 1);
}

}  // namespace

TEST_CASE_TEMPLATE("floating unary ops are accurate", T, float, double) {
  for_each_target([](const char* target) {
    for (int i = 0; i < kNumUnary; ++i) {
      if (!is_predicate(static_cast<Unary>(i))) check_op<T>(static_cast<Unary>(i), target);
    }
  });
}

// One float in 9973 of all that there are, from the smallest to the largest of either sign.
TEST_CASE(
    "exp, log, sigmoid and erf of float are within 2 units in the last place, tanh within 3.5") {
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits < std::uint64_t{1} << 32; bits += 9973) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (std::isfinite(value)) x.push_back(value);
  }
  for (const Unary op : {Unary::exp, Unary::log, Unary::tanh, Unary::sigmoid, Unary::erf}) {
    std::vector<double> want;
    for (const float value : x)
      want.push_back(static_cast<double>(reference(op, static_cast<Real>(value))));
    for_each_target([&](const char* target) {
      std::vector<float> out(x.size());
      unary_loop(op, float32)(x.data(), out.data(), static_cast<std::int64_t>(x.size()));
      double worst = 0;
      for (std::size_t i = 0; i < x.size(); ++i)
        worst = std::max(worst, ulps(out[i], static_cast<Real>(want[i])));
      CAPTURE(std::string(target));
      CAPTURE(name_of(op));
      CAPTURE(worst);
      CHECK(worst <= (op == Unary::tanh ? 3.5 : 2));
    });
  }
}

TEST_CASE("unary loops stop at the end, whatever the length") {
  for_each_target([](const char*) {
    for (std::int64_t n = 0; n < 70; ++n) {
      std::vector<float> x(static_cast<std::size_t>(n)), out(x.size() + 1, 7.0F);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) - 20;
      unary_loop(Unary::square, float32)(x.data(), out.data(), n);
      std::int64_t wrong = out.back() != 7.0F;
      for (std::size_t i = 0; i < x.size(); ++i) wrong += out[i] != x[i] * x[i];
      unary_loop(Unary::negative, float32)(x.data(), x.data(), n);  // in place
      for (std::size_t i = 0; i < x.size(); ++i) wrong += x[i] != 20 - static_cast<float>(i);
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE_TEMPLATE("predicates write bools", T, float, double) {
  const std::vector<T> x = values<T>();
  const auto out = std::make_unique<bool[]>(x.size());
  for (const Unary op : {Unary::logical_not, Unary::isnan, Unary::isinf, Unary::isfinite}) {
    unary_loop(op, dtype_of<T>)(x.data(), out.get(), static_cast<std::int64_t>(x.size()));
    std::int64_t wrong = 0;
    for (std::size_t i = 0; i < x.size(); ++i) wrong += out[i] != (reference(op, x[i]) != 0);
    CAPTURE(name_of(op));
    CHECK(wrong == 0);
  }
}

TEST_CASE_TEMPLATE(
    "integer unary ops are exact and wrap", T, std::uint8_t, std::int32_t, std::int64_t) {
  using Limits = std::numeric_limits<T>;
  const std::vector<T> x = {
      0, 1, 2, 13, Limits::max(), Limits::min(), static_cast<T>(-1), static_cast<T>(-7)};
  const auto n = static_cast<std::int64_t>(x.size());
  std::vector<T> out(x.size());
  const auto check = [&](Unary op, auto&& expected) {
    CAPTURE(name_of(op));
    unary_loop(op, dtype_of<T>)(x.data(), out.data(), n);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(out[i] == static_cast<T>(expected(x[i])));
  };
  const auto unsign = [](T value) { return static_cast<std::uint64_t>(value); };
  check(Unary::negative, [&](T value) { return 0 - unsign(value); });
  check(Unary::abs, [&](T value) { return value < 0 ? 0 - unsign(value) : unsign(value); });
  check(Unary::sign, [](T value) { return (value > 0) - (value < 0); });
  check(Unary::square, [&](T value) { return unsign(value) * unsign(value); });
  check(Unary::relu, [](T value) { return value > 0 ? value : 0; });
  check(Unary::round, [](T value) { return value; });
  CHECK_THROWS_AS(unary_loop(Unary::exp, dtype_of<T>), TypeError);
  CHECK_THROWS_WITH(unary_loop(Unary::sqrt, bool_), "sqrt takes float32 or float64, received bool");
}

TEST_CASE("strided, reversed, broadcast and empty inputs") {
  std::vector<float> x(5000);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  struct Case {
    std::vector<std::int64_t> shape, strides;
    std::int64_t first;
  };
  const std::vector<Case> cases = {{{}, {}, 3},
                                   {{0}, {1}, 0},
                                   {{3, 0}, {1, 1}, 0},
                                   {{7}, {-1}, 6},
                                   {{4, 40}, {100, 1}, 0},
                                   {{4, 40}, {1, 100}, 0},
                                   {{40, 4}, {0, 1}, 0},
                                   {{3, 4, 5}, {1, 3, 12}, 0},
                                   {{3, 4, 5}, {-20, 5, 1}, 40},
                                   {{2, 1, 600}, {0, 9, 2}, 0},
                                   {{1, 1}, {5, 7}, 11},
                                   {{2, 3, 2, 3, 2}, {100, 7, -3, 40, 1}, 10},
                                   {{4, 600}, {600, 1}, 0},
                                   {{600, 3}, {1, 600}, 0}};
  for (const Case& c : cases) {
    CAPTURE(c.strides.size());
    std::vector<float> expected = {};
    std::vector<std::int64_t> index(c.shape.size(), 0);
    std::int64_t size = 1;
    for (const std::int64_t dim : c.shape) size *= dim;
    for (std::int64_t i = 0; i < size; ++i) {
      std::int64_t rest = i, offset = c.first;
      for (std::size_t axis = c.shape.size(); axis-- > 0;) {
        offset += rest % c.shape[axis] * c.strides[axis];
        rest /= c.shape[axis];
      }
      expected.push_back(x[static_cast<std::size_t>(offset)]);
    }
    std::vector<float> out(static_cast<std::size_t>(size)), copied(out);
    const In in{x.data() + c.first, c.strides.data()};
    unary(Unary::negative, float32, c.shape, in, out.data());
    copy(float32, c.shape, in, copied.data());
    CHECK(copied == expected);
    for (float& value : out) value = -value;
    CHECK(out == expected);
    std::vector<std::int32_t> whole(out.size());
    cast(float32, int32, c.shape, in, whole.data());
    CHECK(std::equal(whole.begin(), whole.end(), expected.begin(), expected.end()));
  }
}

TEST_CASE("large work is the same on any number of threads") {
  const std::int64_t n = 300'000;
  std::vector<float> x(static_cast<std::size_t>(2 * n)), one(static_cast<std::size_t>(n)),
      four(one);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 1013) * 0.01F;
  const int threads = num_threads();
  const std::array<std::int64_t, 2> shape = {1000, 300};
  for (const auto& strides : {std::array<std::int64_t, 2>{300, 1}, {600, 1}, {1, 1000}, {0, 1}}) {
    set_num_threads(1);
    unary(Unary::exp, float32, shape, {x.data(), strides.data()}, one.data());
    set_num_threads(4);
    unary(Unary::exp, float32, shape, {x.data(), strides.data()}, four.data());
    CHECK(one == four);
    CHECK(one[601] ==
          doctest::Approx(std::exp(x[static_cast<std::size_t>(2 * strides[0] + strides[1])])));
  }
  set_num_threads(threads);
}
