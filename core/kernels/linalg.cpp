#include <nyala/core/kernels/linalg.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

namespace nyala::kernels {
namespace {

// Row-major, of `columns` columns.
struct Matrix {
  std::int64_t columns;
  std::vector<double> items;

  Matrix(std::int64_t rows, std::int64_t columns_)
      : columns(columns_), items(static_cast<std::size_t>(rows * columns_)) {}
  double* row(std::int64_t i) { return items.data() + i * columns; }
};

// Brings a to upper triangular form, doing the same to the rows of b; the sign of the row swaps, or
// 0 when a is singular.
double eliminate(Matrix& a, Matrix& b, std::int64_t n) {
  double sign = 1;
  for (std::int64_t column = 0; column < n; ++column) {
    std::int64_t pivot = column;
    for (std::int64_t i = column + 1; i < n; ++i) {
      if (std::abs(a.row(i)[column]) > std::abs(a.row(pivot)[column])) pivot = i;
    }
    if (a.row(pivot)[column] == 0) return 0;
    if (pivot != column) {
      std::swap_ranges(a.row(pivot), a.row(pivot) + n, a.row(column));
      std::swap_ranges(b.row(pivot), b.row(pivot) + b.columns, b.row(column));
      sign = -sign;
    }
    for (std::int64_t i = column + 1; i < n; ++i) {
      const double factor = a.row(i)[column] / a.row(column)[column];
      for (std::int64_t j = column; j < n; ++j) a.row(i)[j] -= factor * a.row(column)[j];
      for (std::int64_t j = 0; j < b.columns; ++j) b.row(i)[j] -= factor * b.row(column)[j];
    }
  }
  return sign;
}

void substitute_back(Matrix& a, Matrix& b, std::int64_t n) {
  for (std::int64_t i = n; i-- > 0;) {
    for (std::int64_t j = 0; j < b.columns; ++j) {
      double rest = b.row(i)[j];
      for (std::int64_t l = i + 1; l < n; ++l) rest -= a.row(i)[l] * b.row(l)[j];
      b.row(i)[j] = rest / a.row(i)[i];
    }
  }
}

bool factor(Matrix& a, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      double rest = a.row(i)[j];
      for (std::int64_t l = 0; l < j; ++l) rest -= a.row(i)[l] * a.row(j)[l];
      if (i != j) {
        a.row(i)[j] = rest / a.row(j)[j];
      } else {
        if (!(rest > 0)) return false;
        a.row(i)[i] = std::sqrt(rest);
      }
    }
    std::fill(a.row(i) + i + 1, a.row(i) + n, 0.0);
  }
  return true;
}

double inverse_erf(double x) {
  if (!(std::abs(x) < 1))
    return std::abs(x) == 1 ? std::copysign(std::numeric_limits<double>::infinity(), x)
                            : std::numeric_limits<double>::quiet_NaN();
  // Winitzki's formula is good to 2e-3; Halley's steps triple the digits each time.
  constexpr double a = 0.147;
  const double log_term = std::log1p(-x * x);
  const double head = 2 / (std::numbers::pi * a) + log_term / 2;
  double y = std::copysign(std::sqrt(std::sqrt(head * head - log_term / a) - head), x);
  for (int i = 0; i < 4; ++i) {
    // Near 1 the difference of erfc keeps the digits that erf has lost.
    const double error = x > 0.5    ? (1 - x) - std::erfc(y)
                         : x < -0.5 ? std::erfc(-y) - (1 + x)
                                    : std::erf(y) - x;
    const double step = error / (2 * std::numbers::inv_sqrtpi * std::exp(-y * y));
    y -= step / (1 + y * step);
  }
  return y;
}

}  // namespace

bool solve(DType dtype,
           std::int64_t batch,
           std::int64_t n,
           std::int64_t k,
           const void* a_data,
           const void* b_data,
           void* x_data) {
  return visit_float(dtype, [&]<class T>() {
    Matrix a(n, n);
    Matrix b(n, k);
    for (std::int64_t i = 0; i < batch; ++i) {
      std::copy_n(static_cast<const T*>(a_data) + i * n * n, n * n, a.items.data());
      std::copy_n(static_cast<const T*>(b_data) + i * n * k, n * k, b.items.data());
      if (eliminate(a, b, n) == 0) return false;
      substitute_back(a, b, n);
      std::transform(
          b.items.begin(), b.items.end(), static_cast<T*>(x_data) + i * n * k, [](double value) {
            return static_cast<T>(value);
          });
    }
    return true;
  });
}

void determinant(
    DType dtype, std::int64_t batch, std::int64_t n, const void* a_data, void* out_data) {
  visit_float(dtype, [&]<class T>() {
    Matrix a(n, n);
    Matrix none(n, 0);
    for (std::int64_t i = 0; i < batch; ++i) {
      std::copy_n(static_cast<const T*>(a_data) + i * n * n, n * n, a.items.data());
      double product = eliminate(a, none, n);
      for (std::int64_t j = 0; j < n; ++j) product *= a.row(j)[j];
      static_cast<T*>(out_data)[i] = static_cast<T>(product);
    }
  });
}

bool cholesky(DType dtype, std::int64_t batch, std::int64_t n, const void* a_data, void* out_data) {
  return visit_float(dtype, [&]<class T>() {
    Matrix a(n, n);
    for (std::int64_t i = 0; i < batch; ++i) {
      std::copy_n(static_cast<const T*>(a_data) + i * n * n, n * n, a.items.data());
      if (!factor(a, n)) return false;
      std::transform(
          a.items.begin(), a.items.end(), static_cast<T*>(out_data) + i * n * n, [](double value) {
            return static_cast<T>(value);
          });
    }
    return true;
  });
}

void erfinv(DType dtype, std::int64_t n, const void* x_data, void* out_data) {
  visit_float(dtype, [&]<class T>() {
    const T* x = static_cast<const T*>(x_data);
    T* out = static_cast<T*>(out_data);
    for (std::int64_t i = 0; i < n; ++i)
      out[i] = static_cast<T>(inverse_erf(static_cast<double>(x[i])));
  });
}

}  // namespace nyala::kernels
