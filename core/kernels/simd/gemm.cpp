#include <nyala/core/kernels/simd/gemm.hpp>

#include <algorithm>
#include <utility>

#include <nyala/core/kernels/simd/targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/gemm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/pack-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// Of a product that is packed: how much of k, of a's rows and of b's columns is taken at once, so
// that a's part fits half of a second cache of 1 MiB and b's part a third one.
template <class T>
constexpr std::int64_t kDepth = 4096 / std::int64_t{sizeof(T)};
constexpr std::int64_t kRowsAtOnce = 128;
template <class T>
constexpr std::int64_t kColumnsAtOnce = 8192 / std::int64_t{sizeof(T)};
// A b of more elements lies in the third cache or beyond.
template <class T>
constexpr std::int64_t kFarSize = (3 << 20) / std::int64_t{sizeof(T)};
// From this k on a block takes long enough for c to come near meanwhile.
constexpr std::int64_t kFarDepth = 128;
// The most elements of a packed panel of b that lies on the stack.
template <class T>
constexpr std::int64_t kStackPanel = 49152 / std::int64_t{sizeof(T)};
// Rows of c from which a copy of b, or of a part, pays.
constexpr std::int64_t kManyRows = 8 * kBlockRows;
// The most columns of c that are computed as rows of its transpose.
constexpr std::int64_t kFewColumns = 12;

template <class T>
HWY_INLINE Block<T> whole_block(
    const MatmulPlan& p, const void* a, const void* b, const void* bias, void* c) {
  return {static_cast<const T*>(a),
          p.a.row,
          p.a.column,
          static_cast<const T*>(b),
          p.b.row,
          static_cast<T*>(c),
          p.c_row,
          p.k,
          static_cast<const T*>(bias),
          p.bias_step,
          p.accumulate,
          p.relu};
}

// ---- both operands as they lie

template <class T>
void run_rows(const MatmulPlan& p, const void* a, const void* b, const void* bias, void* c) {
  all_rows_product(whole_block<T>(p, a, b, bias, c), p.m, p.n);
}

template <class T>
void run_quarters(const MatmulPlan& p, const void* a, const void* b, const void* bias, void* c) {
  row_in_quarters(whole_block<T>(p, a, b, bias, c), p.n);
}

// Column panel by column panel, where b is too large for the first cache.
template <class T>
void run_panels(const MatmulPlan& p, const void* a, const void* b, const void* bias, void* c) {
  HWY_ALIGN T panel[kStackPanel<T>];
  const std::int64_t step = lanes(hn::ScalableTag<T>()), width = kBlockVectors * step;
  const Block<T> x = whole_block<T>(p, a, b, bias, c);
  for (std::int64_t j = 0, count; j < p.n; j += count) {
    count = panel_width<T>(p.n - j);
    Block<T> y = x.columns_from(j);
    // Rows that are far apart share few places of the first cache: a copy is read from then on.
    const bool copies = p.b.column == 1 && count % step == 0 && count > step;
    if (copies && p.m >= kManyRows && p.k * width <= kStackPanel<T>) y.b_copy = panel;
    panel_product<false>(y, p.m, count);
  }
}

// ---- operands packed

// b in panels on the stack.
template <class T>
HWY_NOINLINE void run_packed_b(
    const MatmulPlan& p, const void* a, const void* b, const void* bias, void* c) {
  HWY_ALIGN T panel[kStackPanel<T>];
  const std::int64_t width = kBlockVectors * lanes(hn::ScalableTag<T>());
  const Block<T> x = whole_block<T>(p, a, b, bias, c);
  for (std::int64_t j = 0, count; j < p.n; j += count) {
    count = panel_width<T>(p.n - j);
    pack_panel(x.b + j * p.b.column, p.b.column, p.b.row, count, p.k, panel, width);
    Block<T> y = x.columns_from(j);
    y.b = panel;
    y.b_row = width;
    panel_product<false>(y, p.m, count);
  }
}

// The columns from one row of a packed panel to the next: whole vectors.
template <class T>
std::int64_t panel_row(std::int64_t count) {
  const std::int64_t step = lanes(hn::ScalableTag<T>());
  return (count + step - 1) / step * step;
}

// Panels of k rows of b, row by row: a far memory is read fastest in the order that it lies.
template <class T>
void pack_rows(const T* b, std::int64_t b_row, std::int64_t n, std::int64_t k, T* to) {
  const hn::ScalableTag<T> d;
  const std::int64_t step = lanes(d);
  for (std::int64_t p = 0; p < k; ++p, b += b_row) {
    for (std::int64_t j = 0, count; j < n; j += count) {
      count = panel_width<T>(n - j);
      const std::int64_t row = panel_row<T>(count);
      T* panel = to + j * k + p * row;
      std::int64_t v = 0;
      for (; v + step <= count; v += step) hn::StoreU(hn::LoadU(d, b + j + v), d, panel + v);
      if (v < count) hn::StoreU(load_first(d, b + j + v, count - v), d, panel + v);
    }
  }
}

// The most of a's elements that are packed on the stack.
template <class T>
constexpr std::int64_t kStackRows = 32768 / std::int64_t{sizeof(T)};

// A few rows of c, for a b that is packed already.
template <class T>
HWY_NOINLINE void run_prepared(
    const MatmulPlan& p, const void* a, const void* b, const void* bias, void* c) {
  HWY_ALIGN T packed_a[kStackRows<T>];
  Block<T> whole = whole_block<T>(p, a, b, bias, c);
  const bool pack_a = p.a.column != 1;
  const std::int64_t rows = pack_a ? kStackRows<T> / p.k / kBlockRows * kBlockRows : p.m;
  constexpr std::int64_t line = 64 / std::int64_t{sizeof(T)};
  const Ahead none, &ahead = p.ahead == nullptr ? none : *p.ahead;
  std::int64_t which = 0, fetched = 0;  // bytes
  for (std::int64_t i = 0; i < p.m; i += rows) {
    const std::int64_t m = std::min(rows, p.m - i);
    const T* left = whole.a + i * p.a.row;
    if (pack_a) {
      for_each_row_block(m, [&]<int count>(std::int64_t r) HWY_ATTR {
        pack_panel(left + r * p.a.row, p.a.row, p.a.column, count, p.k, packed_a + r * p.k, count);
      });
      left = packed_a;
    }
    for (std::int64_t j = 0, count; j < p.n; j += count) {
      count = panel_width<T>(p.n - j);
      Block<T> y = whole.columns_from(j);
      y.a = left;
      y.b = whole.b + j * p.k;
      y.b_row = panel_row<T>(count);
      y.c += i * p.c_row;
      if (which < ahead.count) {
        y.ahead = reinterpret_cast<const T*>(ahead.arrays[which] + fetched);
        y.ahead_row = line;
        y.ahead_block = p.k * line;
        fetched += m / kBlockRows * p.k * 64;
        if (fetched >= ahead.bytes) {
          ++which;
          fetched = 0;
        }
      }
      if (pack_a)
        panel_product<true>(y, m, count);
      else
        panel_product<false>(y, m, count);
    }
  }
}

// `count` in nearly even parts of at most `most`, each a multiple of `unit`.
std::int64_t even_parts(std::int64_t count, std::int64_t most, std::int64_t unit) {
  const std::int64_t parts = (count - 1) / most + 1;
  return ((count - 1) / parts + unit) / unit * unit;
}

// Blocks of b that stay in the third cache, of a that stay in the second.
template <class T>
void run_packed(
    const MatmulPlan& p, const void* a_data, const void* b_data, const void* bias, void* c_data) {
  const std::int64_t step = lanes(hn::ScalableTag<T>()), width = kBlockVectors * step;
  const std::int64_t depth = even_parts(p.k, kDepth<T>, 1);
  const std::int64_t columns = even_parts(p.n, kColumnsAtOnce<T>, width);
  const std::int64_t rows = even_parts(p.m, kRowsAtOnce, kBlockRows);
  T* packed_b = static_cast<T*>(
      matmul_workspace(static_cast<std::size_t>(depth * (rows + columns)) * sizeof(T)));
  T* packed_a = packed_b + depth * columns;
  // Rows of a are read side by side, which a cache cannot hold where they are whole pages apart.
  // Of a transposed a, a block's rows are contiguous, a cache line or two for each k: a few panels
  // read them in place.
  const std::int64_t lead = p.a.column == 1 ? p.a.row : p.a.column;
  const bool is_spread = lead * std::int64_t{sizeof(T)} % 4096 == 0;
  const bool in_lines = p.a.column == 1 || (p.a.row == 1 && p.n <= 6 * width);
  const bool pack_a = !in_lines || is_spread;
  const Block<T> whole = whole_block<T>(p, a_data, b_data, bias, c_data);
  for (std::int64_t first = 0; first < p.n; first += columns) {
    const std::int64_t n = std::min(columns, p.n - first);
    for (std::int64_t q = 0; q < p.k; q += depth) {
      Block<T> x = whole.columns_from(first);
      x.k = std::min(depth, p.k - q);
      x.accumulate |= q > 0;
      if (q > 0) x.bias = nullptr;
      x.relu &= q + x.k == p.k;
      x.prefetch = p.k >= kFarDepth;
      const T* b = whole.b + q * p.b.row + first * p.b.column;
      const bool pack_b = p.b.column == 1 && p.m > rows && x.k * n > kFarSize<T>;
      if (pack_b) pack_rows(b, p.b.row, n, x.k, packed_b);
      for (std::int64_t i = 0; i < p.m; i += rows) {
        const std::int64_t m = std::min(rows, p.m - i);
        const T* a = whole.a + i * p.a.row + q * p.a.column;
        if (pack_a)
          for_each_row_block(m, [&]<int count>(std::int64_t r) HWY_ATTR {
            pack_panel(a + r * p.a.row, p.a.row, p.a.column, count, x.k, packed_a + r * x.k, count);
          });
        for (std::int64_t j = 0, count; j < n; j += count) {
          Block<T> y = x.columns_from(j);
          count = panel_width<T>(n - j);
          const std::int64_t row = panel_row<T>(count);
          T* panel = packed_b + j * x.k;
          y.a = pack_a ? packed_a : a;
          y.b = panel;
          y.b_row = row;
          y.c += i * p.c_row;
          if (i == 0 && !pack_b) {
            if (p.b.column == 1 && count == row && count > step && m >= kBlockRows) {
              y.b_copy = panel;
              y.b = b + j;
              y.b_row = p.b.row;
              y.ahead = b + j + count;
              y.ahead_row = p.b.row;
              y.ahead_block = step;
            } else {
              pack_panel(b + j * p.b.column, p.b.column, p.b.row, count, x.k, panel, row);
            }
          } else {
            y.ahead = panel + count * x.k;
            y.ahead_row = row;
            y.ahead_block = step;
          }
          if (j + count == n) y.ahead = nullptr;
          if (pack_a)
            panel_product<true>(y, m, count);
          else
            panel_product<false>(y, m, count);
        }
      }
    }
  }
}

// ---- inner products

template <class T>
void run_dots(const MatmulPlan& p, const void* a, const void* b, const void* bias, void* c) {
  Block<T> x = whole_block<T>(p, a, b, bias, c);
  for (std::int64_t i = 0; i < p.m; ++i, x.a += p.a.row, x.c += p.c_row) {
    row_of_dots(x, p.b.column, p.n);
  }
}

template <class T>
void run_dot(const MatmulPlan& p, const void* a, const void* b, const void* bias, void* c) {
  const T sum = dot(static_cast<const T*>(a), static_cast<const T*>(b), p.k);
  put_sums(whole_block<T>(p, a, b, bias, c), &sum, 0, 1);
}

// ---- many products

// Inner products of rows.
template <class T>
void run_batch_of_dots(
    const MatmulPlan& p, const MatmulPlan::Batch& batch, const void* a, const void* b, void* c) {
  for (std::int64_t i = 0; i < batch.count; ++i) {
    static_cast<T*>(c)[i * batch.c_step] = dot(static_cast<const T*>(a) + i * batch.a_step,
                                               static_cast<const T*>(b) + i * batch.b_step,
                                               p.k);
  }
}

// Each row of b times one number of a.
template <class T>
void run_batch_of_scales(
    const MatmulPlan& p, const MatmulPlan::Batch& batch, const void* a, const void* b, void* c) {
  const hn::ScalableTag<T> d;
  const std::int64_t step = lanes(d), n = p.n;
  for (std::int64_t i = 0; i < batch.count; ++i) {
    const auto factor = hn::Set(d, static_cast<const T*>(a)[i * batch.a_step]);
    const T* from = static_cast<const T*>(b) + i * batch.b_step;
    T* to = static_cast<T*>(c) + i * batch.c_step;
    std::int64_t j = 0;
    for (; j + step <= n; j += step) hn::StoreU(hn::Mul(factor, hn::LoadU(d, from + j)), d, to + j);
    if (j < n) store_first(d, hn::Mul(factor, load_first(d, from + j, n - j)), to + j, n - j);
  }
}

// ---- the choice

template <class T>
MatmulPlan::Run choose_rows(const MatmulPlan& p) {
  const bool rows_meet_columns = p.a.column == 1 && p.b.row == 1;
  if (p.m == 1 && p.n == 1 && rows_meet_columns) return run_dot<T>;
  if (p.b.column == 1 || p.n == 1) {
    const std::int64_t step = lanes(hn::ScalableTag<T>());
    if (p.m == 1 && p.b.column == 1 && p.k >= 32 && p.n < 4 * step) return run_quarters<T>;
    if (p.m <= kBlockRows) return run_rows<T>;
    const bool far = p.m >= 64 || p.k * p.b.row * std::int64_t{sizeof(T)} > 1 << 20;
    return p.k > 256 && p.n >= 64 && far ? run_packed<T> : run_panels<T>;
  }
  if (rows_meet_columns && p.m <= 2) return run_dots<T>;
  const std::int64_t panel = p.k * kBlockVectors * lanes(hn::ScalableTag<T>());
  return panel <= kStackPanel<T> ? run_packed_b<T> : run_packed<T>;
}

// c' = b' a', for few columns of c and an a whose rows are adjacent: these fill the vectors.
template <class T>
void run_columns(const MatmulPlan& p, const void* a, const void* b, const void* bias, void* c) {
  if (bias != nullptr) return choose_rows<T>(p)(p, a, b, bias, c);
  constexpr std::int64_t width = kBlockVectors * hn::MaxLanes(hn::ScalableTag<T>());
  HWY_ALIGN T turned[kFewColumns * width];
  Block<T> x = whole_block<T>(p, b, a, nullptr, turned);
  x.a_row = p.b.column;
  x.a_col = p.b.row;
  x.b_row = p.a.column;
  x.c_row = width;
  for (std::int64_t i = 0, count; i < p.m; i += count, x.b += count) {
    count = panel_width<T>(p.m - i);
    panel_product<false>(x, p.n, count);
    T* to = static_cast<T*>(c) + i * p.c_row;
    pack_panel(turned, width, std::int64_t{1}, p.n, count, to, p.c_row);
  }
}

template <class T>
MatmulPlan::Run choose_tile(const MatmulPlan& p) {
  const std::int64_t step = lanes(hn::ScalableTag<T>());
  const bool few = p.n > step / 2 ? p.n <= step * 3 / 4 : p.n > 1 && p.n <= step * 3 / 8;
  const bool plain = !p.accumulate && !p.relu && !p.turned;
  if (p.a.row == 1 && p.m >= step && few && p.n <= kFewColumns && plain) return run_columns<T>;
  return choose_rows<T>(p);
}

template <class T>
MatmulPlan::RunBatch choose_batch(const MatmulPlan& p) {
  if (p.m > 1 || p.accumulate || p.relu) return run_one_by_one;
  if (p.n == 1 && p.a.column == 1 && p.b.row == 1) return run_batch_of_dots<T>;
  if (p.k == 1 && p.b.column == 1) return run_batch_of_scales<T>;
  return run_one_by_one;
}

template <class T>
void choose(MatmulPlan& p) {
  p.run_tile = p.packed_b ? run_prepared<T> : choose_tile<T>(p);
  p.run_batch = choose_batch<T>(p);
}

void pack_any(const MatmulPlan& p, const void* b, void* to) {
  visit_float(p.dtype, [&]<class T>() {
    pack_rows(static_cast<const T*>(b), p.b.row, p.n, p.k, static_cast<T*>(to));
  });
}

void choose_any(MatmulPlan& plan) {
  visit_float(plan.dtype, [&]<class T>() { choose<T>(plan); });
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(choose_any);
HWY_EXPORT(pack_any);

void choose_simd_loops(MatmulPlan& plan) { HWY_DYNAMIC_DISPATCH(choose_any)(plan); }
void pack_columns(const MatmulPlan& whole, const void* b, void* to) {
  HWY_DYNAMIC_DISPATCH(pack_any)(whole, b, to);
}

}  // namespace nyala::kernels
#endif
