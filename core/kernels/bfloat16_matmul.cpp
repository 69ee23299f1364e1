#include <nyala/core/kernels/bfloat16_matmul.hpp>

#include <algorithm>
#include <cstring>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/bfloat16_pairs.hpp>
#include <nyala/core/kernels/simd/gemm.hpp>
#include <nyala/core/kernels/unroll.hpp>

#ifdef NYALA_HAS_BF16

namespace nyala::kernels {

bool multiplies_bfloat16() {
  static const bool has = __builtin_cpu_supports("avx512bf16") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return has;
}

namespace {

// Pairs of b's columns, and of rows where they are not read in place, are packed. `k` counts
// numbers and `pairs` pairs.
// Bytes of a's rows that stay in the second cache while all of b passes.
constexpr std::int64_t kRowBytes = 256 << 10;

// Rows of c: those of a begin at `a`, are `a_row` bytes apart and their pairs `a_pair` bytes.
struct Part {
  const char* a;
  std::int64_t a_row, a_pair;
  const Pair* b;  // a packed panel of whole vectors
  std::int64_t pairs;
  const Half* bias;  // null for none
  std::int64_t bias_step;
  Half* c;
  std::int64_t c_row, columns;
  bool relu;
};

template <int rows, int vectors>
NYALA_BF16 void multiply_part(const Part& x) {
  __m512 sum[rows][vectors];
  NYALA_UNROLL
  for (int i = 0; i < rows; ++i) {
    NYALA_UNROLL
    for (int v = 0; v < vectors; ++v) sum[i][v] = _mm512_setzero_ps();
  }
  const char* a = x.a;
  const Pair* b = x.b;
  for (std::int64_t p = 0; p < x.pairs; ++p, a += x.a_pair, b += vectors * kLanes) {
    __m512bh right[vectors];
    NYALA_UNROLL
    for (int v = 0; v < vectors; ++v) right[v] = as_pairs(_mm512_loadu_si512(b + v * kLanes));
    NYALA_UNROLL
    for (int i = 0; i < rows; ++i) {
      int pair;
      std::memcpy(&pair, a + i * x.a_row, sizeof pair);
      const __m512bh left = as_pairs(_mm512_set1_epi32(pair));
      NYALA_UNROLL
      for (int v = 0; v < vectors; ++v) sum[i][v] = _mm512_dpbf16_ps(sum[i][v], left, right[v]);
    }
  }
  NYALA_UNROLL
  for (int v = 0; v < vectors; ++v) {
    const __mmask16 mask = first_lanes(x.columns - v * kLanes);
    __m512 bias = _mm512_setzero_ps();
    if (x.bias != nullptr) {
      const __m512i wide =
          x.bias_step == 0 ? _mm512_set1_epi32(*x.bias) : widened(x.bias + v * kLanes, mask);
      bias = as_floats(wide);
    }
    NYALA_UNROLL
    for (int i = 0; i < rows; ++i) {
      __m512 result = sum[i][v];
      if (x.bias != nullptr) result = _mm512_add_ps(result, bias);
      store_rounded(result, x.relu, x.c + i * x.c_row + v * kLanes, mask);
    }
  }
}

// Returns how many rows that is.
template <int rows>
std::int64_t multiply_rows(const Part& x) {
  if (x.columns > 2 * kLanes)
    multiply_part<rows, 3>(x);
  else if (x.columns > kLanes)
    multiply_part<rows, 2>(x);
  else
    multiply_part<rows, 1>(x);
  return rows;
}

// As many of `left` rows as a block takes; returns how many.
std::int64_t multiply_block(const Part& x, std::int64_t left) {
  if (left >= kRows) return multiply_rows<kRows>(x);
  if (left >= 4) return multiply_rows<4>(x);
  return left >= 2 ? multiply_rows<2>(x) : multiply_rows<1>(x);
}

std::int64_t whole_lanes(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

void run(const MatmulPlan& p, const void* a_data, const void* b_data, const void* bias, void* c) {
  const auto* const a = static_cast<const Half*>(a_data);
  const auto* const b = static_cast<const Half*>(b_data);
  const std::int64_t pairs = (p.k + 1) / 2;
  // Contiguous rows of an even k are read in place.
  const bool pack_a = p.a.column != 1 || p.k % 2 != 0;
  const std::int64_t rows =
      std::min(std::max<std::int64_t>(kRowBytes / (4 * pairs) / kRows, 1) * kRows, p.m);
  const std::int64_t b_size = pairs * whole_lanes(p.n);
  const std::int64_t a_size = pack_a ? pairs * ((rows + kRows - 1) / kRows * kRows) : 0;
  auto* const packed_b = static_cast<Pair*>(
      matmul_workspace(static_cast<std::size_t>(b_size + a_size) * sizeof(Pair)));
  Pair* const packed_a = packed_b + b_size;
  for (std::int64_t j = 0, count; j < p.n; j += count) {
    count = panel_columns(p.n - j);
    pack_pairs({b + j * p.b.column, p.k, p.b.row, count, p.b.column, whole_lanes(count)},
               packed_b + j * pairs);
  }
  for (std::int64_t i = 0; i < p.m; i += rows) {
    const std::int64_t m = std::min(rows, p.m - i);
    for (std::int64_t r = 0; pack_a && r < m; r += kRows) {
      pack_pairs({a + (i + r) * p.a.row,
                  p.k,
                  p.a.column,
                  std::min<std::int64_t>(m - r, kRows),
                  p.a.row,
                  kRows},
                 packed_a + r * pairs);
    }
    for (std::int64_t j = 0, count; j < p.n; j += count) {
      count = panel_columns(p.n - j);
      Part x{.a = nullptr,
             .a_row = pack_a ? std::int64_t{sizeof(Pair)} : p.a.row * std::int64_t{sizeof(Half)},
             .a_pair = pack_a ? kRows * std::int64_t{sizeof(Pair)} : std::int64_t{sizeof(Pair)},
             .b = packed_b + j * pairs,
             .pairs = pairs,
             .bias = bias == nullptr ? nullptr : static_cast<const Half*>(bias) + j * p.bias_step,
             .bias_step = p.bias_step,
             .c = nullptr,
             .c_row = p.c_row,
             .columns = count,
             .relu = p.relu};
      for (std::int64_t r = 0; r < m;) {
        // A packed block of rows begins at a multiple of kRows, its rows are interleaved.
        const std::int64_t inside = r % kRows;
        x.a = pack_a ? reinterpret_cast<const char*>(packed_a + (r - inside) * pairs + inside)
                     : reinterpret_cast<const char*>(a + (i + r) * p.a.row);
        x.c = static_cast<Half*>(c) + (i + r) * p.c_row + j;
        r += multiply_block(x, m - r);
      }
    }
  }
}

}  // namespace

void choose_bfloat16(MatmulPlan& plan) { plan.run_tile = run; }

}  // namespace nyala::kernels

#else

namespace nyala::kernels {

bool multiplies_bfloat16() { return false; }
void choose_bfloat16(MatmulPlan&) {
  throw TypeError("matmul: received dtype bfloat16, which this CPU does not multiply");
}

}  // namespace nyala::kernels

#endif
