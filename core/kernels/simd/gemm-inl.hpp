// Included once for each instruction set: the innermost loops of matrix products.
#if defined(NYALA_SIMD_GEMM_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef NYALA_SIMD_GEMM_INL
#undef NYALA_SIMD_GEMM_INL
#else
#define NYALA_SIMD_GEMM_INL
#endif

#include <hwy/cache_control.h>

#include <nyala/core/kernels/simd/vector-inl.hpp>
#include <nyala/core/kernels/unroll.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {

// The block that is kept in registers: of 32 registers, 24 or 16 hold sums; of 16, 12 do.
#if HWY_MAX_BYTES == 64
inline constexpr int kBlockRows = 8;
inline constexpr int kBlockVectors = 3;
#elif HWY_ARCH_ARM_A64
inline constexpr int kBlockRows = 8;
inline constexpr int kBlockVectors = 2;
#else
inline constexpr int kBlockRows = 6;
inline constexpr int kBlockVectors = 2;
#endif

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
  const T* bias = nullptr;     // for each column, added at the end
  std::int64_t bias_step = 1;  // 0: one for all columns
  bool accumulate = false;     // c holds a part of the sum
  bool relu = false;
  bool prefetch = false;  // c is far away
  // What blocks do beside a product: leave a copy of b, its rows one after the other; fetch k cache
  // lines of what is read later, `ahead_row` apart, the next block's `ahead_block` further on.
  T* b_copy = nullptr;
  const T* ahead = nullptr;
  std::int64_t ahead_row = 0, ahead_block = 0;

  void skip_columns(std::int64_t count) {
    b += count;
    c += count;
    if (bias != nullptr) bias += count * bias_step;
  }
  Block columns_from(std::int64_t column) const {
    Block x = *this;
    x.skip_columns(column);
    return x;
  }
};

// What is added to the sums of one vector of columns, which go to `to`, for a block that is not
// plain.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> addend(
    D d, const Block<T>& x, const T* to, std::int64_t column, std::int64_t part) {
  const auto load = [&](const T* from) HWY_ATTR {
    return part > 0 ? load_first(d, from, part) : hn::LoadU(d, from);
  };
  auto sum = hn::Zero(d);
  if (x.bias != nullptr) sum = x.bias_step == 0 ? hn::Set(d, *x.bias) : load(x.bias + column);
  if (x.accumulate) sum = hn::Add(sum, load(to));
  return sum;
}

// Into the second cache: it is read after much else.
HWY_INLINE void fetch(const void* data) {
#if HWY_COMPILER_GCC || HWY_COMPILER_CLANG
  __builtin_prefetch(data, 0, 2);
#endif
}

// `rows` rows, which begin at first_a and first_c, and `vectors` vectors of columns from `column`
// on, all kept in registers; of the last vector only `last` lanes where `partial` is set.
enum class Beside { nothing, copy, fetch };
template <int rows,
          int vectors,
          bool partial,
          Beside beside = Beside::nothing,
          class D,
          class T = hn::TFromD<D>>
HWY_INLINE void block_product(
    D d, const Block<T>& x, const T* first_a, T* first_c, std::int64_t column, std::int64_t last) {
  using V = hn::Vec<D>;
  const std::int64_t step = lanes(d);
  V sum[rows][vectors];
  NYALA_UNROLL
  for (int i = 0; i < rows; ++i) {
    NYALA_UNROLL
    for (int v = 0; v < vectors; ++v) sum[i][v] = hn::Zero(d);
  }
  if (x.prefetch) {
    NYALA_UNROLL
    for (int i = 0; i < rows; ++i) {
      NYALA_UNROLL
      for (int v = 0; v < vectors; ++v) hwy::Prefetch(first_c + i * x.c_row + v * step);
    }
  }
  // Of three rows one is pointed to: for each of them a register would be too many.
  constexpr int pointers = (rows + 2) / 3;
  const T* a[pointers];
  NYALA_UNROLL
  for (int i = 0; i < pointers; ++i) a[i] = first_a + 3 * i * x.a_row;
  const T* b = x.b + column;
  for (std::int64_t p = 0; p < x.k; ++p, b += x.b_row) {
    V right[vectors];
    if (beside == Beside::fetch) fetch(x.ahead + p * x.ahead_row);
    NYALA_UNROLL
    for (int v = 0; v < vectors; ++v) {
      const T* from = b + v * step;
      right[v] = partial && v == vectors - 1 ? load_first(d, from, last) : hn::LoadU(d, from);
      if (beside == Beside::copy) hn::StoreU(right[v], d, x.b_copy + (p * vectors + v) * step);
    }
    NYALA_UNROLL
    for (int i = 0; i < rows; ++i) {
      const V left = hn::Set(d, a[i / 3][i % 3 * x.a_row]);
      NYALA_UNROLL
      for (int v = 0; v < vectors; ++v) sum[i][v] = hn::MulAdd(left, right[v], sum[i][v]);
    }
    NYALA_UNROLL
    for (int i = 0; i < pointers; ++i) a[i] += x.a_col;
  }
  if (x.accumulate || x.bias != nullptr) {
    NYALA_UNROLL
    for (int i = 0; i < rows; ++i) {
      NYALA_UNROLL
      for (int v = 0; v < vectors; ++v) {
        const std::int64_t part = partial && v == vectors - 1 ? last : 0;
        const T* to = first_c + i * x.c_row + v * step;
        sum[i][v] = hn::Add(sum[i][v], addend(d, x, to, column + v * step, part));
      }
    }
  }
  if (x.relu) {
    NYALA_UNROLL
    for (int i = 0; i < rows; ++i) {
      NYALA_UNROLL
      for (int v = 0; v < vectors; ++v)
        sum[i][v] = hn::IfThenElse(hn::Lt(sum[i][v], hn::Zero(d)), hn::Zero(d), sum[i][v]);
    }
  }
  NYALA_UNROLL
  for (int i = 0; i < rows; ++i) {
    NYALA_UNROLL
    for (int v = 0; v < vectors; ++v) {
      T* to = first_c + i * x.c_row + v * step;
      if (partial && v == vectors - 1)
        store_first(d, sum[i][v], to, last);
      else
        hn::StoreU(sum[i][v], d, to);
    }
  }
}

// `count` blocks, one under the other; from one to the next, a moves on by a_step. A function of
// its own for each shape: several loops in one would share the registers that addresses are kept
// in.
template <int rows, int vectors, bool partial, Beside beside, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void block_column(D d,
                               const Block<T>& x,
                               std::int64_t column,
                               std::int64_t count,
                               std::int64_t a_step,
                               std::int64_t last) {
  const T* a = x.a;
  T* c = x.c + column;
  for (; count > 0; --count, a += a_step, c += rows * x.c_row)
    block_product<rows, vectors, partial, beside>(d, x, a, c, column, last);
}

// The same for n columns from `column` on, at most `vectors` vectors. A vector that is no more than
// half full is a vector of half the size: on many CPUs two of these are as quick as one whole.
template <int rows, int vectors = kBlockVectors, class T>
HWY_INLINE void column_product(const Block<T>& x,
                               std::int64_t column,
                               std::int64_t count,
                               std::int64_t a_step,
                               std::int64_t n) {
  const hn::ScalableTag<T> d;
  const std::int64_t step = lanes(d), whole = (vectors - 1) * step;
  if (n == vectors * step)
    return block_column<rows, vectors, false, Beside::nothing>(d, x, column, count, a_step, 0);
  if constexpr (vectors > 1) {
    if (n <= whole) return column_product<rows, vectors - 1>(x, column, count, a_step, n);
  }
#if HWY_TARGET != HWY_SCALAR  // whose vectors have no part
  const std::int64_t last = n - whole;
#if HWY_MAX_BYTES >= 32 && HWY_MAX_BYTES <= 64
  if (last <= step / 2) {
    if constexpr (vectors > 1)
      block_column<rows, vectors - 1, false, Beside::nothing>(d, x, column, count, a_step, 0);
    const hn::Half<decltype(d)> half;
    return block_column<rows, 1, true, Beside::nothing>(
        half, x, column + whole, count, a_step, last);
  }
#endif
  block_column<rows, vectors, true, Beside::nothing>(d, x, column, count, a_step, last);
#endif
}

// How many of n columns are taken at once: a block's, but where one vector would be left over,
// which keeps the multipliers waiting, less.
template <class T>
HWY_INLINE std::int64_t panel_width(std::int64_t n) {
  const std::int64_t step = lanes(hn::ScalableTag<T>()), width = kBlockVectors * step;
  if (kBlockVectors > 2 && n > width && n <= width + step) return width - step;
  return HWY_MIN(n, width);
}

// `rows` rows of all n columns. With few rows more columns keep the multipliers busy.
template <int rows, class T>
HWY_NOINLINE void rows_product(const Block<T>& x, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const std::int64_t step = lanes(d);
  std::int64_t column = 0;
  if constexpr (rows <= 2) {
    constexpr int vectors = rows == 1 ? 8 : 4;
    for (; n - column >= vectors * step; column += vectors * step)
      block_product<rows, vectors, false>(d, x, x.a, x.c + column, column, 0);
    if (rows == 1 && n - column >= 4 * step) {
      block_product<rows, 4, false>(d, x, x.a, x.c + column, column, 0);
      column += 4 * step;
    }
  }
  for (std::int64_t width; column < n; column += width) {
    width = panel_width<T>(n - column);
    column_product<rows>(x, column, 1, 0, width);
  }
}

// `count` times `rows` rows of n columns, at most a block's; from one to the next, a moves on by
// a_step.
template <int rows, class T>
HWY_NOINLINE void tall_product(const Block<T>& block,
                               std::int64_t count,
                               std::int64_t a_step,
                               std::int64_t n) {
  if constexpr (rows == kBlockRows) {
    const hn::ScalableTag<T> d;
    const bool whole = n == kBlockVectors * lanes(d);
    if (block.b_copy != nullptr || (block.ahead != nullptr && whole)) {
      // The first rows copy b while the multipliers are busy, those that follow fetch what comes
      // next.
      Block<T> x = block;
      const auto next = [&] {
        --count;
        x.a += a_step;
        x.c += rows * x.c_row;
      };
      if (x.b_copy != nullptr) {
        if (whole)
          block_column<rows, kBlockVectors, false, Beside::copy>(d, x, 0, 1, 0, 0);
        else
          block_column<rows, kBlockVectors - 1, false, Beside::copy>(d, x, 0, 1, 0, 0);
        x.b = x.b_copy;
        x.b_row = n;
        next();
      }
      for (int v = 0; whole && x.ahead != nullptr && v < kBlockVectors && count > 0; ++v) {
        block_column<rows, kBlockVectors, false, Beside::fetch>(d, x, 0, 1, 0, 0);
        x.ahead += x.ahead_block;
        next();
      }
      return column_product<rows>(x, 0, count, a_step, n);
    }
  }
  column_product<rows>(block, 0, count, a_step, n);
}

// One vector of a row's columns, `count` of its lanes (Whole or Part), as the sum of four sums side
// by side: each takes a quarter of k.
template <class Lanes, class T>
HWY_INLINE void vector_in_quarters(const Lanes& lanes_of, const Block<T>& x, std::int64_t part) {
  const auto d = lanes_of.d;
  const auto zero = hn::Zero(d);
  const auto add = [&](std::int64_t p, hn::Vec<decltype(d)> sum) HWY_ATTR {
    return hn::MulAdd(hn::Set(d, x.a[p * x.a_col]), lanes_of.load(x.b + p * x.b_row, zero), sum);
  };
  const std::int64_t quarter = x.k / 4;
  auto s0 = zero, s1 = zero, s2 = zero, s3 = zero;
  for (std::int64_t p = 0; p < quarter; ++p) {
    s0 = add(p, s0);
    s1 = add(quarter + p, s1);
    s2 = add(2 * quarter + p, s2);
    s3 = add(3 * quarter + p, s3);
  }
  for (std::int64_t p = 4 * quarter; p < x.k; ++p) s3 = add(p, s3);
  auto sum = hn::Add(hn::Add(s0, s1), hn::Add(s2, s3));
  sum = hn::Add(sum, addend(d, x, x.c, 0, part));
  if (x.relu) sum = hn::IfThenElse(hn::Lt(sum, zero), zero, sum);
  lanes_of.store(sum, x.c);
}

// One row of few columns. The last vector ends with the row: some columns may be computed twice,
// which is quicker than to read a part of a vector for each row of b.
template <class T>
void row_in_quarters(const Block<T>& x, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const std::int64_t step = lanes(d);
  std::int64_t j = 0;
  for (; j + step <= n; j += step) vector_in_quarters(Whole<decltype(d)>{d}, x.columns_from(j), 0);
  if (j == n) return;
  if (n > step && !x.accumulate)
    vector_in_quarters(Whole<decltype(d)>{d}, x.columns_from(n - step), 0);
  else
    vector_in_quarters(Part<decltype(d)>{d, n - j}, x.columns_from(j), n - j);
}

// Calls f.template operator()<rows>(first row) for the blocks of rows that m is cut into.
template <class F>
HWY_INLINE void for_each_row_block(std::int64_t m, F&& f) {
  std::int64_t i = 0;
  for (; m - i >= kBlockRows; i += kBlockRows) f.template operator()<kBlockRows>(i);
  if (m - i >= 4) {
    f.template operator()<4>(i);
    i += 4;
  }
  switch (m - i) {
    case 3: return f.template operator()<3>(i);
    case 2: return f.template operator()<2>(i);
    case 1: return f.template operator()<1>(i);
    default: return;
  }
}

// All n columns of a block of rows, then the next rows.
template <class T>
HWY_INLINE void all_rows_product(const Block<T>& block, std::int64_t m, std::int64_t n) {
  Block<T> x = block;
  for_each_row_block(m, [&]<int rows>(std::int64_t) HWY_ATTR {
    rows_product<rows>(x, n);
    x.a += rows * x.a_row;
    x.c += rows * x.c_row;
  });
}

// All m rows of n columns, at most a block's. A packed a holds one block of rows after the other.
template <bool packed, class T>
HWY_INLINE void panel_product(const Block<T>& block, std::int64_t m, std::int64_t n) {
  Block<T> x = block;
  const auto run = [&]<int rows>(std::int64_t count) HWY_ATTR {
    if constexpr (packed) {
      x.a_row = 1;
      x.a_col = rows;
    }
    const std::int64_t a_step = packed ? rows * x.k : rows * x.a_row;
    tall_product<rows>(x, count, a_step, n);
    if (x.b_copy != nullptr) {
      x.b = x.b_copy;
      x.b_row = n;
      x.b_copy = nullptr;
      x.ahead = nullptr;
    }
    x.a += count * a_step;
    x.c += count * rows * x.c_row;
  };
  if (m >= kBlockRows) run.template operator()<kBlockRows>(m / kBlockRows);
  for_each_row_block(m % kBlockRows,
                     [&]<int rows>(std::int64_t) HWY_ATTR { run.template operator()<rows>(1); });
}

// The inner products of `count` rows with as many others (or with one, where a_step is 0), all
// contiguous.
template <int count, class T>
HWY_INLINE void dots(
    const T* a, std::int64_t a_step, const T* b, std::int64_t b_step, std::int64_t k, T* sums) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const std::int64_t step = lanes(d);
  V sum[count];
  NYALA_UNROLL
  for (int j = 0; j < count; ++j) sum[j] = hn::Zero(d);
  std::int64_t p = 0;
  for (; p + step <= k; p += step) {
    NYALA_UNROLL
    for (int j = 0; j < count; ++j) {
      sum[j] =
          hn::MulAdd(hn::LoadU(d, a + j * a_step + p), hn::LoadU(d, b + j * b_step + p), sum[j]);
    }
  }
  if (p < k) {
    NYALA_UNROLL
    for (int j = 0; j < count; ++j) {
      sum[j] = hn::MulAdd(load_first(d, a + j * a_step + p, k - p),
                          load_first(d, b + j * b_step + p, k - p),
                          sum[j]);
    }
  }
  NYALA_UNROLL
  for (int j = 0; j < count; ++j) sums[j] = hn::GetLane(hn::SumOfLanes(d, sum[j]));
}

// One inner product: of a long one four parts are summed side by side.
template <class T>
HWY_INLINE T dot(const T* a, const T* b, std::int64_t k) {
  constexpr std::int64_t long_enough = 1024;
  T sums[4];
  if (k < long_enough) {
    dots<1>(a, 0, b, 0, k, sums);
    return sums[0];
  }
  const std::int64_t part = k / 4;
  dots<4>(a, part, b, part, part, sums);
  T rest = 0;
  for (std::int64_t p = 4 * part; p < k; ++p) rest += a[p] * b[p];
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + rest;
}

// c[j] for n sums, after what else is asked for.
template <class T>
HWY_INLINE void put_sums(const Block<T>& x, const T* sums, std::int64_t first, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    T value = sums[i];
    if (x.bias != nullptr) value += x.bias[(first + i) * x.bias_step];
    if (x.accumulate) value += x.c[first + i];
    if (x.relu && value < T{0}) value = T{0};
    x.c[first + i] = value;
  }
}

// One row of c, as inner products of a row of a with columns of b, all contiguous.
template <class T>
void row_of_dots(const Block<T>& x, std::int64_t b_step, std::int64_t n) {
  T sums[4];
  std::int64_t j = 0;
  for (; j + 4 <= n; j += 4) {
    dots<4>(x.a, 0, x.b + j * b_step, b_step, x.k, sums);
    put_sums(x, sums, j, 4);
  }
  for (; j < n; ++j) {
    dots<1>(x.a, 0, x.b + j * b_step, 0, x.k, sums);
    put_sums(x, sums, j, 1);
  }
}

}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
