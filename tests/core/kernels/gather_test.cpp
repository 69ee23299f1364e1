#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include <nyala/core/kernels/gather.hpp>
#include <nyala/core/parallel.hpp>

using namespace nyala;
using namespace nyala::kernels;

namespace {

struct Size {
  std::int64_t outer, axis, inner, count;
};

const std::vector<Size> kSizes = {{1, 5, 3, 4},
                                  {2, 3, 1, 7},
                                  {3, 4, 2, 5},
                                  {1, 1, 200, 3},
                                  {1, 50, 9, 0},
                                  {0, 3, 2, 4},
                                  {2, 3, 0, 4},
                                  {1, 900, 70, 3000}};

std::vector<std::int64_t> indices(std::int64_t n, std::int64_t axis) {
  std::mt19937 random(9);
  std::vector<std::int64_t> result(static_cast<std::size_t>(n));
  for (std::int64_t& index : result) index = static_cast<std::int64_t>(random()) % axis;
  return result;
}

template <class T>
std::vector<T> counting(std::int64_t n) {
  std::vector<T> result(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<T>(i % 101);
  return result;
}

}  // namespace

TEST_CASE_TEMPLATE("gather and scatter_add by rows", T, std::uint8_t, std::int32_t, float, double) {
  for (const Size& s : kSizes) {
    CAPTURE(s.inner);
    CAPTURE(s.count);
    const auto index = indices(s.count, s.axis);
    const auto table = counting<T>(s.outer * s.axis * s.inner);
    std::vector<T> out(static_cast<std::size_t>(s.outer * s.count * s.inner)), sums = table;
    const IndexedAxis at{dtype_of<T>, s.outer, s.axis, s.inner, s.count};
    gather(at, table.data(), index.data(), out.data());
    scatter_add(at, sums.data(), index.data(), out.data());
    std::vector<T> expected = table;
    std::int64_t wrong = 0;
    for (std::int64_t o = 0; o < s.outer; ++o) {
      for (std::int64_t i = 0; i < s.count; ++i) {
        for (std::int64_t k = 0; k < s.inner; ++k) {
          const auto from = static_cast<std::size_t>(
              (o * s.axis + index[static_cast<std::size_t>(i)]) * s.inner + k);
          wrong += out[static_cast<std::size_t>((o * s.count + i) * s.inner + k)] != table[from];
          expected[from] = static_cast<T>(expected[from] + table[from]);
        }
      }
    }
    CHECK(wrong == 0);
    CHECK(sums == expected);
  }
}

TEST_CASE("distinct indices, in the order in which they come") {
  for (const std::int64_t n : {0, 1, 2, 7, 1000}) {
    // Few and many different ones, some that are far apart.
    for (const std::int64_t axis : {std::int64_t{1}, std::int64_t{30}, std::int64_t{1} << 40}) {
      const auto index = indices(n, axis);
      std::vector<std::int64_t> rows(index.size(), -1), places(index.size(), -1), expected;
      const std::int64_t found = distinct(index.data(), n, rows.data(), places.data());
      std::int64_t wrong = 0;
      for (std::size_t i = 0; i < index.size(); ++i) {
        if (std::find(expected.begin(), expected.end(), index[i]) == expected.end())
          expected.push_back(index[i]);
        wrong += expected[static_cast<std::size_t>(places[i])] != index[i];
      }
      rows.resize(static_cast<std::size_t>(found));
      CHECK(rows == expected);
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("take_rows and put_rows leave out what the table does not have") {
  for (const std::int64_t columns : {1, 8, 16, 33, 3000}) {
    for (const std::int64_t count : {0, 1, 5, 40}) {
      CAPTURE(columns);
      CAPTURE(count);
      constexpr std::int64_t num_rows = 50;
      auto rows = indices(count, num_rows);
      if (count == 5) rows = {3, -1, num_rows, 0, num_rows - 1};
      const auto table = counting<float>(num_rows * columns);
      const std::int64_t bytes = columns * static_cast<std::int64_t>(sizeof(float));
      std::vector<float> out(static_cast<std::size_t>(count * columns), -1), changed = table;
      take_rows(table.data(), num_rows, bytes, rows.data(), count, out.data());
      std::vector<float> expected(out.size(), 0), values(out.size()), put = table;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i] < 0 || rows[i] >= num_rows) continue;
        for (std::size_t k = 0; k < static_cast<std::size_t>(columns); ++k) {
          const std::size_t to = i * static_cast<std::size_t>(columns) + k;
          const std::size_t from = static_cast<std::size_t>(rows[i] * columns) + k;
          expected[to] = table[from];
          put[from] = static_cast<float>(i) + 0.5F;
        }
      }
      CHECK(out == expected);
      for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<float>(i / static_cast<std::size_t>(columns)) + 0.5F;
      put_rows(changed.data(), num_rows, bytes, rows.data(), count, values.data());
      CHECK(changed == put);
    }
  }
}

TEST_CASE_TEMPLATE("gather and scatter_add by elements", T, std::uint8_t, std::int64_t, float) {
  for (const Size& s : kSizes) {
    CAPTURE(s.inner);
    CAPTURE(s.count);
    const auto index = indices(s.outer * s.count * s.inner, s.axis);
    const auto table = counting<T>(s.outer * s.axis * s.inner);
    std::vector<T> out(index.size()), sums = table, expected = table;
    const IndexedAxis at{dtype_of<T>, s.outer, s.axis, s.inner, s.count};
    gather_elements(at, table.data(), index.data(), out.data());
    scatter_add_elements(at, sums.data(), index.data(), out.data());
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(index.size()); ++i) {
      const std::int64_t o = i / (s.count * s.inner), k = i % s.inner;
      const auto from =
          static_cast<std::size_t>((o * s.axis + index[static_cast<std::size_t>(i)]) * s.inner + k);
      wrong += out[static_cast<std::size_t>(i)] != table[from];
      expected[from] = static_cast<T>(expected[from] + table[from]);
    }
    CHECK(wrong == 0);
    CHECK(sums == expected);
  }
}

TEST_CASE("float updates are added in order, on any number of threads") {
  const std::int64_t count = 4000, inner = 130;
  const auto index = indices(count, 7);
  std::vector<float> updates(static_cast<std::size_t>(count * inner));
  for (std::size_t i = 0; i < updates.size(); ++i) updates[i] = 1.0F / static_cast<float>(i + 1);
  std::vector<float> one(7 * inner), four(one);
  const int threads = num_threads();
  set_num_threads(1);
  scatter_add({float32, 1, 7, inner, count}, one.data(), index.data(), updates.data());
  set_num_threads(4);
  scatter_add({float32, 1, 7, inner, count}, four.data(), index.data(), updates.data());
  set_num_threads(threads);
  CHECK(one == four);
}

TEST_CASE_TEMPLATE("one_hot", T, std::int32_t, float) {
  const std::array<std::int64_t, 4> index = {1, -1, 0, 3};
  std::vector<T> out(12, T{9});
  one_hot(dtype_of<T>, index.data(), 4, 3, out.data());
  CHECK(out == std::vector<T>{0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0});
  one_hot(dtype_of<T>, index.data(), 4, 0, nullptr);
}
