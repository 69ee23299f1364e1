#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include <nyala/core/kernels/reduce.hpp>

using namespace nyala;
using namespace nyala::kernels;

namespace {
using Indices = std::vector<std::int64_t>;
}

TEST_CASE("argreduce finds the first extreme, NaN before all") {
  const float nan = std::nanf("");
  const std::vector<float> x = {1, 3, 3, 0, 0, -1, nan, 9, nan};
  Indices out(3);
  argreduce(true, float32, 3, 3, 1, x.data(), out.data());
  CHECK(out == Indices{1, 0, 0});
  argreduce(false, float32, 3, 3, 1, x.data(), out.data());
  CHECK(out == Indices{0, 2, 0});
  argreduce(true, float32, 1, 3, 3, x.data(), out.data());
  CHECK(out == Indices{2, 2, 2});
  const std::vector<float> late = {5, 7, nan, 8};
  argreduce(false, float32, 1, 4, 1, late.data(), out.data());
  CHECK(out[0] == 2);
}

TEST_CASE_TEMPLATE("argreduce over long lines", T, float, double, std::int32_t, std::uint8_t) {
  for (const std::int64_t n : {1, 15, 16, 17, 100, 1000}) {
    for (const std::int64_t place : {std::int64_t{0}, n / 3, n - 1}) {
      std::vector<T> x(static_cast<std::size_t>(2 * n), T{10});
      x[static_cast<std::size_t>(place)] = 11;
      x[static_cast<std::size_t>(n + place)] = 9;
      x[static_cast<std::size_t>(n - 1)] =
          std::max(x[static_cast<std::size_t>(n - 1)], x[static_cast<std::size_t>(place)]);
      Indices out(2);
      argreduce(true, dtype_of<T>, 2, n, 1, x.data(), out.data());
      CHECK(out[0] == place);
      argreduce(false, dtype_of<T>, 2, n, 1, x.data(), out.data());
      CHECK(out[1] == place);
    }
  }
}

TEST_CASE("running sums and products, either way, with and without the element itself") {
  const std::vector<std::int32_t> x = {1, 2, 3, 4, 5, 6};
  const auto run = [&](bool product,
                       std::int64_t outer,
                       std::int64_t n,
                       std::int64_t inner,
                       bool reverse,
                       bool exclusive) {
    std::vector<std::int32_t> out(6);
    cumulative({product, reverse, exclusive}, int32, outer, n, inner, x.data(), out.data());
    return out;
  };
  using Values = std::vector<std::int32_t>;
  CHECK(run(false, 2, 3, 1, false, false) == Values{1, 3, 6, 4, 9, 15});
  CHECK(run(false, 2, 3, 1, true, false) == Values{6, 5, 3, 15, 11, 6});
  CHECK(run(false, 2, 3, 1, false, true) == Values{0, 1, 3, 0, 4, 9});
  CHECK(run(true, 2, 3, 1, true, true) == Values{6, 3, 1, 30, 6, 1});
  CHECK(run(true, 1, 3, 2, false, false) == Values{1, 2, 3, 8, 15, 48});
  cumulative({}, float32, 3, 0, 2, nullptr, nullptr);
}

TEST_CASE("sorting is stable and puts NaN last") {
  const float nan = std::nanf("");
  const std::vector<float> x = {2, nan, 1, 2, -1, nan};
  Indices out(6);
  sort_indices(float32, 1, 6, 1, x.data(), out.data(), false);
  CHECK(out == Indices{4, 2, 0, 3, 1, 5});
  sort_indices(float32, 1, 6, 1, x.data(), out.data(), true);
  CHECK(out == Indices{0, 3, 2, 4, 1, 5});
  const std::vector<std::int32_t> columns = {3, 1, 2, 2, 1, 3};
  sort_indices(int32, 1, 3, 2, columns.data(), out.data(), false);
  CHECK(out == Indices{2, 0, 1, 1, 0, 2});
  sort_indices(float32, 2, 0, 1, nullptr, nullptr, false);
}
