// Pooling against scalar loops, for every instruction set.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <vector>

#include <nyala/core/kernels/pool.hpp>
#include <nyala/core/parallel.hpp>

#include "core/kernels/numbers.hpp"
#include "core/kernels/targets.hpp"

using namespace nyala;
using kernels::PoolShape;
using kernels::WindowAxis;

namespace {

std::vector<PoolShape> shapes() {
  const WindowAxis one;
  return {
      {{2, {one, WindowAxis{6, 3, 2, 2}, WindowAxis{8, 4, 2, 2}}}, 32},
      {{2, {one, WindowAxis{11, 5, 2, 2}, WindowAxis{7, 3, 2, 2}}}, 45},
      {{1, {one, WindowAxis{7, 4, 3, 2, 1, 1}, WindowAxis{9, 9, 3, 1, 1, 1}}}, 3},
      {{2, {one, one, WindowAxis{10, 3, 2, 4}}}, 9},
      {{2, {one, one, WindowAxis{10, 4, 3, 2, 2, 1}}}, 70},
      {{1, {WindowAxis{4, 2, 2, 2}, WindowAxis{5, 4, 2, 1}, WindowAxis{6, 3, 3, 2, 1, 1}}}, 17},
      {{1, {one, WindowAxis{3, 3, 5, 1, 1, 2}, WindowAxis{3, 5, 2, 1, 1, 2}}}, 4},
      {{3, {one, one, WindowAxis{64, 1, 64, 64}}}, 8},
  };
}

// f(input pixel, output pixel) for all pairs, the inputs of an output in order.
void each_pair(const PoolShape& s, const std::function<void(std::int64_t, std::int64_t)>& f) {
  const auto& [d, h, w] = s.window.axes;
  std::int64_t out = 0;
  for (std::int64_t image = 0; image < s.window.batch; ++image) {
    for (std::int64_t o0 = 0; o0 < d.out; ++o0) {
      for (std::int64_t o1 = 0; o1 < h.out; ++o1) {
        for (std::int64_t o2 = 0; o2 < w.out; ++o2, ++out) {
          for (std::int64_t t = 0; t < s.window.taps(); ++t) {
            const std::int64_t i0 = d.input_of(o0, t / (h.size * w.size));
            const std::int64_t i1 = h.input_of(o1, t / w.size % h.size);
            const std::int64_t i2 = w.input_of(o2, t % w.size);
            if (d.is_inside(i0) && h.is_inside(i1) && w.is_inside(i2))
              f(((image * d.in + i0) * h.in + i1) * w.in + i2, out);
          }
        }
      }
    }
  }
}

template <class T>
struct Reference {
  std::vector<T> max, average, picked, max_back, average_back;

  Reference(const PoolShape& s,
            const std::vector<T>& x,
            const std::vector<T>& other,
            const std::vector<T>& dy)
      : max(dy.size(), -std::numeric_limits<T>::infinity()),
        average(dy.size()),
        picked(dy.size()),
        max_back(x.size()),
        average_back(x.size()) {
    std::vector<std::int64_t> count(dy.size()), at(dy.size(), -1);
    const auto each = [&](auto&& use) {
      each_pair(s, [&](std::int64_t in, std::int64_t out) {
        for (std::int64_t c = 0; c < s.channels; ++c)
          use(static_cast<std::size_t>(in * s.channels + c),
              static_cast<std::size_t>(out * s.channels + c));
      });
    };
    each([&](std::size_t i, std::size_t o) {
      ++count[o];
      average[o] += x[i];
      const bool first = at[o] < 0;
      if (first || x[i] > max[o] || (std::isnan(x[i]) && !std::isnan(max[o]))) {
        max[o] = x[i];
        at[o] = static_cast<std::int64_t>(i);
      }
    });
    for (std::size_t o = 0; o < dy.size(); ++o) {
      average[o] /= static_cast<T>(std::max<std::int64_t>(count[o], 1));
      if (at[o] < 0) continue;
      picked[o] = other[static_cast<std::size_t>(at[o])];
      max_back[static_cast<std::size_t>(at[o])] += dy[o];
    }
    each(
        [&](std::size_t i, std::size_t o) { average_back[i] += dy[o] / static_cast<T>(count[o]); });
  }
};

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), [](T p, T q) {
    return p == q || (std::isnan(p) && std::isnan(q));
  });
}

template <class T>
void check(DType dtype, const PoolShape& s) {
  const std::int64_t inputs = s.window.batch * s.window.inputs() * s.channels;
  const std::int64_t outputs = s.window.batch * s.window.outputs() * s.channels;
  auto x = numbers<T>(inputs, 1);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (i % 3 == 0) x[i] = T{1};  // equal ones
    if (i % 29 == 0) x[i] = std::numeric_limits<T>::quiet_NaN();
    if (i % 31 == 0) x[i] = -std::numeric_limits<T>::infinity();
  }
  const auto other = numbers<T>(inputs, 2), dy = numbers<T>(outputs, 3);
  const Reference<T> wanted(s, x, other, dy);
  std::vector<T> y(dy.size(), T{777}), dx(x.size(), T{777});
  kernels::max_pool(dtype, s, x.data(), y.data());
  CHECK(same(y, wanted.max));
  kernels::max_pool_pick(dtype, s, x.data(), other.data(), y.data());
  CHECK(same(y, wanted.picked));
  kernels::average_pool(dtype, s, x.data(), y.data());
  CHECK(same(y, wanted.average));
  kernels::max_pool_spread(dtype, s, x.data(), dy.data(), dx.data());
  CHECK(same(dx, wanted.max_back));
  std::fill(dx.begin(), dx.end(), T{777});
  kernels::average_pool_spread(dtype, s, dy.data(), dx.data());
  CHECK(same(dx, wanted.average_back));
}

}  // namespace

TEST_CASE("pooling takes the largest and the mean of windows, and back") {
  for_each_target([](const char* target) {
    INFO("target ", target);
    const auto all = shapes();
    for (std::size_t i = 0; i < all.size(); ++i) {
      INFO("shape ", i);
      check<float>(DType::float32, all[i]);
      check<double>(DType::float64, all[i]);
    }
  });
}
