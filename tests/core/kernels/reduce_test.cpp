#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <nyala/core/kernels/reduce.hpp>
#include <nyala/core/parallel.hpp>

#include "core/kernels/targets.hpp"

using namespace nyala;
using namespace nyala::kernels;

namespace {

constexpr std::array<Reduce, 4> kOps = {Reduce::sum, Reduce::product, Reduce::max, Reduce::min};

template <class T>
long double step(Reduce op, long double total, T value) {
  const auto x = static_cast<long double>(value);
  switch (op) {
    case Reduce::sum: return total + x;
    case Reduce::product: return total * x;
    case Reduce::max: return std::isnan(total) || total > x ? total : x;
    default: return std::isnan(total) || total < x ? total : x;
  }
}

long double first(Reduce op) {
  const long double inf = std::numeric_limits<long double>::infinity();
  return op == Reduce::sum ? 0 : op == Reduce::product ? 1 : op == Reduce::max ? -inf : inf;
}

template <class T>
std::vector<T> random_values(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> value(0.6, 1.6);
  std::vector<T> x(n);
  for (T& element : x)
    element = static_cast<T>(std::is_integral_v<T> ? std::floor(value(random) * 2) : value(random));
  return x;
}

struct Case {
  std::vector<std::int64_t> shape, strides;
  std::int64_t start;
};

// Every choice of reduced axes, checked against one loop.
template <class T>
void check_case(const Case& c, const std::vector<T>& x) {
  const std::size_t rank = c.shape.size();
  std::int64_t size = 1;
  for (const std::int64_t dim : c.shape) size *= dim;
  for (std::size_t mask = 0; mask < (std::size_t{1} << rank); ++mask) {
    std::array<bool, 8> reduced{};
    std::int64_t num_out = 1;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      reduced[axis] = (mask >> axis & 1) != 0;
      if (!reduced[axis]) num_out *= c.shape[axis];
    }
    for (const Reduce op : kOps) {
      std::vector<long double> expected(static_cast<std::size_t>(num_out), first(op));
      for (std::int64_t i = 0; i < size; ++i) {
        std::int64_t rest = i, offset = c.start, place = 0, scale = 1;
        for (std::size_t axis = rank; axis-- > 0;) {
          const std::int64_t index = rest % c.shape[axis];
          rest /= c.shape[axis];
          offset += index * c.strides[axis];
          if (!reduced[axis]) place += index * scale, scale *= c.shape[axis];
        }
        auto& total = expected[static_cast<std::size_t>(place)];
        total = step(op, total, x[static_cast<std::size_t>(offset)]);
      }
      std::vector<T> out(expected.size() + 1, T{99});
      reduce(op,
             dtype_of<T>,
             c.shape,
             {x.data() + c.start, c.strides.data()},
             reduced.data(),
             out.data());
      CAPTURE(static_cast<int>(op));
      CAPTURE(mask);
      CHECK(out.back() == T{99});
      double worst = 0;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        if constexpr (std::is_floating_point_v<T>) {
          if (static_cast<T>(expected[i]) == out[i]) continue;
          worst = std::fmax(worst,
                            static_cast<double>(std::fabs(out[i] / expected[i] - 1)) /
                                std::numeric_limits<T>::epsilon());
        } else if (size > 0 && op != Reduce::product) {
          worst += out[i] != static_cast<T>(static_cast<std::int64_t>(expected[i]));
        }
      }
      // Sums are made in halves; a product of n factors rounds n times.
      CHECK(worst <= (op == Reduce::product ? static_cast<double>(size) : 12.0));
    }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("reductions over every set of axes and layout", T, float, double, std::int32_t) {
  const std::vector<Case> cases = {{{}, {}, 0},
                                   {{1}, {1}, 0},
                                   {{7}, {1}, 0},
                                   {{100}, {1}, 0},
                                   {{100}, {-2}, 200},
                                   {{5, 17}, {17, 1}, 0},
                                   {{17, 5}, {1, 17}, 0},
                                   {{9, 70}, {100, 1}, 0},
                                   {{3, 4, 5}, {20, 5, 1}, 0},
                                   {{3, 4, 5}, {40, 1, 8}, 0},
                                   {{3, 4, 5}, {0, 5, 1}, 0},
                                   {{3, 1, 5}, {5, 77, 1}, 0},
                                   {{3, 4, 5}, {20, 5, 0}, 0},
                                   {{2, 3, 4, 5}, {60, 20, 5, 1}, 0},
                                   {{2, 3, 4, 33}, {-132, 264, 33, 1}, 132}};
  const std::vector<T> x = random_values<T>(1000, 1);
  for_each_target([&](const char* target) {
    CAPTURE(std::string(target));
    for (const Case& c : cases) check_case(c, x);
  });
}

TEST_CASE_TEMPLATE("reductions of nothing", T, float, std::int32_t) {
  const std::array<std::int64_t, 2> shape = {3, 0}, strides = {1, 1};
  const std::array<bool, 2> inner = {false, true}, outer = {true, false};
  using Limits = std::numeric_limits<T>;
  const T highest = Limits::has_infinity ? Limits::infinity() : Limits::max();
  const T lowest = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  for (const auto& [op, expected] : std::vector<std::pair<Reduce, T>>{{Reduce::sum, T{0}},
                                                                      {Reduce::product, T{1}},
                                                                      {Reduce::max, lowest},
                                                                      {Reduce::min, highest}}) {
    std::array<T, 3> out = {5, 5, 5};
    reduce(op, dtype_of<T>, shape, {nullptr, strides.data()}, inner.data(), out.data());
    CHECK(out == std::array<T, 3>{expected, expected, expected});
    reduce(op, dtype_of<T>, shape, {nullptr, strides.data()}, outer.data(), nullptr);
  }
  bool any = true, all = false;
  const std::array<bool, 2> both = {true, true};
  reduce(Reduce::any, dtype_of<T>, shape, {nullptr, strides.data()}, both.data(), &any);
  reduce(Reduce::all, dtype_of<T>, shape, {nullptr, strides.data()}, both.data(), &all);
  CHECK(!any);
  CHECK(all);
}

TEST_CASE("NaN wins in max and min, infinities pass") {
  const float nan = std::nanf(""), inf = std::numeric_limits<float>::infinity();
  const std::int64_t one = 1;
  const bool yes = true;
  for_each_target([&](const char*) {
    for (const std::int64_t n : {1, 5, 16, 40, 100}) {
      for (const std::int64_t place : {std::int64_t{0}, n / 2, n - 1}) {
        std::vector<float> x(static_cast<std::size_t>(n), 1.0F);
        float out = 0;
        x[static_cast<std::size_t>(place)] = nan;
        for (const Reduce op : kOps) {
          reduce(op, float32, {&n, 1}, {x.data(), &one}, &yes, &out);
          CHECK(std::isnan(out));
        }
        x[static_cast<std::size_t>(place)] = -inf;
        reduce(Reduce::min, float32, {&n, 1}, {x.data(), &one}, &yes, &out);
        CHECK(out == -inf);
        reduce(Reduce::sum, float32, {&n, 1}, {x.data(), &one}, &yes, &out);
        CHECK(out == -inf);
      }
    }
  });
}

TEST_CASE("any and all take every dtype") {
  const std::array<std::int64_t, 2> shape = {3, 2}, strides = {2, 1};
  const std::array<bool, 2> inner = {false, true};
  const std::array<float, 6> x = {0, 0, 0, std::nanf(""), 2, -1};
  std::array<bool, 6> truth;
  cast(float32, bool_, shape, {x.data(), strides.data()}, truth.data());
  for (const DType dtype : {float32, bool_}) {
    const void* data = dtype == float32 ? static_cast<const void*>(x.data()) : truth.data();
    std::array<bool, 3> any, all;
    reduce(Reduce::any, dtype, shape, {data, strides.data()}, inner.data(), any.data());
    reduce(Reduce::all, dtype, shape, {data, strides.data()}, inner.data(), all.data());
    CHECK(any == std::array<bool, 3>{false, true, true});
    CHECK(all == std::array<bool, 3>{false, false, true});
  }
}

TEST_CASE("long float sums stay accurate and do not depend on threads") {
  const std::int64_t n = 3'000'000;
  const std::vector<float> x(static_cast<std::size_t>(n), 0.1F);
  const std::array<std::int64_t, 2> flat = {1, n}, flat_strides = {n, 1}, tall = {n / 3, 3},
                                    tall_strides = {3, 1};
  const std::array<bool, 2> both = {true, true}, outer = {true, false};
  const int threads = num_threads();
  std::array<float, 3> before{};
  for (const int count : {1, 4}) {
    set_num_threads(count);
    float sum = 0;
    reduce(Reduce::sum, float32, flat, {x.data(), flat_strides.data()}, both.data(), &sum);
    CHECK(std::abs(sum / (static_cast<double>(n) * 0.1F) - 1) < 1e-6);
    std::array<float, 3> columns;
    reduce(
        Reduce::sum, float32, tall, {x.data(), tall_strides.data()}, outer.data(), columns.data());
    for (const float column : columns)
      CHECK(std::abs(column / (static_cast<double>(n) / 3 * 0.1F) - 1) < 1e-5);
    if (count == 1) before = columns;
    CHECK(before == columns);
  }
  set_num_threads(threads);
}

TEST_CASE("integer sums wrap") {
  const std::array<std::int32_t, 3> x = {std::numeric_limits<std::int32_t>::max(), 1, 5};
  const std::int64_t n = 3, one = 1;
  const bool yes = true;
  std::int32_t out = 0;
  reduce(Reduce::sum, int32, {&n, 1}, {x.data(), &one}, &yes, &out);
  CHECK(out == std::numeric_limits<std::int32_t>::min() + 5);
}
