#include <nyala/core/kernels/bfloat16_matmul.hpp>

#include <algorithm>
#include <cstring>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/simd/gemm.hpp>
#include <nyala/core/kernels/unroll.hpp>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <immintrin.h>
#if !defined(__clang__)  // g++ 12 takes what its header leaves undefined for a mistake
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#define NYALA_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#define NYALA_BF16_INLINE inline __attribute__((always_inline)) NYALA_BF16

namespace nyala::kernels {

bool multiplies_bfloat16() {
  static const bool has = __builtin_cpu_supports("avx512bf16") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return has;
}

namespace {

// The instruction takes pairs of neighbours along k: a "pair" is two numbers in 32 bits, the first
// in the lower half. `k` counts numbers and `pairs` pairs, of which the last may hold a zero.
using Half = std::uint16_t;
using Pair = std::uint32_t;

constexpr std::int64_t kLanes = 16;
constexpr int kVectors = 3;
constexpr int kRows = 8;
constexpr std::int64_t kPanel = kVectors * kLanes;
// Bytes of a's rows that stay in the second cache while all of b passes.
constexpr std::int64_t kRowBytes = 256 << 10;

// A matrix whose pairs are packed: `count` columns (of b) or rows (of a), `width` from one pair of
// k to the next.
struct Strips {
  const Half* from;
  std::int64_t k, along_k, count, along_count, width;
};

NYALA_BF16_INLINE __mmask32 first(std::int64_t count) {
  return count >= 32 ? ~__mmask32{0} : (__mmask32{1} << count) - 1;
}

// The first `count` lanes of a vector of pairs, all or fewer.
NYALA_BF16_INLINE __mmask16 first_lanes(std::int64_t count) {
  return static_cast<__mmask16>(first(std::clamp<std::int64_t>(count, 0, kLanes)));
}
// A vector of pairs, or its lower half where a row of the packed matrix is no longer.
NYALA_BF16_INLINE void store(__m512i pairs, Pair* to, std::int64_t width) {
  if (width >= kLanes)
    _mm512_storeu_si512(to, pairs);
  else
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(pairs));
}

NYALA_BF16_INLINE __m512i widened(const Half* from, __mmask16 mask) {
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from));
}

// Contiguous along the columns or rows: two of them are interleaved.
NYALA_BF16 void pack_rows(const Strips& s, Pair* to) {
  for (std::int64_t p = 0; p < s.k; p += 2, to += s.width) {
    const Half* low = s.from + p * s.along_k;
    for (std::int64_t j = 0; j < s.width; j += kLanes) {
      const __mmask16 mask = first_lanes(s.count - j);
      __m512i pairs = widened(low + j, mask);
      if (p + 1 < s.k)
        pairs = _mm512_or_si512(pairs, _mm512_slli_epi32(widened(low + s.along_k + j, mask), 16));
      store(pairs, to + j, s.width - j);
    }
  }
}

// Transposes 16 by 16 pairs.
NYALA_BF16_INLINE void transpose(__m512i (&r)[16]) {
  __m512i t[16];
  NYALA_UNROLL
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  NYALA_UNROLL
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  NYALA_UNROLL
  for (int i = 0; i < 16; i += 8) {
    NYALA_UNROLL
    for (int j = 0; j < 4; ++j) {
      t[i + j] = _mm512_shuffle_i32x4(r[i + j], r[i + j + 4], 0x88);
      t[i + j + 4] = _mm512_shuffle_i32x4(r[i + j], r[i + j + 4], 0xdd);
    }
  }
  NYALA_UNROLL
  for (int j = 0; j < 8; ++j) {
    r[j] = _mm512_shuffle_i32x4(t[j], t[j + 8], 0x88);
    r[j + 8] = _mm512_shuffle_i32x4(t[j], t[j + 8], 0xdd);
  }
}

// Contiguous along k: pairs are transposed.
NYALA_BF16 void pack_transposed(const Strips& s, Pair* to) {
  const std::int64_t pairs = (s.k + 1) / 2;
  for (std::int64_t j = 0; j < s.width; j += kLanes) {
    for (std::int64_t p = 0; p < pairs; p += kLanes) {
      __m512i rows[16];
      const __mmask32 mask = first(s.k - 2 * p);
      NYALA_UNROLL
      for (int i = 0; i < 16; ++i) {
        rows[i] = j + i < s.count
                      ? _mm512_maskz_loadu_epi16(mask, s.from + (j + i) * s.along_count + 2 * p)
                      : _mm512_setzero_si512();
      }
      transpose(rows);
      const std::int64_t count = std::min(pairs - p, kLanes);
      for (std::int64_t i = 0; i < count; ++i)
        store(rows[i], to + (p + i) * s.width + j, s.width - j);
    }
  }
}

void pack_any(const Strips& s, Pair* to) {
  for (std::int64_t p = 0; p < s.k; p += 2, to += s.width) {
    for (std::int64_t j = 0; j < s.width; ++j) {
      const Half* at = s.from + p * s.along_k + j * s.along_count;
      const Pair low = j < s.count ? at[0] : 0;
      const Pair high = j < s.count && p + 1 < s.k ? at[s.along_k] : 0;
      to[j] = low | high << 16;
    }
  }
}

void pack(const Strips& strips, Pair* to) {
  if (strips.along_count == 1)
    pack_rows(strips, to);
  else if (strips.along_k == 1)
    pack_transposed(strips, to);
  else
    pack_any(strips, to);
}

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

NYALA_BF16_INLINE __m512bh as_pairs(__m512i x) { return reinterpret_cast<__m512bh>(x); }

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
      bias = _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
    }
    NYALA_UNROLL
    for (int i = 0; i < rows; ++i) {
      __m512 result = sum[i][v];
      if (x.bias != nullptr) result = _mm512_add_ps(result, bias);
      if (x.relu) result = _mm512_max_ps(_mm512_setzero_ps(), result);  // a NaN stays
      _mm256_mask_storeu_epi16(x.c + i * x.c_row + v * kLanes,
                               mask,
                               reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(result)));
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

// Columns of a panel, of n that are left: one vector by itself would keep the multipliers waiting.
std::int64_t panel_columns(std::int64_t n) {
  return n > kPanel && n <= kPanel + kLanes ? kPanel - kLanes : std::min(n, kPanel);
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
    pack({b + j * p.b.column, p.k, p.b.row, count, p.b.column, whole_lanes(count)},
         packed_b + j * pairs);
  }
  for (std::int64_t i = 0; i < p.m; i += rows) {
    const std::int64_t m = std::min(rows, p.m - i);
    for (std::int64_t r = 0; pack_a && r < m; r += kRows) {
      pack({a + (i + r) * p.a.row,
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
