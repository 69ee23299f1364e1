#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
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

// What each op means for floats.
template <class T>
T reference(Binary op, T x, T y) {
  const T nan = std::numeric_limits<T>::quiet_NaN();
  switch (op) {
    case Binary::add: return x + y;
    case Binary::subtract: return x - y;
    case Binary::multiply: return x * y;
    case Binary::divide: return x / y;
    case Binary::maximum: return std::isnan(x) || std::isnan(y) ? nan : std::fmax(x, y);
    case Binary::minimum: return std::isnan(x) || std::isnan(y) ? nan : std::fmin(x, y);
    case Binary::fmax: return std::fmax(x, y);
    case Binary::fmin: return std::fmin(x, y);
    case Binary::relu_grad: return x > 0 ? y : 0;
    case Binary::tanh_grad: return y * (1 - x * x);
    case Binary::sigmoid_grad: return y * x * (1 - x);
    case Binary::equal: return x == y;
    case Binary::not_equal: return x != y;
    case Binary::less: return x < y;
    case Binary::less_equal: return x <= y;
    case Binary::greater: return x > y;
    case Binary::greater_equal: return x >= y;
    case Binary::logical_and: return x != 0 && y != 0;
    case Binary::logical_or: return x != 0 || y != 0;
    case Binary::logical_xor: return (x != 0) != (y != 0);
    case Binary::power: return std::pow(x, y);
    default: return std::atan2(x, y);
  }
}

constexpr std::array<Binary, 22> kFloatOps = {
    Binary::fmax,          Binary::fmin,        Binary::add,          Binary::subtract,
    Binary::multiply,      Binary::divide,      Binary::maximum,      Binary::minimum,
    Binary::relu_grad,     Binary::tanh_grad,   Binary::sigmoid_grad, Binary::equal,
    Binary::not_equal,     Binary::less,        Binary::less_equal,   Binary::greater,
    Binary::greater_equal, Binary::logical_and, Binary::logical_or,   Binary::logical_xor,
    Binary::power,         Binary::arctan2};

template <class T>
bool same(T x, T y, T scale) {
  if (std::isnan(x) || std::isnan(y)) return std::isnan(x) && std::isnan(y);
  if (x == y) return true;
  // The fused gradients may or may not round between their products.
  return std::abs(x - y) <= 4 * std::numeric_limits<T>::epsilon() * scale;
}

// Results of a loop as T, whatever it writes.
template <class T>
std::vector<T> run(Binary op, BinaryLoop loop, const T* x, const T* y, std::int64_t n) {
  std::vector<T> out(static_cast<std::size_t>(n));
  if (output_dtype(op, dtype_of<T>) != bool_) {
    loop(x, y, out.data(), n);
    return out;
  }
  const auto truth = std::make_unique<bool[]>(static_cast<std::size_t>(n));
  loop(x, y, truth.get(), n);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = truth[i];
  return out;
}

template <class T>
void check_floats(Binary op) {
  using Limits = std::numeric_limits<T>;
  const std::vector<T> special = {0,
                                  T(-0.0),
                                  1,
                                  -1,
                                  T(0.5),
                                  T(-2.5),
                                  3,
                                  Limits::infinity(),
                                  -Limits::infinity(),
                                  Limits::quiet_NaN(),
                                  Limits::max()};
  std::vector<T> x, y;
  for (const T a : special) {
    for (const T b : special) {
      x.push_back(a);
      y.push_back(b);
    }
  }
  const auto n = static_cast<std::int64_t>(x.size());
  const BinaryLoops loops = binary_loops(op, dtype_of<T>);
  const std::vector<T> both = run(op, loops.both, x.data(), y.data(), n);
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    wrong += !same(both[i], reference(op, x[i], y[i]), std::abs(y[i]) * (1 + x[i] * x[i]));
  }
  for (std::size_t i = 0; i < x.size(); i += 7) {
    const std::vector<T> scalar_x = run(op, loops.scalar_x, &x[i], y.data(), n);
    const std::vector<T> scalar_y = run(op, loops.scalar_y, x.data(), &y[i], n);
    for (std::size_t j = 0; j < x.size(); ++j) {
      wrong += !same(scalar_x[j], reference(op, x[i], y[j]), std::abs(y[j]) * (1 + x[i] * x[i]));
      wrong += !same(scalar_y[j], reference(op, x[j], y[i]), std::abs(y[i]) * (1 + x[j] * x[j]));
    }
  }
  CAPTURE(name_of(op));
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE_TEMPLATE("floating binary ops", T, float, double) {
  for_each_target([](const char* target) {
    CAPTURE(std::string(target));
    for (const Binary op : kFloatOps) check_floats<T>(op);
  });
  CHECK_THROWS_WITH(binary_loops(Binary::bitwise_and, float32),
                    "bitwise_and takes bool or integers, received float32");
}

TEST_CASE_TEMPLATE("cross-entropies of pairs", T, float, double) {
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const T low = static_cast<T>(kLeastProbability), high = static_cast<T>(1 - kLeastProbability);
  const std::vector<T> numbers = {
      0, low / 2, low, T(0.01), T(0.3), T(0.5), T(0.999), high, 1, 2, -1, -80, 80, nan};
  const std::vector<T> targets = {0, 1, T(0.5), T(0.25)};
  const auto close = [&](double result, double wanted) {
    if (std::isnan(wanted)) return std::isnan(result);
    // Two logarithms of an ulp or two, and what 1 - q rounds off next to 1.
    return std::abs(result - wanted) <=
           16 * std::numeric_limits<T>::epsilon() * (1 + std::abs(wanted));
  };
  for_each_target([&](const char* target) {
    CAPTURE(std::string(target));
    for (const T x : numbers) {
      for (const T t : targets) {
        CAPTURE(x);
        CAPTURE(t);
        const auto compute = [&](Binary op) {
          const std::vector<T> xs(21, x), ts(21, t);
          std::vector<T> out(21);
          binary_loops(op, dtype_of<T>).both(xs.data(), ts.data(), out.data(), 21);
          CHECK(std::memcmp(&out[20], out.data(), sizeof(T)) == 0);
          return static_cast<double>(out[0]);
        };
        const double p = x, y = t;
        const T q = x < low ? low : x > high ? high : x;
        CHECK(close(compute(Binary::crossentropy),
                    -y * std::log(double{q}) - (1 - y) * std::log(double{T{1} - q})));
        const bool within = x >= low && x <= high;
        CHECK(close(compute(Binary::crossentropy_slope),
                    within ? (1 - y) / double{T{1} - x} - y / p : 0));
        CHECK(close(
            compute(Binary::logit_crossentropy),
            std::isnan(x) ? p : std::fmax(p, 0) - p * y + std::log1p(std::exp(-std::abs(p)))));
      }
    }
  });
}

TEST_CASE_TEMPLATE("floor division and remainder follow Python", T, float, double) {
  struct Case {
    T x, y, quotient, rest;
  };
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const std::vector<Case> cases = {{7, 2, 3, 1},
                                   {-7, 2, -4, 1},
                                   {7, -2, -4, -1},
                                   {-7, -2, 3, -1},
                                   {T(5.5), T(0.5), 11, 0},
                                   {0, 3, 0, 0},
                                   {1, inf, 0, 1},
                                   {-1, inf, -1, inf},
                                   {inf, 2, nan, nan},
                                   {nan, 2, nan, nan},
                                   {1, 0, inf, nan},
                                   {-1, 0, -inf, nan}};
  for (const Case& c : cases) {
    CAPTURE(c.x);
    CAPTURE(c.y);
    T quotient = 0, rest = 0;
    binary_loops(Binary::floor_divide, dtype_of<T>).both(&c.x, &c.y, &quotient, 1);
    binary_loops(Binary::mod, dtype_of<T>).both(&c.x, &c.y, &rest, 1);
    CHECK(same(quotient, c.quotient, T{0}));
    CHECK(same(rest, c.rest, T{0}));
  }
}

TEST_CASE_TEMPLATE(
    "integer binary ops are exact and wrap", T, std::uint8_t, std::int32_t, std::int64_t) {
  using Limits = std::numeric_limits<T>;
  const std::vector<T> some = {
      0, 1, 2, 3, 7, Limits::max(), Limits::min(), static_cast<T>(-1), static_cast<T>(-5)};
  const auto apply = [](Binary op, T x, T y) {
    T out = 0;
    binary_loops(op, dtype_of<T>).both(&x, &y, &out, 1);
    return out;
  };
  const auto wide = [](T value) { return static_cast<std::uint64_t>(value); };
  for (const T x : some) {
    for (const T y : some) {
      CAPTURE(x);
      CAPTURE(y);
      CHECK(apply(Binary::add, x, y) == static_cast<T>(wide(x) + wide(y)));
      CHECK(apply(Binary::subtract, x, y) == static_cast<T>(wide(x) - wide(y)));
      CHECK(apply(Binary::multiply, x, y) == static_cast<T>(wide(x) * wide(y)));
      CHECK(apply(Binary::maximum, x, y) == (x > y ? x : y));
      CHECK(apply(Binary::bitwise_xor, x, y) == static_cast<T>(wide(x) ^ wide(y)));
      const T quotient = apply(Binary::floor_divide, x, y), rest = apply(Binary::mod, x, y);
      if (y == 0) {
        CHECK(quotient == 0);
        CHECK(rest == 0);
      } else {
        CHECK(static_cast<T>(wide(quotient) * wide(y) + wide(rest)) == x);
        CHECK((rest == 0 || (rest < 0) == (y < 0)));
        CHECK((y < 0 ? rest > y : rest < y));
      }
      T power = 1;
      if (y >= 0 && y < 10) {
        for (T i = 0; i < y; ++i) power = static_cast<T>(wide(power) * wide(x));
        CHECK(apply(Binary::power, x, y) == power);
      }
    }
  }
  CHECK(apply(Binary::power, 3, 5) == static_cast<T>(243));
  CHECK_THROWS_AS(binary_loops(Binary::divide, dtype_of<T>), TypeError);
  CHECK_THROWS_AS(binary_loops(Binary::tanh_grad, dtype_of<T>), TypeError);
}

TEST_CASE_TEMPLATE("long loops of integers and bools, on every instruction set",
                   T,
                   bool,
                   std::uint8_t,
                   std::int32_t,
                   std::int64_t) {
  std::mt19937 random(5);
  const auto x = std::make_unique<T[]>(100), y = std::make_unique<T[]>(100),
             out = std::make_unique<T[]>(100);
  const auto truth = std::make_unique<bool[]>(100);
  for (std::size_t i = 0; i < 100; ++i)
    x[i] = static_cast<T>(random() % 5), y[i] = static_cast<T>(random() % 5);
  for_each_target([&](const char* target) {
    CAPTURE(std::string(target));
    for (const std::int64_t n : {1, 31, 64, 100}) {
      std::int64_t wrong = 0;
      binary_loops(Binary::less, dtype_of<T>).both(x.get(), y.get(), truth.get(), n);
      binary_loops(Binary::bitwise_and, dtype_of<T>).scalar_y(x.get(), y.get(), out.get(), n);
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
        wrong += truth[i] != (x[i] < y[i]);
        wrong += out[i] != std::bit_and<T>{}(x[i], y[0]);
      }
      binary_loops(Binary::logical_xor, dtype_of<T>).scalar_x(x.get(), y.get(), truth.get(), n);
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
        wrong += truth[i] != ((x[0] != 0) != (y[i] != 0));
      CHECK(wrong == 0);
    }
  });
}

TEST_CASE("both inputs may be strided and broadcast") {
  std::vector<float> x(4000);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  using Strides = std::array<std::int64_t, 3>;
  const std::vector<Strides> all = {{0, 0, 0},
                                    {400, 20, 1},
                                    {1, 5, 100},
                                    {0, 20, 1},
                                    {20, 0, 1},
                                    {1, 0, 0},
                                    {0, 1, 0},
                                    {400, 20, 0},
                                    {-400, 20, -1}};
  for (const std::array<std::int64_t, 3>& shape :
       {Strides{5, 4, 20}, Strides{5, 20, 4}, Strides{1, 1, 3}}) {
    for (const Strides& a : all) {
      for (const Strides& b : all) {
        const auto start = [](const Strides& s) { return s[0] < 0 ? 2000 : 0; };
        const std::int64_t size = shape[0] * shape[1] * shape[2];
        std::vector<float> out(static_cast<std::size_t>(size));
        const auto less = std::make_unique<bool[]>(out.size());
        const In left{x.data() + start(a), a.data()}, right{x.data() + start(b), b.data()};
        binary(Binary::subtract, float32, shape, left, right, out.data());
        binary(Binary::less, float32, shape, left, right, less.get());
        std::int64_t wrong = 0, i = 0;
        for (std::int64_t p = 0; p < shape[0]; ++p) {
          for (std::int64_t q = 0; q < shape[1]; ++q) {
            for (std::int64_t r = 0; r < shape[2]; ++r, ++i) {
              const auto value = [&](const Strides& s) {
                return x[static_cast<std::size_t>(start(s) + p * s[0] + q * s[1] + r * s[2])];
              };
              wrong += out[static_cast<std::size_t>(i)] != value(a) - value(b);
              wrong += less[static_cast<std::size_t>(i)] != (value(a) < value(b));
            }
          }
        }
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("large broadcasts are the same on any number of threads") {
  std::vector<float> x(400'000), one(x.size()), four(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 1013);
  using Strides = std::array<std::int64_t, 2>;
  const int threads = num_threads();
  for (const Strides& shape :
       {Strides{4000, 100}, Strides{100, 4000}, Strides{2, 200'000}, Strides{200'000, 2}}) {
    for (const Strides& b : {Strides{0, 1}, Strides{1, 0}, Strides{0, 0}, Strides{1, shape[0]}}) {
      const Strides a = {shape[1], 1};
      set_num_threads(1);
      binary(Binary::add, float32, shape, {x.data(), a.data()}, {x.data(), b.data()}, one.data());
      set_num_threads(4);
      binary(Binary::add, float32, shape, {x.data(), a.data()}, {x.data(), b.data()}, four.data());
      std::int64_t wrong = one != four;
      for (std::int64_t i = 0; i < 400'000; i += 997) {
        const std::int64_t row = i / shape[1], column = i % shape[1];
        wrong += one[static_cast<std::size_t>(i)] !=
                 x[static_cast<std::size_t>(i)] +
                     x[static_cast<std::size_t>(row * b[0] + column * b[1])];
      }
      CHECK(wrong == 0);
    }
  }
  set_num_threads(threads);
}
