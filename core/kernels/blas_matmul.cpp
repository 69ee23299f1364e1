#include <nyala/core/kernels/blas_matmul.hpp>

#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <type_traits>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/blas_core.hpp>
#include <nyala/core/matmul.hpp>

// BLAS as every library has it; matrices are stored column by column.
// NOLINTBEGIN(readability-identifier-naming): its names
extern "C" {
void sgemm_(const char* transa,
            const char* transb,
            const int* m,
            const int* n,
            const int* k,
            const float* alpha,
            const float* a,
            const int* lda,
            const float* b,
            const int* ldb,
            const float* beta,
            float* c,
            const int* ldc);
void dgemm_(const char* transa,
            const char* transb,
            const int* m,
            const int* n,
            const int* k,
            const double* alpha,
            const double* a,
            const int* lda,
            const double* b,
            const int* ldb,
            const double* beta,
            double* c,
            const int* ldc);
}
// NOLINTEND(readability-identifier-naming)

namespace nyala::kernels {
namespace {

// ---- the choice

// Where BLAS is the faster one on one core: products whose size, the cube root of m n k, is in
// [from, to). Measured by benchmarks/matmul_table with Debian 12's OpenBLAS 0.3.21.
struct BlasWins {
  std::int64_t targets;  // Highway's bits of the instruction sets it holds for
  DType dtype;
  double from, to;
};
constexpr std::int64_t kAvx512 = HWY_AVX3 | HWY_AVX3_DL;
constexpr std::array<BlasWins, 2> kBlasWins = {{
    {kAvx512, DType::float32, 15.5, 24.5},
    {HWY_AVX2, DType::float64, 112, 400},
}};
// The shortest side of a product that the table holds for.
constexpr std::int64_t kShortestSide = 12;
constexpr std::int64_t kOwnLoops =
    HWY_SSSE3 | HWY_SSE4 | HWY_AVX2 | kAvx512 | HWY_NEON | HWY_SVE | HWY_SVE2;

std::int64_t best_target() {
  static const std::int64_t best = [] {
    const std::int64_t all = hwy::SupportedTargets();
    return all & -all;  // the lowest bit is the best target
  }();
  return best;
}

bool table_says_blas(const MatmulPlan& p) {
  const std::int64_t target = best_target();
  if ((target & kOwnLoops) == 0) return true;
  if (std::min({p.m, p.n, p.k}) < kShortestSide) return false;
  const double size =
      std::cbrt(static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k));
  return std::any_of(kBlasWins.begin(), kBlasWins.end(), [&](const BlasWins& row) {
    return (row.targets & target) != 0 && row.dtype == p.dtype && size >= row.from && size < row.to;
  });
}

MatmulBackend backend_of_environment() {
  const char* text = std::getenv("NYALA_MATMUL");
  const std::string name = text == nullptr ? "" : text;
  if (name.empty() || name == "auto") return MatmulBackend::automatic;
  if (name == "blas") return MatmulBackend::blas;
  if (name == "simd") return MatmulBackend::simd;
  throw ValueError("NYALA_MATMUL: received \"" + name.substr(0, 200) +
                   "\", expected \"auto\", \"blas\" or \"simd\"");
}

// Negative until it is chosen.
constinit std::atomic<int> s_backend{-1};

// ---- the product

// How BLAS reads an operand: the distance of its rows, or of its columns when it is transposed.
struct Operand {
  bool transposed = false;
  std::int64_t distance = 0;
};

// False for strides that BLAS does not take.
bool operand_of(std::int64_t rows, std::int64_t columns, MatrixStrides strides, Operand& operand) {
  const auto adjacent = [](std::int64_t count, std::int64_t stride) {
    return count == 1 || stride == 1;
  };
  const auto apart = [](std::int64_t count, std::int64_t stride, std::int64_t length) {
    return count == 1 ? length : stride;
  };
  if (adjacent(columns, strides.column)) {
    operand = {false, apart(rows, strides.row, columns)};
    if (operand.distance >= columns) return true;
  }
  if (!adjacent(rows, strides.row)) return false;
  operand = {true, apart(columns, strides.column, rows)};
  return operand.distance >= rows;
}

bool fits_int(std::int64_t size) { return size <= std::numeric_limits<int>::max(); }

// Row by row c = a b is column by column c' = b' a'.
template <class T>
void gemm(const MatmulPlan& p, const void* a, const void* b, bool add, void* c) {
  Operand left, right;
  operand_of(p.m, p.k, p.a, left);
  operand_of(p.k, p.n, p.b, right);
  const int m = static_cast<int>(p.n), n = static_cast<int>(p.m), k = static_cast<int>(p.k);
  const int lda = static_cast<int>(right.distance), ldb = static_cast<int>(left.distance);
  const int ldc = static_cast<int>(std::max(p.c_row, p.n));
  const T one = 1, beta = add ? T{1} : T{0};
  const char* of_b = right.transposed ? "T" : "N";
  const char* of_a = left.transposed ? "T" : "N";
  const T* x = static_cast<const T*>(b);
  const T* y = static_cast<const T*>(a);
  T* to = static_cast<T*>(c);
  if constexpr (std::is_same_v<T, float>)
    sgemm_(of_b, of_a, &m, &n, &k, &one, x, &lda, y, &ldb, &beta, to, &ldc);
  else
    dgemm_(of_b, of_a, &m, &n, &k, &one, x, &lda, y, &ldb, &beta, to, &ldc);
}

template <class T>
void run_blas(const MatmulPlan& p, const void* a, const void* b, const void* bias, void* c) {
  const T* add = static_cast<const T*>(bias);
  T* to = static_cast<T*>(c);
  for (std::int64_t i = 0; add != nullptr && i < p.m; ++i) {
    T* row = to + i * p.c_row;
    for (std::int64_t j = 0; j < p.n; ++j)
      row[j] = (p.accumulate ? row[j] : T{0}) + add[j * p.bias_step];
  }
  gemm<T>(p, a, b, p.accumulate || add != nullptr, c);
  for (std::int64_t i = 0; p.relu && i < p.m; ++i) {
    T* row = to + i * p.c_row;
    for (std::int64_t j = 0; j < p.n; ++j) row[j] = row[j] < T{0} ? T{0} : row[j];
  }
}

}  // namespace

bool choose_blas(MatmulPlan& p) {
  const MatmulBackend backend = matmul_backend();
  if (backend == MatmulBackend::simd) return false;
  if (backend == MatmulBackend::automatic && !table_says_blas(p)) return false;
  Operand left, right;
  if (!operand_of(p.m, p.k, p.a, left) || !operand_of(p.k, p.n, p.b, right)) return false;
  const std::array<std::int64_t, 6> sizes = {p.m, p.n, p.k, left.distance, right.distance, p.c_row};
  if (!std::all_of(sizes.begin(), sizes.end(), fits_int)) return false;
  prepare_blas();
  p.blas = true;
  p.run_tile = select_float(p.dtype, &run_blas<float>, &run_blas<double>);
  p.run_batch = run_one_by_one;
  return true;
}

}  // namespace nyala::kernels

namespace nyala {

MatmulBackend matmul_backend() {
  const int chosen = kernels::s_backend.load(std::memory_order_relaxed);
  if (chosen >= 0) [[likely]]
    return static_cast<MatmulBackend>(chosen);
  const MatmulBackend backend = kernels::backend_of_environment();
  set_matmul_backend(backend);
  return backend;
}

void set_matmul_backend(MatmulBackend backend) {
  kernels::s_backend.store(static_cast<int>(backend), std::memory_order_relaxed);
}

}  // namespace nyala
