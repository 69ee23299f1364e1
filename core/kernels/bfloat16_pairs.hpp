#pragma once
/// What kernels of the instructions AVX512-BF16 share. These take pairs of neighbours in a
/// reduction: a "pair" is two numbers in 32 bits, the first in the lower half. Not for others.
#include <algorithm>
#include <cstdint>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define NYALA_HAS_BF16
#include <immintrin.h>
#if !defined(__clang__)  // g++ 12 takes what its header leaves undefined for a mistake
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#define NYALA_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#define NYALA_BF16_INLINE inline __attribute__((always_inline)) NYALA_BF16

namespace nyala::kernels {

using Half = std::uint16_t;
using Pair = std::uint32_t;

inline constexpr std::int64_t kLanes = 16;
/// Vectors and rows of a block of sums that stay in registers.
inline constexpr int kVectors = 3;
inline constexpr int kRows = 8;
inline constexpr std::int64_t kPanel = kVectors * kLanes;

/// Columns of a panel, of n that are left: one vector by itself would keep the multipliers waiting.
inline std::int64_t panel_columns(std::int64_t n) {
  return n > kPanel && n <= kPanel + kLanes ? kPanel - kLanes : std::min(n, kPanel);
}

/// Columns (of a right operand) or rows (of a left one) to pack: `k` numbers of each become pairs,
/// of which the last may hold a zero, `width` from one pair of k to the next. Those beyond `count`
/// are zeros.
struct Strips {
  const Half* from;
  std::int64_t k, along_k, count, along_count, width;
};
/// `width` is 8 or a multiple of 16.
void pack_pairs(const Strips& strips, Pair* to);

NYALA_BF16_INLINE __mmask32 first(std::int64_t count) {
  return count >= 32 ? ~__mmask32{0} : (__mmask32{1} << count) - 1;
}
/// The first `count` lanes of a vector of pairs, all or fewer.
NYALA_BF16_INLINE __mmask16 first_lanes(std::int64_t count) {
  return static_cast<__mmask16>(first(std::clamp<std::int64_t>(count, 0, kLanes)));
}
NYALA_BF16_INLINE __m512i widened(const Half* from, __mmask16 mask) {
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from));
}
/// Pairs of the two numbers in each lane's lower half.
NYALA_BF16_INLINE __m512i paired(__m512i low, __m512i high) {
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}
NYALA_BF16_INLINE __m512 as_floats(__m512i halves) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(halves, 16));
}
NYALA_BF16_INLINE __m512bh as_pairs(__m512i x) { return reinterpret_cast<__m512bh>(x); }
/// Rounded, and with `relu` no number below zero; a NaN stays.
NYALA_BF16_INLINE void store_rounded(__m512 sums, bool relu, Half* to, __mmask16 mask) {
  if (relu) sums = _mm512_max_ps(_mm512_setzero_ps(), sums);
  _mm256_mask_storeu_epi16(to, mask, reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(sums)));
}

}  // namespace nyala::kernels

#endif
