#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/normalized_product.hpp>
#include <nyala/core/parallel.hpp>

#include "core/kernels/numbers.hpp"
#include "core/kernels/targets.hpp"

using namespace nyala;
using namespace nyala::kernels;

namespace {

template <class T>
struct Case {
  NormalizedProduct p;
  std::vector<T> x = numbers<T>(p.batch * p.m * p.k, 1);
  std::vector<T> y = numbers<T>(p.batch * p.n * p.k, 2);
  std::vector<T> dz = numbers<T>(p.batch * p.m * p.n, 3);
  std::vector<T> z = std::vector<T>(dz.size(), T{9}), dx = std::vector<T>(x.size(), T{9}),
                 dy = std::vector<T>(y.size(), T{9});

  void run() {
    normalized_product(p, x.data(), y.data(), z.data());
    normalized_product_grad(p, x.data(), y.data(), dz.data(), dx.data(), dy.data());
  }
};

// One sample's rows of k, in double.
struct Matrix {
  std::int64_t rows, k;
  std::vector<double> data;
  double& at(std::int64_t i, std::int64_t j) { return data[static_cast<std::size_t>(i * k + j)]; }
};

template <class T>
Matrix rows_of(const std::vector<T>& all, std::int64_t s, std::int64_t rows, std::int64_t k) {
  Matrix m{rows, k, std::vector<double>(static_cast<std::size_t>(rows * k))};
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < k; ++j)
      m.at(i, j) = static_cast<double>(all[static_cast<std::size_t>(s * rows * k + i * k + j)]);
  }
  return m;
}

// Rows scaled in place; the factors, negative where they are constant.
std::vector<double> scale(Matrix& m, LengthClamp clamp) {
  std::vector<double> factors;
  for (std::int64_t i = 0; i < m.rows; ++i) {
    double squares = 0;
    for (std::int64_t j = 0; j < m.k; ++j) squares += m.at(i, j) * m.at(i, j);
    const bool clamped = 1 / std::sqrt(squares) > clamp.most;
    const double r = clamped ? clamp.most : 1 / std::sqrt(squares);
    for (std::int64_t j = 0; j < m.k; ++j) m.at(i, j) *= r;
    factors.push_back(clamped ? -r : r);
  }
  return factors;
}

// What l2_normalize gives back for the gradient of its result.
Matrix gradient(Matrix unit, const std::vector<double>& factors, Matrix d) {
  for (std::int64_t i = 0; i < unit.rows; ++i) {
    const double f = factors[static_cast<std::size_t>(i)];
    double along = 0;
    for (std::int64_t j = 0; j < unit.k; ++j) along += unit.at(i, j) * d.at(i, j);
    for (std::int64_t j = 0; j < unit.k; ++j)
      d.at(i, j) = std::abs(f) * (d.at(i, j) - (f < 0 ? 0 : along * unit.at(i, j)));
  }
  return d;
}

double distance(Matrix a, Matrix b) {
  double most = 0;
  for (std::size_t i = 0; i < a.data.size(); ++i)
    most = std::max(most, std::abs(a.data[i] - b.data[i]));
  return most;
}

template <class T>
void check(const NormalizedProduct& p) {
  CAPTURE(p.m);
  CAPTURE(p.n);
  CAPTURE(p.k);
  Case<T> c{p};
  c.run();
  for (std::int64_t s = 0; s < p.batch; ++s) {
    Matrix u = rows_of(c.x, s, p.m, p.k), v = rows_of(c.y, s, p.n, p.k);
    const std::vector<double> r = scale(u, p.clamp), q = scale(v, p.clamp);
    Matrix dz = rows_of(c.dz, s, p.m, p.n), z = dz, du = u, dv = v;
    for (double& value : du.data) value = 0;
    for (double& value : dv.data) value = 0;
    double longest = 1;
    for (std::int64_t i = 0; i < p.m; ++i) {
      for (std::int64_t j = 0; j < p.n; ++j) {
        z.at(i, j) = 0;
        for (std::int64_t l = 0; l < p.k; ++l) {
          z.at(i, j) += u.at(i, l) * v.at(j, l);
          du.at(i, l) += dz.at(i, j) * v.at(j, l);
          dv.at(j, l) += dz.at(i, j) * u.at(i, l);
        }
      }
    }
    for (const auto* factors : {&r, &q}) {
      for (const double f : *factors) longest = std::max(longest, std::abs(f));
    }
    // Sums of up to m, n or k terms no larger than one, times a factor.
    const double bound = std::numeric_limits<T>::epsilon() * longest *
                         static_cast<double>((p.k + 16) * (p.m + p.n + 16));
    CHECK(distance(rows_of(c.z, s, p.m, p.n), z) <= bound);
    CHECK(distance(rows_of(c.dx, s, p.m, p.k), gradient(u, r, du)) <= bound);
    CHECK(distance(rows_of(c.dy, s, p.n, p.k), gradient(v, q, dv)) <= bound);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("products of matrices of rows of length one", T, float, double) {
  for_each_target([](const std::string& target) {
    CAPTURE(target);
    check<T>({dtype_of<T>, 3, 5, 7, 19, {1e7, 0}});
    check<T>({dtype_of<T>, 2, 33, 18, 64, {1e7, 0}});
    check<T>({dtype_of<T>, 2, 1, 4, 3, {1e7, 0}});
    check<T>({dtype_of<T>, 40, 20, 9, 16, {0.45, 0}});  // some are clamped
  });
}

TEST_CASE("products of no rows, or of empty ones, are zeros") {
  for (const NormalizedProduct& p : {NormalizedProduct{float32, 2, 0, 3, 4, {1e7, 0}},
                                     NormalizedProduct{float32, 2, 3, 4, 0, {1e7, 0}},
                                     NormalizedProduct{float32, 0, 2, 3, 4, {1e7, 0}}}) {
    Case<float> c{p};
    c.run();
    for (const auto* result : {&c.z, &c.dx, &c.dy})
      CHECK(*result == std::vector<float>(result->size()));
  }
  const float x = 1;
  float z = 0;
  CHECK_THROWS_AS(normalized_product({int32, 1, 1, 1, 1, {1e7, 0}}, &x, &x, &z), TypeError);
}

TEST_CASE_TEMPLATE("products of rows do not depend on the number of threads", T, float, double) {
  const int threads = num_threads();
  // Samples of some parts, and one sample that the threads share.
  for (const NormalizedProduct& p : {NormalizedProduct{dtype_of<T>, 37, 30, 40, 50, {1e7, 0}},
                                     NormalizedProduct{dtype_of<T>, 1, 300, 200, 500, {1e7, 0}}}) {
    Case<T> one{p}, four{p};
    set_num_threads(1);
    one.run();
    set_num_threads(4);
    four.run();
    CHECK(one.z == four.z);
    CHECK(one.dx == four.dx);
    CHECK(one.dy == four.dy);
  }
  set_num_threads(threads);
}
