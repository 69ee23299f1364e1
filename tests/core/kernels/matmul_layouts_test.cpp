#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <nyala/core/kernels/blas_core.hpp>
#include <nyala/core/kernels/integer_matmul.hpp>
#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/matmul.hpp>
#include <nyala/core/parallel.hpp>

using namespace nyala;
using namespace nyala::kernels;

namespace {

void matmul(DType dtype,
            std::int64_t m,
            std::int64_t n,
            std::int64_t k,
            Matrix a,
            Matrix b,
            void* c,
            std::int64_t c_row) {
  const MatmulPlan plan = plan_matmul(
      {dtype, m, n, k, {a.row_stride, a.col_stride}, {b.row_stride, b.col_stride}, c_row});
  plan(a.data, b.data, c);
}

// Elements with room on every side for strides of either sign.
template <class T>
struct Buffer {
  std::vector<T> data;
  explicit Buffer(std::int64_t size, unsigned seed) : data(static_cast<std::size_t>(size)) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> value(-50, 50);
    for (auto& x : data)
      x = static_cast<T>(std::is_floating_point_v<T> ? value(random) * 0.13 : value(random));
  }
};
template <>
Buffer<bool>::Buffer(std::int64_t, unsigned) = delete;

template <class T>
T at(Matrix x, std::int64_t i, std::int64_t j) {
  return static_cast<const T*>(x.data)[i * x.row_stride + j * x.col_stride];
}

template <class T>
void check_product(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b) {
  CAPTURE(m);
  CAPTURE(n);
  CAPTURE(k);
  CAPTURE(a.row_stride);
  CAPTURE(a.col_stride);
  CAPTURE(b.row_stride);
  CAPTURE(b.col_stride);
  const std::int64_t c_row = n + 3;
  std::vector<T> c(static_cast<std::size_t>(m * c_row + 1), T{77});
  matmul(dtype_of<T>, m, n, k, a, b, c.data(), c_row);
  std::int64_t wrong = 0;
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < c_row; ++j) {
      const T value = c[static_cast<std::size_t>(i * c_row + j)];
      if (j >= n) {
        wrong += value != T{77};
      } else if constexpr (std::is_floating_point_v<T>) {
        double sum = 0, size = 0;
        for (std::int64_t p = 0; p < k; ++p) {
          const double term =
              static_cast<double>(at<T>(a, i, p)) * static_cast<double>(at<T>(b, p, j));
          sum += term;
          size += std::abs(term);
        }
        // A sum of k products rounds k times at worst.
        const double bound = static_cast<double>(k + 1) * std::numeric_limits<T>::epsilon() * size;
        wrong += !(std::abs(static_cast<double>(value) - sum) <= bound);
      } else {
        std::uint64_t sum = 0;
        for (std::int64_t p = 0; p < k; ++p) {
          sum += static_cast<std::uint64_t>(at<T>(a, i, p)) *
                 static_cast<std::uint64_t>(at<T>(b, p, j));
        }
        wrong += value != static_cast<T>(sum);
      }
    }
  }
  CHECK(wrong == 0);
}

// All combinations of layouts for one size.
template <class T>
void check_layouts(std::int64_t m, std::int64_t n, std::int64_t k) {
  const Buffer<T> a_data(2 * (m + 2) * (k + 2) + 8, 1), b_data(2 * (k + 2) * (n + 2) + 8, 2);
  const T* a = a_data.data.data();
  const T* b = b_data.data.data();
  const std::vector<Matrix> as = {{a, k, 1},
                                  {a, 1, m},
                                  {a, k + 2, 1},
                                  {a, 2 * k, 2},
                                  {a + (m - 1) * k, -k, 1},
                                  {a, 0, 1},
                                  {a, 1, 0},
                                  {a, 0, 0}};
  const std::vector<Matrix> bs = {
      {b, n, 1}, {b, 1, k}, {b, 1, k + 1}, {b, 2 * n, 2}, {b + n - 1, n, -1}, {b, 0, 1}, {b, 1, 0}};
  for (const Matrix& left : as) {
    for (const Matrix& right : bs) check_product<T>(m, n, k, left, right);
  }
}

}  // namespace

TEST_CASE_TEMPLATE(
    "products of every layout", T, float, double, std::uint8_t, std::int32_t, std::int64_t) {
  check_layouts<T>(3, 5, 4);
  check_layouts<T>(1, 7, 9);
  check_layouts<T>(7, 1, 9);
  check_layouts<T>(17, 33, 1);
  check_layouts<T>(1, 1, 40);
}

TEST_CASE_TEMPLATE("products of many sizes", T, float, double, std::int32_t) {
  for (const std::int64_t m : {1, 2, 5, 8, 31, 70}) {
    for (const std::int64_t n : {1, 3, 15, 16, 17, 64, 100}) {
      for (const std::int64_t k : {1, 2, 16, 63}) {
        const Buffer<T> a(m * k, 3), b(k * n, 4);
        check_product<T>(m, n, k, {a.data.data(), k, 1}, {b.data.data(), n, 1});
        check_product<T>(m, n, k, {a.data.data(), 1, m}, {b.data.data(), 1, k});
      }
    }
  }
}

TEST_CASE_TEMPLATE("long vectors times large matrices", T, float, double) {
  const std::int64_t k = 300, n = 1000;
  const Buffer<T> a(2 * k, 5), b(2 * k * n, 6);
  const T* x = a.data.data();
  const T* w = b.data.data();
  for (const Matrix& row : {Matrix{x, k, 1}, Matrix{x, 1, 2}, Matrix{x + k, 1, -1}}) {
    for (const Matrix& right : {Matrix{w, n, 1}, Matrix{w, 1, k}, Matrix{w, 2 * n, 2}}) {
      check_product<T>(1, n, k, row, right);
      check_product<T>(n,
                       1,
                       k,
                       {right.data, right.col_stride, right.row_stride},
                       {row.data, row.col_stride, row.row_stride});
    }
  }
}

TEST_CASE("empty products") {
  std::array<float, 4> c = {1, 2, 3, 4};
  matmul(float32, 2, 2, 0, {nullptr, 0, 1}, {nullptr, 2, 1}, c.data(), 2);
  CHECK(c == std::array<float, 4>{0, 0, 0, 0});
  matmul(float32, 0, 2, 3, {nullptr, 3, 1}, {nullptr, 2, 1}, nullptr, 2);
  matmul(int32, 2, 0, 3, {nullptr, 3, 1}, {nullptr, 2, 1}, nullptr, 2);
  std::array<std::int32_t, 2> i = {1, 2};
  matmul(int32, 1, 2, 0, {nullptr, 0, 1}, {nullptr, 2, 1}, i.data(), 2);
  CHECK(i == std::array<std::int32_t, 2>{0, 0});
}

TEST_CASE("a product of bools is an or of ands") {
  const std::array<bool, 4> a = {true, false, true, true}, b = {false, true, false, true};
  std::array<bool, 4> c{};
  matmul(bool_, 2, 2, 2, {a.data(), 2, 1}, {b.data(), 2, 1}, c.data(), 2);
  CHECK(c == std::array<bool, 4>{false, true, false, true});
}

TEST_CASE("infinities and NaN pass through a product") {
  const float inf = std::numeric_limits<float>::infinity();
  const std::array<float, 4> a = {0, 1, 0, 0}, b = {inf, 1, 2, 3};
  std::array<float, 4> c{};
  matmul(float32, 2, 2, 2, {a.data(), 2, 1}, {b.data(), 2, 1}, c.data(), 2);
  CHECK(std::isnan(c[0]));  // 0 inf + 1 2
  CHECK(c[1] == 3);
  CHECK(std::isnan(c[2]));
  CHECK(c[3] == 0);
}

TEST_CASE("a large product does not depend on the number of threads") {
  const std::int64_t m = 600, n = 530, k = 70;
  const Buffer<float> a(m * k, 5), b(k * n, 6);
  std::vector<float> one(static_cast<std::size_t>(m * n)), three(one);
  const int threads = num_threads();
  set_num_threads(1);
  matmul(float32, m, n, k, {a.data.data(), k, 1}, {b.data.data(), n, 1}, one.data(), n);
  set_num_threads(3);
  matmul(float32, m, n, k, {a.data.data(), k, 1}, {b.data.data(), n, 1}, three.data(), n);
  set_num_threads(threads);
  CHECK(one == three);
  check_product<float>(m, n, k, {a.data.data(), k, 1}, {b.data.data(), n, 1});
}

TEST_CASE_TEMPLATE("batched products take any batch strides", T, float, double, std::int32_t) {
  const std::int64_t m = 4, n = 3, k = 5;
  const std::array<std::int64_t, 2> batch = {2, 3};
  const Buffer<T> a(500, 7), b(500, 8);
  using Strides = std::array<std::int64_t, 2>;
  for (const Strides& a_batch : {Strides{60, 20}, Strides{20, 40}, Strides{0, 20}, Strides{0, 0}}) {
    for (const Strides& b_batch : {Strides{45, 15}, Strides{0, 0}, Strides{15, 0}}) {
      std::vector<T> c(6 * m * n), one(m * n);
      plan_batched_matmul(
          {dtype_of<T>, m, n, k, {k, 1}, {1, k}, n}, batch, a_batch.data(), b_batch.data())(
          a.data.data(), b.data.data(), c.data());
      for (std::int64_t i = 0; i < 6; ++i) {
        const T* left = a.data.data() + i / 3 * a_batch[0] + i % 3 * a_batch[1];
        const T* right = b.data.data() + i / 3 * b_batch[0] + i % 3 * b_batch[1];
        matmul(dtype_of<T>, m, n, k, {left, k, 1}, {right, 1, k}, one.data(), n);
        for (std::int64_t j = 0; j < m * n; ++j) {
          CHECK(c[static_cast<std::size_t>(i * m * n + j)] ==
                doctest::Approx(one[static_cast<std::size_t>(j)]).epsilon(1e-5));
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("BLAS and the SIMD loops agree, with any number of threads", T, float, double) {
  const MatmulBackend before = matmul_backend();
  const int threads = num_threads();
  const std::int64_t m = 300, n = 270, k = 140;
  const Buffer<T> a(m * k, 3), b(k * n, 4), bias(n, 5);
  const auto product = [&](MatmulBackend backend, int count, MatmulOptions options, bool add) {
    set_matmul_backend(backend);
    set_num_threads(count);
    std::vector<T> c(static_cast<std::size_t>(m * n), T{1});
    const MatmulPlan plan = plan_matmul({dtype_of<T>, m, n, k, {k, 1}, {n, 1}, n, options});
    CHECK(plan.blas == (backend == MatmulBackend::blas));
    plan(a.data.data(), b.data.data(), add ? bias.data.data() : nullptr, c.data());
    return c;
  };
  for (const MatmulOptions options : {MatmulOptions{},
                                      MatmulOptions{true, false},
                                      MatmulOptions{false, true},
                                      MatmulOptions{true, true}}) {
    for (const bool add : {false, true}) {
      const auto simd = product(MatmulBackend::simd, 1, options, add);
      const auto one = product(MatmulBackend::blas, 1, options, add);
      CHECK(one == product(MatmulBackend::blas, 2, options, add));
      CHECK(one == product(MatmulBackend::blas, 5, options, add));
      // Sums of k products below 50, whose roundings differ.
      const double bound = 50 * k * static_cast<double>(std::numeric_limits<T>::epsilon()) * 42;
      double apart = 0;
      for (std::size_t i = 0; i < one.size(); ++i)
        apart = std::max(apart, static_cast<double>(std::abs(one[i] - simd[i])));
      CHECK(apart <= bound);
    }
  }
  set_num_threads(threads);
  set_matmul_backend(before);
}

TEST_CASE("BLAS leaves strides that it does not take to the SIMD loops") {
  const MatmulBackend before = matmul_backend();
  set_matmul_backend(MatmulBackend::blas);
  CHECK(plan_matmul({float32, 4, 4, 4, {1, 4}, {4, 1}, 4}).blas);
  CHECK_FALSE(plan_matmul({float32, 4, 4, 4, {8, 2}, {4, 1}, 4}).blas);
  CHECK_FALSE(plan_matmul({float32, 4, 4, 4, {0, 1}, {4, 1}, 4}).blas);
  set_matmul_backend(before);
}

TEST_CASE("the BLAS kernels have a name") { CHECK(!blas_kernels().empty()); }
