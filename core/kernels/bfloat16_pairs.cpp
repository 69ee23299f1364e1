#include <nyala/core/kernels/bfloat16_pairs.hpp>

#include <nyala/core/kernels/unroll.hpp>

#ifdef NYALA_HAS_BF16

namespace nyala::kernels {
namespace {

// A vector of pairs, or its lower half where a row of the packed matrix is no longer.
NYALA_BF16_INLINE void store(__m512i pairs, Pair* to, std::int64_t width) {
  if (width >= kLanes)
    _mm512_storeu_si512(to, pairs);
  else
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(pairs));
}

// Contiguous along the columns or rows: two of them are interleaved.
NYALA_BF16 void pack_rows(const Strips& s, Pair* to) {
  for (std::int64_t p = 0; p < s.k; p += 2, to += s.width) {
    const Half* low = s.from + p * s.along_k;
    for (std::int64_t j = 0; j < s.width; j += kLanes) {
      const __mmask16 mask = first_lanes(s.count - j);
      __m512i pairs = widened(low + j, mask);
      if (p + 1 < s.k) pairs = paired(pairs, widened(low + s.along_k + j, mask));
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

}  // namespace

void pack_pairs(const Strips& strips, Pair* to) {
  if (strips.along_count == 1)
    pack_rows(strips, to);
  else if (strips.along_k == 1)
    pack_transposed(strips, to);
  else
    pack_any(strips, to);
}

}  // namespace nyala::kernels

#endif
