#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/update.hpp>

#include "core/kernels/targets.hpp"

using namespace nyala;
using namespace nyala::kernels;

namespace {

double reference(Update op, const std::array<double, 5>& in) {
  switch (op) {
    case Update::lerp: return in[0] + (in[1] - in[0]) * in[2];
    case Update::lerp_square: return in[0] + (in[1] * in[1] - in[0]) * in[2];
    case Update::descend: return in[0] - in[1] * in[2];
    default: return in[0] - in[1] * in[3] / (std::sqrt(in[2]) + in[4]);
  }
}

template <class T>
void check(Update op, std::int64_t n, T last) {
  CAPTURE(n);
  CAPTURE(static_cast<int>(op));
  CAPTURE(last);
  std::mt19937 random(11);
  std::uniform_real_distribution<double> value(-2, 2);
  std::array<std::vector<T>, 3> arrays;
  for (std::vector<T>& array : arrays) {
    for (std::int64_t i = 0; i < n; ++i) array.push_back(static_cast<T>(value(random)));
  }
  // Of all sizes, 0 among them, as gradients' squares are.
  for (std::size_t i = 0; i < arrays[2].size(); ++i)
    arrays[2][i] = i % 5 == 0 ? T{0} : static_cast<T>(std::pow(10, 9 * value(random)));
  std::array<T, 2> numbers = {T(0.25), last};
  const bool is_root = op == Update::root_step;
  if (!is_root) numbers[0] = last;
  std::array<const void*, 5> inputs = {arrays[0].data(), arrays[1].data()};
  if (is_root) inputs[2] = arrays[2].data();
  inputs[num_arrays(op)] = &numbers[0];
  if (is_root) inputs[4] = &numbers[1];
  std::vector<T> out(static_cast<std::size_t>(n + 1), T{7});
  update(op, dtype_of<T>, n, inputs.data(), out.data());
  double worst = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    const auto x = static_cast<double>(arrays[0][i]), y = static_cast<double>(arrays[1][i]);
    const auto first = static_cast<double>(numbers[0]), second = static_cast<double>(numbers[1]);
    const double want =
        is_root ? reference(op, {x, y, static_cast<double>(arrays[2][i]), first, second})
                : reference(op, {x, y, first, 0, 0});
    worst = std::fmax(worst,
                      std::abs(static_cast<double>(out[i]) - want) / std::fmax(4, std::abs(want)));
  }
  CHECK(worst < 2 * std::numeric_limits<T>::epsilon());
  CHECK(out.back() == 7);
}

}  // namespace

TEST_CASE_TEMPLATE("updates of weights", T, float, double) {
  for_each_target([](const char* target) {
    CAPTURE(std::string(target));
    for (const std::int64_t n : {0, 1, 3, 8, 15, 16, 17, 33, 100, 1000}) {
      check<T>(Update::lerp, n, T(0.1));
      check<T>(Update::lerp_square, n, T(0.001));
      check<T>(Update::descend, n, T(0.1));
      for (const double epsilon : {1e-7, 1e-3, 1.0, 1e-10})
        check<T>(Update::root_step, n, T(epsilon));
    }
  });
}

TEST_CASE("a step by a root of unusual numbers") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  for_each_target([&](const char* target) {
    CAPTURE(std::string(target));
    const std::vector<float> x(20, 1.0F), m(20, 1.0F);
    const float rate = 0.5F;
    for (const float epsilon : {0.0F, 1e-30F, 1e-7F, 1e20F}) {
      CAPTURE(epsilon);
      std::vector<float> v(20, 4.0F), out(20);
      v[1] = inf, v[2] = nan, v[3] = -1, v[4] = 1e38F, v[5] = 0;
      const std::array<const void*, 5> inputs = {x.data(), m.data(), v.data(), &rate, &epsilon};
      update(Update::root_step, float32, 20, inputs.data(), out.data());
      CHECK(out[1] == 1);
      CHECK(std::isnan(out[2]));
      CHECK(std::isnan(out[3]));
      CHECK(out[4] == 1);
      CHECK(out[5] == 1 - rate / epsilon);
      CHECK(out[19] == doctest::Approx(1 - rate / (2 + epsilon)));
    }
  });
  CHECK_THROWS_AS(update_loop(Update::lerp, int32), TypeError);
}

TEST_CASE_TEMPLATE("the three steps of Adam in one loop", T, float, double) {
  for_each_target([](const char* target) {
    CAPTURE(std::string(target));
    for (const std::int64_t n : {1, 7, 16, 35, 200}) {
      CAPTURE(n);
      const bool squares = n % 5 != 0;
      CAPTURE(squares);
      std::mt19937 random(12);
      std::uniform_real_distribution<double> value(squares ? -2 : 0, 2);
      std::array<std::vector<T>, 4> arrays;  // m, v, weights, gradient or its square
      for (std::vector<T>& array : arrays) {
        for (std::int64_t i = 0; i < n; ++i) array.push_back(static_cast<T>(value(random)));
        array.push_back(T{7});
      }
      for (T& v : arrays[1]) v = std::abs(v);
      std::array<T, 4> numbers = {T(0.1), T(0.001), T(0.01), T(1e-7)};
      auto expected = arrays;
      auto &m = expected[0], &v = expected[1], &w = expected[2];
      const std::array<const void*, 3> of_m = {m.data(), arrays[3].data(), &numbers[0]};
      const std::array<const void*, 3> of_v = {v.data(), arrays[3].data(), &numbers[1]};
      const std::array<const void*, 5> of_w = {
          w.data(), m.data(), v.data(), &numbers[2], &numbers[3]};
      update(Update::lerp, dtype_of<T>, n, of_m.data(), m.data());
      const Update second = squares ? Update::lerp_square : Update::lerp;
      update(second, dtype_of<T>, n, of_v.data(), v.data());
      update(Update::root_step, dtype_of<T>, n, of_w.data(), w.data());
      T* const g = arrays[3].data();
      const std::array<void*, kFusedArrays> all = {arrays[0].data(),
                                                   g,
                                                   &numbers[0],
                                                   arrays[1].data(),
                                                   g,
                                                   &numbers[1],
                                                   arrays[2].data(),
                                                   &numbers[2],
                                                   &numbers[3],
                                                   arrays[0].data(),
                                                   arrays[1].data(),
                                                   arrays[2].data()};
      adam_loop(dtype_of<T>, squares)(all.data(), n);
      // The same formulas, but for products that the compiler may fuse with a sum or not.
      const double most = 4 * std::numeric_limits<T>::epsilon();
      for (std::size_t a = 0; a < 3; ++a) {
        double worst = 0;
        for (std::size_t i = 0; i < arrays[a].size(); ++i)
          worst = std::fmax(worst, std::abs(static_cast<double>(arrays[a][i] - expected[a][i])));
        CHECK(worst < most);
        CHECK(arrays[a].back() == expected[a].back());
      }
    }
  });
}
