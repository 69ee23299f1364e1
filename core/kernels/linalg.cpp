#include <nyala/core/kernels/linalg.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/blas_core.hpp>

// LAPACK's, which OpenBLAS carries. Its matrices are stored column by column.
// NOLINTBEGIN(readability-identifier-naming): its names
extern "C" {
void dgesv_(const int* n,
            const int* k,
            double* a,
            const int* a_column,
            int* pivots,
            double* b,
            const int* b_column,
            int* info);
void dgetrf_(const int* m, const int* n, double* a, const int* a_column, int* pivots, int* info);
void dpotrf_(const char* part, const int* n, double* a, const int* a_column, int* info);
}
// NOLINTEND(readability-identifier-naming)

namespace nyala::kernels {
namespace {

int size_for_lapack(std::int64_t n) {
  if (n <= std::numeric_limits<int>::max()) return static_cast<int>(n);
  throw LimitError("linalg: received a matrix of " + std::to_string(n) + " rows, expected fewer");
}

// Row i and column j of a matrix of `columns` columns, turned.
template <class T>
void turn(const T* from, std::int64_t rows, std::int64_t columns, double* to) {
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j)
      to[j * rows + i] = static_cast<double>(from[i * columns + j]);
  }
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
  prepare_blas();
  if (n == 0 || k == 0) return true;
  const int rows = size_for_lapack(n), right_sides = size_for_lapack(k);
  return visit_float(dtype, [&]<class T>() {
    std::vector<double> a(static_cast<std::size_t>(n * n)), b(static_cast<std::size_t>(n * k));
    std::vector<int> pivots(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < batch; ++i) {
      turn(static_cast<const T*>(a_data) + i * n * n, n, n, a.data());
      turn(static_cast<const T*>(b_data) + i * n * k, n, k, b.data());
      int info = 0;
      dgesv_(&rows, &right_sides, a.data(), &rows, pivots.data(), b.data(), &rows, &info);
      if (info != 0) return false;
      T* x = static_cast<T*>(x_data) + i * n * k;
      for (std::int64_t row = 0; row < n; ++row) {
        for (std::int64_t j = 0; j < k; ++j)
          x[row * k + j] = static_cast<T>(b[static_cast<std::size_t>(j * n + row)]);
      }
    }
    return true;
  });
}

void determinant(
    DType dtype, std::int64_t batch, std::int64_t n, const void* a_data, void* out_data) {
  prepare_blas();
  const int rows = size_for_lapack(n);
  visit_float(dtype, [&]<class T>() {
    std::vector<double> a(static_cast<std::size_t>(n * n));
    std::vector<int> pivots(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < batch; ++i) {
      // As it lies: a turned matrix has the same determinant.
      const T* from = static_cast<const T*>(a_data) + i * n * n;
      std::transform(from, from + n * n, a.begin(), [](T x) { return static_cast<double>(x); });
      int info = 0;  // above 0 for a singular matrix, whose factor has a 0 on the diagonal
      if (n > 0) dgetrf_(&rows, &rows, a.data(), &rows, pivots.data(), &info);
      double product = 1;
      for (std::int64_t j = 0; j < n; ++j) {
        const bool swapped = pivots[static_cast<std::size_t>(j)] != j + 1;
        product *= a[static_cast<std::size_t>(j * n + j)] * (swapped ? -1 : 1);
      }
      static_cast<T*>(out_data)[i] = static_cast<T>(product);
    }
  });
}

bool cholesky(DType dtype, std::int64_t batch, std::int64_t n, const void* a_data, void* out_data) {
  prepare_blas();
  if (n == 0) return true;
  const int rows = size_for_lapack(n);
  return visit_float(dtype, [&]<class T>() {
    std::vector<double> a(static_cast<std::size_t>(n * n));
    for (std::int64_t i = 0; i < batch; ++i) {
      const T* from = static_cast<const T*>(a_data) + i * n * n;
      T* to = static_cast<T*>(out_data) + i * n * n;
      std::transform(from, from + n * n, a.begin(), [](T x) { return static_cast<double>(x); });
      // The lower triangle by rows is the upper one by columns.
      int info = 0;
      dpotrf_("U", &rows, a.data(), &rows, &info);
      if (info != 0) return false;
      for (std::int64_t row = 0; row < n; ++row) {
        const double* factor = a.data() + row * n;
        if (!(factor[row] > 0)) return false;  // a NaN
        for (std::int64_t j = 0; j < n; ++j)
          to[row * n + j] = j <= row ? static_cast<T>(factor[j]) : T{0};
      }
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
