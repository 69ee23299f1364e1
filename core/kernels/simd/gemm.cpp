#include <nyala/core/kernels/simd/gemm.hpp>

#include <utility>

#include <nyala/core/kernels/simd/targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/gemm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/vector-inl.hpp>

// Loops over registers must be unrolled before the compiler decides what to keep in them.
#ifdef __clang__
#define NYALA_UNROLL _Pragma("clang loop unroll(full)")
#else
#define NYALA_UNROLL _Pragma("GCC unroll 16")
#endif

// The largest number of multiplications done here, and of elements of b that may have to be packed.
#ifndef NYALA_SMALL_MATMUL
#define NYALA_SMALL_MATMUL
namespace nyala::kernels {
inline constexpr std::int64_t kSmallProduct = 32 * 32 * 32;
inline constexpr std::int64_t kSmallPacked = 4096;
}  // namespace nyala::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// a (any strides), b (adjacent columns) and c (adjacent columns), of which a block is computed.
template <class T>
struct Block {
  const T* a;
  std::int64_t a_row, a_col;
  const T* b;
  std::int64_t b_row;
  T* c;
  std::int64_t c_row;
  std::int64_t k;
};

// `rows` rows and `vectors` vectors of columns, all kept in registers; of the last vector only
// `last` lanes where `partial` is set.
template <int rows, int vectors, bool partial, class D, class T = hn::TFromD<D>>
HWY_INLINE void block_product(D d, const Block<T>& x, std::int64_t last) {
  using V = hn::Vec<D>;
  const std::int64_t step = lanes(d);
  V sum[rows][vectors];
  NYALA_UNROLL
  for (int i = 0; i < rows; ++i) {
    NYALA_UNROLL
    for (int v = 0; v < vectors; ++v) sum[i][v] = hn::Zero(d);
  }
  for (std::int64_t p = 0; p < x.k; ++p) {
    V right[vectors];
    NYALA_UNROLL
    for (int v = 0; v < vectors; ++v) {
      const T* from = x.b + p * x.b_row + v * step;
      right[v] = partial && v == vectors - 1 ? load_first(d, from, last) : hn::LoadU(d, from);
    }
    NYALA_UNROLL
    for (int i = 0; i < rows; ++i) {
      const V left = hn::Set(d, x.a[i * x.a_row + p * x.a_col]);
      NYALA_UNROLL
      for (int v = 0; v < vectors; ++v) sum[i][v] = hn::MulAdd(left, right[v], sum[i][v]);
    }
  }
  NYALA_UNROLL
  for (int i = 0; i < rows; ++i) {
    NYALA_UNROLL
    for (int v = 0; v < vectors; ++v) {
      T* to = x.c + i * x.c_row + v * step;
      if (partial && v == vectors - 1)
        store_first(d, sum[i][v], to, last);
      else
        hn::StoreU(sum[i][v], d, to);
    }
  }
}

// The columns that are left: `count`, at most `vectors` vectors.
template <int rows, int vectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void rest_product(D d, const Block<T>& x, std::int64_t count) {
  const std::int64_t step = lanes(d);
  if constexpr (vectors > 1) {
    if (count <= (vectors - 1) * step) return rest_product<rows, vectors - 1>(d, x, count);
  }
  const std::int64_t last = count - (vectors - 1) * step;
  if (last == step)
    block_product<rows, vectors, false>(d, x, 0);
  else
    block_product<rows, vectors, true>(d, x, last);
}

// With few rows more columns are needed to keep the multipliers busy.
template <int rows, class T>
HWY_NOINLINE void rows_product(const Block<T>& block, std::int64_t n) {
  Block<T> x = block;
  constexpr int vectors = rows <= 2 ? 4 : 2;
  const hn::ScalableTag<T> d;
  const std::int64_t width = vectors * lanes(d);
  for (; n > width; n -= width, x.b += width, x.c += width) {
    block_product<rows, vectors, false>(d, x, 0);
  }
  rest_product<rows, vectors>(d, x, n);
}

template <class T>
void product(Block<T> x, std::int64_t m, std::int64_t n) {
#if HWY_TARGET == HWY_AVX3
  for (; m >= 8; m -= 8, x.a += 8 * x.a_row, x.c += 8 * x.c_row) rows_product<8>(x, n);
#endif
  for (; m >= 4; m -= 4, x.a += 4 * x.a_row, x.c += 4 * x.c_row) rows_product<4>(x, n);
  if (m == 3) rows_product<3>(x, n);
  if (m == 2) rows_product<2>(x, n);
  if (m == 1) rows_product<1>(x, n);
}

// The inner products of one row with `count` (at most 4) rows, all contiguous.
template <int count, class T>
HWY_INLINE void dots(const T* a, const T* b, std::int64_t b_step, std::int64_t k, T* c) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const std::int64_t step = lanes(d);
  V sum[count];
  NYALA_UNROLL
  for (int j = 0; j < count; ++j) sum[j] = hn::Zero(d);
  std::int64_t p = 0;
  for (; p + step <= k; p += step) {
    const V left = hn::LoadU(d, a + p);
    NYALA_UNROLL
    for (int j = 0; j < count; ++j)
      sum[j] = hn::MulAdd(left, hn::LoadU(d, b + j * b_step + p), sum[j]);
  }
  if (p < k) {
    const V left = load_first(d, a + p, k - p);
    NYALA_UNROLL
    for (int j = 0; j < count; ++j) {
      sum[j] = hn::MulAdd(left, load_first(d, b + j * b_step + p, k - p), sum[j]);
    }
  }
  NYALA_UNROLL
  for (int j = 0; j < count; ++j) c[j] = hn::GetLane(hn::SumOfLanes(d, sum[j]));
}

template <class T>
void row_of_dots(
    const T* a, const T* b, std::int64_t b_step, std::int64_t k, std::int64_t n, T* c) {
  for (; n >= 4; n -= 4, b += 4 * b_step, c += 4) dots<4>(a, b, b_step, k, c);
  for (; n > 0; --n, b += b_step, ++c) dots<1>(a, b, b_step, k, c);
}

// Lays b out with adjacent columns.
template <class T>
void pack(
    const T* b, std::int64_t b_row, std::int64_t b_col, std::int64_t k, std::int64_t n, T* to) {
  const hn::ScalableTag<T> d;
  const hn::RebindToSigned<decltype(d)> index_tag;
  using Index = hn::TFromD<decltype(index_tag)>;
  const std::int64_t step = lanes(d);
  const bool fits = b_col < (1 << 16) && b_col > -(1 << 16);  // times a lane, in the index's type
  const std::int64_t whole = fits ? n / step * step : 0;
  if (whole > 0) {
    const auto index =
        hn::Mul(hn::Iota(index_tag, 0), hn::Set(index_tag, static_cast<Index>(b_col)));
    for (std::int64_t j = 0; j < whole; j += step) {
      for (std::int64_t p = 0; p < k; ++p) {
        hn::StoreU(hn::GatherIndex(d, b + j * b_col + p * b_row, index), d, to + p * n + j);
      }
    }
  }
  for (std::int64_t j = whole; j < n; ++j) {
    for (std::int64_t p = 0; p < k; ++p) to[p * n + j] = b[j * b_col + p * b_row];
  }
}

template <class T>
HWY_NOINLINE void product_packed(Block<T> x, std::int64_t b_col, std::int64_t m, std::int64_t n) {
  HWY_ALIGN T packed[kSmallPacked];
  pack(x.b, x.b_row, b_col, x.k, n, packed);
  x.b = packed;
  x.b_row = n;
  product(x, m, n);
}

template <class T>
void multiply(
    std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, T* c, std::int64_t c_row) {
  if (n == 1 && c_row == 1) {
    // A column is the transpose of a row: c' = b' a'.
    std::swap(a, b);
    std::swap(a.row_stride, a.col_stride);
    std::swap(b.row_stride, b.col_stride);
    std::swap(m, n);
  }
  const T* left = static_cast<const T*>(a.data);
  const T* right = static_cast<const T*>(b.data);
  if (b.col_stride == 1 || n == 1) {
    return product(
        Block<T>{left, a.row_stride, a.col_stride, right, b.row_stride, c, c_row, k}, m, n);
  }
  if (b.row_stride == 1 && a.col_stride == 1 && m <= 2) {
    for (std::int64_t i = 0; i < m; ++i) {
      row_of_dots(left + i * a.row_stride, right, b.col_stride, k, n, c + i * c_row);
    }
    return;
  }
  product_packed(Block<T>{left, a.row_stride, a.col_stride, right, b.row_stride, c, c_row, k},
                 b.col_stride,
                 m,
                 n);
}

void multiply_any(DType dtype,
                  std::int64_t m,
                  std::int64_t n,
                  std::int64_t k,
                  const Matrix& a,
                  const Matrix& b,
                  void* c,
                  std::int64_t c_row) {
  if (dtype == DType::float32) return multiply(m, n, k, a, b, static_cast<float*>(c), c_row);
  multiply(m, n, k, a, b, static_cast<double*>(c), c_row);
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(multiply_any);

bool is_small_matmul(std::int64_t m, std::int64_t n, std::int64_t k) {
  constexpr std::int64_t longest = kSmallProduct;  // no factor alone can overflow the product
  return m <= longest && n <= longest && k <= longest && m * n <= kSmallProduct &&
         m * n * k <= kSmallProduct && n * k <= kSmallPacked && m * k <= kSmallPacked;
}

void small_matmul(DType dtype,
                  std::int64_t m,
                  std::int64_t n,
                  std::int64_t k,
                  Matrix a,
                  Matrix b,
                  void* c,
                  std::int64_t c_row_stride) {
  HWY_DYNAMIC_DISPATCH(multiply_any)(dtype, m, n, k, a, b, c, c_row_stride);
}

}  // namespace nyala::kernels
#endif
