#include <nyala/core/kernels/blas.hpp>

#include <cblas.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <string>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/blas_core.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/kernels/integer_matmul.hpp>
#include <nyala/core/kernels/layout.hpp>
#include <nyala/core/kernels/simd/gemm.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

constexpr std::int64_t kMaxInt = std::numeric_limits<int>::max();

// A matrix as BLAS takes it.
template <class T>
struct Operand {
  const T* data;
  bool transposed;
  std::int64_t ld;

  // The part that begins at (row, column).
  const T* at(std::int64_t row, std::int64_t column) const {
    return data + (transposed ? column * ld + row : row * ld + column);
  }
  CBLAS_TRANSPOSE flag() const { return transposed ? CblasTrans : CblasNoTrans; }
};

// Fits a matrix's strides to BLAS; where they do not fit, into a copy that `storage` keeps.
template <class T>
Operand<T> make_operand(std::int64_t rows,
                        std::int64_t cols,
                        Matrix x,
                        std::unique_ptr<T[]>& storage) {
  const T* data = static_cast<const T*>(x.data);
  const std::int64_t row_step = rows == 1 ? cols : x.row_stride;
  const std::int64_t col_step = cols == 1 ? rows : x.col_stride;
  if ((x.col_stride == 1 || cols == 1) && row_step >= cols && row_step <= kMaxInt)
    return {data, false, row_step};
  if ((x.row_stride == 1 || rows == 1) && col_step >= rows && col_step <= kMaxInt)
    return {data, true, col_step};
  storage = std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(rows * cols));
  const std::array<std::int64_t, 2> shape = {rows, cols}, strides = {x.row_stride, x.col_stride};
  copy(dtype_of<T>, shape, {x.data, strides.data()}, storage.get());
  return {storage.get(), false, cols};
}

void gemm(CBLAS_TRANSPOSE ta,
          CBLAS_TRANSPOSE tb,
          int m,
          int n,
          int k,
          const float* a,
          int lda,
          const float* b,
          int ldb,
          float* c,
          int ldc) {
  cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1.0F, a, lda, b, ldb, 0.0F, c, ldc);
}
void gemm(CBLAS_TRANSPOSE ta,
          CBLAS_TRANSPOSE tb,
          int m,
          int n,
          int k,
          const double* a,
          int lda,
          const double* b,
          int ldb,
          double* c,
          int ldc) {
  cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1.0, a, lda, b, ldb, 0.0, c, ldc);
}

void gemv(CBLAS_TRANSPOSE t,
          int rows,
          int cols,
          const float* a,
          int lda,
          const float* x,
          int x_step,
          float* y,
          int y_step) {
  cblas_sgemv(CblasRowMajor, t, rows, cols, 1.0F, a, lda, x, x_step, 0.0F, y, y_step);
}
void gemv(CBLAS_TRANSPOSE t,
          int rows,
          int cols,
          const double* a,
          int lda,
          const double* x,
          int x_step,
          double* y,
          int y_step) {
  cblas_dgemv(CblasRowMajor, t, rows, cols, 1.0, a, lda, x, x_step, 0.0, y, y_step);
}

// Whether gemv beats gemm for a matrix of this size as it is stored, which is added up by rows
// (many columns at once) or taken in inner products: measured, gemm falls behind where its packing
// leaves the cache.
bool prefers_gemv(std::int64_t rows, std::int64_t columns, bool by_rows) {
  constexpr std::int64_t large = 1 << 18;
  return rows * columns >= large || (by_rows && columns >= 512);
}

// y = op(a) x for a matrix op(a) of (n, k), where x and y step through memory.
template <class T>
bool multiply_vector(std::int64_t n,
                     std::int64_t k,
                     Operand<T> a,
                     const T* x,
                     std::int64_t x_step,
                     T* y,
                     std::int64_t y_step) {
  const std::int64_t rows = a.transposed ? k : n, columns = a.transposed ? n : k;
  if (!prefers_gemv(rows, columns, a.transposed) || rows > kMaxInt || columns > kMaxInt)
    return false;
  // gemv scales what y holds, and zero times a NaN left there need not be zero.
  for (std::int64_t i = 0; i < n; ++i) y[i * y_step] = T{0};
  gemv(a.flag(),
       static_cast<int>(rows),
       static_cast<int>(columns),
       a.data,
       static_cast<int>(a.ld),
       x,
       static_cast<int>(x_step),
       y,
       static_cast<int>(y_step));
  return true;
}

// How a product is cut into blocks: by its size alone, so that results do not depend on threads.
struct Tiling {
  std::int64_t rows, columns;

  Tiling(std::int64_t m, std::int64_t n, std::int64_t k) : rows(m), columns(n) {
    constexpr std::int64_t side = 512, small = 128 * 128 * 128;
    if (m * n <= small / std::max<std::int64_t>(k, 1)) return;
    columns = even(n, side);
    rows = even(m, std::max(side, small / std::max<std::int64_t>(columns * k, 1)));
  }

  // Parts of at most `most`, of nearly one size, each a multiple of 16.
  static std::int64_t even(std::int64_t n, std::int64_t most) {
    const std::int64_t parts = (n - 1) / most + 1;
    return std::min(n, ((n - 1) / parts + 16) / 16 * 16);
  }
};

template <class T>
struct Product {
  std::int64_t m, n, k;
  Operand<T> a, b;
  T* c;
  std::int64_t c_row;
  Tiling tiling{m, n, k};

  std::int64_t column_tiles() const { return (n - 1) / tiling.columns + 1; }
  std::int64_t num_tiles() const { return ((m - 1) / tiling.rows + 1) * column_tiles(); }

  void run_tile(std::int64_t tile) const {
    const std::int64_t row = tile / column_tiles() * tiling.rows;
    const std::int64_t column = tile % column_tiles() * tiling.columns;
    gemm(a.flag(),
         b.flag(),
         static_cast<int>(std::min(tiling.rows, m - row)),
         static_cast<int>(std::min(tiling.columns, n - column)),
         static_cast<int>(k),
         a.at(row, 0),
         static_cast<int>(a.ld),
         b.at(0, column),
         static_cast<int>(b.ld),
         c + row * c_row + column,
         static_cast<int>(c_row));
  }
};

template <class T>
void multiply(
    std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, T* c, std::int64_t c_row) {
  if (k == 0) {
    for (std::int64_t i = 0; i < m; ++i) std::fill_n(c + i * c_row, n, T{0});
    return;
  }
  if (k > kMaxInt || c_row > kMaxInt) {
    throw LimitError("matmul: an axis or stride is longer than BLAS can index");
  }
  prepare_blas();
  std::unique_ptr<T[]> a_copy, b_copy;
  const Operand<T> a_operand = make_operand(m, k, a, a_copy);
  const Operand<T> b_operand = make_operand(k, n, b, b_copy);
  const std::int64_t a_step = a_operand.transposed ? a_operand.ld : 1;
  const std::int64_t b_step = b_operand.transposed ? 1 : b_operand.ld;
  if (n == 1 && multiply_vector(m, k, a_operand, b_operand.data, b_step, c, c_row)) return;
  const Operand<T> b_turned{b_operand.data, !b_operand.transposed, b_operand.ld};
  if (m == 1 && multiply_vector(n, k, b_turned, a_operand.data, a_step, c, 1)) return;
  const Product<T> product{m, n, k, a_operand, b_operand, c, m == 1 ? n : c_row};
  parallel_for(product.num_tiles(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t tile = begin; tile < end; ++tile) product.run_tile(tile);
  });
}

// Whether a batch lies as one tall matrix: the batch strides go on where the rows end.
bool is_one_matrix(std::span<const std::int64_t> batch_shape,
                   const std::int64_t* strides,
                   std::int64_t m,
                   std::int64_t row) {
  std::int64_t expected = m * row;
  for (std::size_t axis = batch_shape.size(); axis-- > 0;) {
    if (batch_shape[axis] != 1 && strides[axis] != expected) return false;
    expected *= batch_shape[axis];
  }
  return true;
}

bool is_shared(std::span<const std::int64_t> batch_shape, const std::int64_t* strides) {
  for (std::size_t axis = 0; axis < batch_shape.size(); ++axis) {
    if (batch_shape[axis] != 1 && strides[axis] != 0) return false;
  }
  return true;
}

}  // namespace

void matmul(DType dtype,
            std::int64_t m,
            std::int64_t n,
            std::int64_t k,
            Matrix a,
            Matrix b,
            void* c,
            std::int64_t c_row_stride) {
  if (m == 0 || n == 0) return;
  if (!is_floating(dtype)) return integer_matmul(dtype, m, n, k, a, b, c, c_row_stride);
  if (k > 0 && dtype >= float32 && is_small_matmul(m, n, k)) {
    return small_matmul(dtype, m, n, k, a, b, c, c_row_stride);
  }
  visit_float(dtype, [&]<class T>() { multiply(m, n, k, a, b, static_cast<T*>(c), c_row_stride); });
}

void batched_matmul(DType dtype,
                    std::span<const std::int64_t> batch_shape,
                    std::int64_t m,
                    std::int64_t n,
                    std::int64_t k,
                    const void* a,
                    const std::int64_t* a_batch_strides,
                    std::int64_t a_row,
                    std::int64_t a_col,
                    const void* b,
                    const std::int64_t* b_batch_strides,
                    std::int64_t b_row,
                    std::int64_t b_col,
                    void* c) {
  const std::int64_t batch = product(batch_shape);
  if (batch == 0 || m == 0 || n == 0) return;
  if (is_shared(batch_shape, b_batch_strides) &&
      is_one_matrix(batch_shape, a_batch_strides, m, a_row)) {
    return matmul(dtype, batch * m, n, k, {a, a_row, a_col}, {b, b_row, b_col}, c, n);
  }
  const Layout<2> layout(batch_shape, {a_batch_strides, b_batch_strides});
  const std::int64_t item = static_cast<std::int64_t>(size_of(dtype));
  const std::byte* a_data = static_cast<const std::byte*>(a);
  const std::byte* b_data = static_cast<const std::byte*>(b);
  std::byte* c_data = static_cast<std::byte*>(c);
  const std::int64_t work = std::max<std::int64_t>(m * n * k, 1);
  constexpr std::int64_t grain = 1 << 18;
  parallel_for(
      batch, std::max<std::int64_t>(grain / work, 1), [&](std::int64_t begin, std::int64_t end) {
        Odometer<2> at(layout, layout.rank, begin);
        for (std::int64_t i = begin; i < end; ++i, at.next()) {
          matmul(dtype,
                 m,
                 n,
                 k,
                 {a_data + at.offset(0) * item, a_row, a_col},
                 {b_data + at.offset(1) * item, b_row, b_col},
                 c_data + i * m * n * item,
                 n);
        }
      });
}

}  // namespace nyala::kernels
