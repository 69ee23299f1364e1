#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <vector>

#include <nyala/core/kernels/elementwise.hpp>

using namespace nyala;
using namespace nyala::kernels;

TEST_CASE("casts saturate and truncate, and NaN becomes what no index equals") {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {
      0, -0.0F, 1.9F, -1.9F, 300, -300, 3e9F, -3e9F, 1e20F, inf, -inf, std::nanf("")};
  const std::int64_t n = static_cast<std::int64_t>(x.size()), one = 1;
  const auto converted = [&]<class T>(T) {
    std::vector<T> out(x.size());
    cast(float32, dtype_of<T>, {&n, 1}, {x.data(), &one}, out.data());
    return out;
  };
  constexpr std::int32_t max = std::numeric_limits<std::int32_t>::max(),
                         min = std::numeric_limits<std::int32_t>::min();
  constexpr std::int64_t max64 = std::numeric_limits<std::int64_t>::max(),
                         min64 = std::numeric_limits<std::int64_t>::min();
  CHECK(converted(std::int32_t{}) ==
        std::vector<std::int32_t>{0, 0, 1, -1, 300, -300, max, min, max, max, min, min});
  CHECK(converted(std::int64_t{}) ==
        std::vector<std::int64_t>{
            0, 0, 1, -1, 300, -300, 3'000'000'000, -3'000'000'000, max64, max64, min64, min64});
  CHECK(converted(std::uint8_t{}) ==
        std::vector<std::uint8_t>{0, 0, 1, 0, 255, 0, 255, 0, 255, 255, 0, 0});
  const auto truth = std::make_unique<bool[]>(x.size());
  cast(float32, bool_, {&n, 1}, {x.data(), &one}, truth.get());
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(truth[i] == (i > 1));
}

TEST_CASE("every dtype converts to every other") {
  constexpr std::array<DType, 6> dtypes = {bool_, uint8, int32, int64, float32, float64};
  const std::array<std::int64_t, 1> shape = {3}, step = {1};
  const std::array<double, 3> x = {0, 1, 1};
  for (const DType from : dtypes) {
    for (const DType to : dtypes) {
      std::array<double, 3> source, target, back;
      cast(float64, from, shape, {x.data(), step.data()}, source.data());
      cast(from, to, shape, {source.data(), step.data()}, target.data());
      cast(to, float64, shape, {target.data(), step.data()}, back.data());
      CHECK(back == x);
    }
  }
}

TEST_CASE("select takes x where the condition holds") {
  const std::array<bool, 6> condition = {true, false, true, false, false, true};
  const std::array<float, 6> x = {1, 2, 3, 4, 5, 6};
  const float nan = std::nanf("");
  std::array<float, 6> out;
  const std::array<std::int64_t, 2> shape = {2, 3}, rows = {3, 1}, none = {0, 0}, column = {1, 0};
  select(float32,
         shape,
         {condition.data(), rows.data()},
         {x.data(), rows.data()},
         {&nan, none.data()},
         out.data());
  for (std::size_t i = 0; i < 6; ++i) CHECK((condition[i] ? out[i] == x[i] : std::isnan(out[i])));
  select(float32,
         shape,
         {condition.data(), column.data()},
         {x.data(), none.data()},
         {x.data(), rows.data()},
         out.data());
  CHECK(out == std::array<float, 6>{1, 1, 1, 4, 5, 6});
}

TEST_CASE_TEMPLATE("blocks move between strided places", T, std::uint8_t, std::int32_t, double) {
  std::vector<T> x(40 * 50 * 6);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i % 251);
  using Strides = std::array<std::int64_t, 3>;
  const Strides shape = {40, 50, 3};
  for (const Strides& from : {Strides{150, 3, 1},
                              Strides{1, 40, 2000},
                              Strides{300, 6, 2},
                              Strides{3, 120, 1},
                              Strides{0, 0, 1},
                              Strides{50, 1, 2000}}) {
    for (const Strides& to : {Strides{150, 3, 1},
                              Strides{1, 40, 2000},
                              Strides{300, 6, 2},
                              Strides{3, 120, 1},
                              Strides{50, 1, 2000}}) {
      std::vector<T> out(x.size(), T{7}), expected(x.size(), T{7});
      copy_strided(dtype_of<T>, shape, {x.data(), from.data()}, out.data(), to.data());
      for (std::int64_t i = 0; i < 40; ++i) {
        for (std::int64_t j = 0; j < 50; ++j) {
          for (std::int64_t k = 0; k < 3; ++k) {
            expected[static_cast<std::size_t>(i * to[0] + j * to[1] + k * to[2])] =
                x[static_cast<std::size_t>(i * from[0] + j * from[1] + k * from[2])];
          }
        }
      }
      CHECK(out == expected);
    }
  }
}

TEST_CASE("a large transposition") {
  const std::int64_t rows = 1037, columns = 521;
  std::vector<std::int32_t> x(static_cast<std::size_t>(rows * columns)), out(x.size());
  std::iota(x.begin(), x.end(), 0);
  const std::array<std::int64_t, 2> shape = {columns, rows}, strides = {1, columns};
  copy(int32, shape, {x.data(), strides.data()}, out.data());
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < columns; ++i) {
    for (std::int64_t j = 0; j < rows; ++j)
      wrong += out[static_cast<std::size_t>(i * rows + j)] != j * columns + i;
  }
  CHECK(wrong == 0);
}

TEST_CASE("fill repeats one element") {
  const double value = -2.5;
  std::vector<double> out(5, 1);
  fill(float64, 4, &value, out.data());
  CHECK(out == std::vector<double>{value, value, value, value, 1});
  fill(float64, 0, &value, nullptr);
}
