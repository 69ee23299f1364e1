#include <nyala/core/kernels/bfloat16_conv.hpp>

#include <algorithm>
#include <cstring>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/bfloat16_pairs.hpp>
#include <nyala/core/kernels/unroll.hpp>

namespace nyala::kernels {

#ifdef NYALA_HAS_BF16
namespace {

constexpr int kFewRows = kRows / 2;

// A block, typed, and where some of its rows begin.
struct Rows {
  const ConvBlock& block;
  const std::int64_t* left_at;
  const std::int64_t* out_at;
};

// `rows` rows of `vectors` vectors, of the last of which `mask` lanes count. The output is rounded,
// or, of `sums`, float32 that is added to.
template <int rows, int vectors, bool sums>
NYALA_BF16 void tile(const Rows& x, __mmask16 mask) {
  const ConvBlock& block = x.block;
  const auto mask_of = [mask](int v) {
    return v == vectors - 1 ? mask : static_cast<__mmask16>(0xffff);
  };
  __m512 sum[rows][vectors];
  NYALA_UNROLL
  for (int i = 0; i < rows; ++i) {
    NYALA_UNROLL
    for (int v = 0; v < vectors; ++v) {
      sum[i][v] = _mm512_setzero_ps();
      if (sums && block.accumulate)
        sum[i][v] = _mm512_maskz_loadu_ps(
            mask_of(v), static_cast<const float*>(block.out) + x.out_at[i] + v * kLanes);
    }
  }
  const std::int64_t end = block.length * block.left_step;
  for (std::int64_t j = 0; j < block.chunks; ++j) {
    const Pair* right = static_cast<const Pair*>(block.right) + block.right_at[j] * block.right_row;
    const Pair* left[rows];
    NYALA_UNROLL
    for (int i = 0; i < rows; ++i)
      left[i] = static_cast<const Pair*>(block.left) + (block.chunk_at[j] + x.left_at[i]);
    for (std::int64_t at = 0; at != end; at += block.left_step, right += block.right_row) {
      __m512bh b[vectors];
      NYALA_UNROLL
      for (int v = 0; v < vectors; ++v) b[v] = as_pairs(_mm512_loadu_si512(right + v * kLanes));
      NYALA_UNROLL
      for (int i = 0; i < rows; ++i) {
        int pair;  // which numbers of 16 bits stand for
        std::memcpy(&pair, left[i] + at, sizeof pair);
        const __m512bh a = as_pairs(_mm512_set1_epi32(pair));
        NYALA_UNROLL
        for (int v = 0; v < vectors; ++v) sum[i][v] = _mm512_dpbf16_ps(sum[i][v], a, b[v]);
      }
    }
  }
  NYALA_UNROLL
  for (int v = 0; v < vectors; ++v) {
    __m512 bias = _mm512_setzero_ps();
    if (block.bias != nullptr) {
      bias =
          sums ? _mm512_maskz_loadu_ps(mask_of(v),
                                       static_cast<const float*>(block.bias) + v * kLanes)
               : as_floats(widened(static_cast<const Half*>(block.bias) + v * kLanes, mask_of(v)));
    }
    NYALA_UNROLL
    for (int i = 0; i < rows; ++i) {
      const std::int64_t at = x.out_at[i] + v * kLanes;
      if (block.bias != nullptr) sum[i][v] = _mm512_add_ps(sum[i][v], bias);
      if constexpr (sums)
        _mm512_mask_storeu_ps(static_cast<float*>(block.out) + at, mask_of(v), sum[i][v]);
      else
        store_rounded(sum[i][v], block.relu, static_cast<Half*>(block.out) + at, mask_of(v));
    }
  }
}

// Tiles of `rows` rows. The last one repeats its last row, which changes nothing but the time.
template <int rows, int vectors, bool sums>
NYALA_BF16 void tiles(Rows x, std::int64_t count, __mmask16 mask) {
  for (; count >= rows; count -= rows, x.left_at += rows, x.out_at += rows)
    tile<rows, vectors, sums>(x, mask);
  if (count == 0) return;
  std::int64_t left_at[rows], out_at[rows];
  for (std::int64_t i = 0; i < rows; ++i) {
    left_at[i] = x.left_at[std::min(i, count - 1)];
    out_at[i] = x.out_at[std::min(i, count - 1)];
  }
  x.left_at = left_at;
  x.out_at = out_at;
  tile<rows, vectors, sums>(x, mask);
}

template <int vectors, bool sums>
NYALA_BF16 void run_width(const ConvBlock& block) {
  if constexpr (vectors > 1) {
    if (block.width <= (vectors - 1) * kLanes) return run_width<vectors - 1, sums>(block);
  }
  const __mmask16 mask = first_lanes(block.width - (vectors - 1) * kLanes);
  Rows x{block, block.left_at, block.out_at};
  // What is left over is worth a tile of its own size.
  const std::int64_t rest = block.count % kRows;
  const std::int64_t whole = rest > 0 && rest <= kFewRows ? block.count - rest : block.count;
  if (whole > 0) tiles<kRows, vectors, sums>(x, whole, mask);
  x.left_at += whole;
  x.out_at += whole;
  if (whole < block.count) tiles<kFewRows, vectors, sums>(x, rest, mask);
}

NYALA_BF16 void pair_up_vectors(const Half* from,
                                std::int64_t apart,
                                std::int64_t count,
                                Pair* to) {
  const std::int64_t with_another = std::max<std::int64_t>(count - apart, 0);
  for (std::int64_t i = 0; i < count; i += kLanes) {
    __m512i pairs = widened(from + i, first_lanes(count - i));
    if (i < with_another)
      pairs = paired(pairs, widened(from + apart + i, first_lanes(with_another - i)));
    _mm512_mask_storeu_epi32(to + i, first_lanes(count - i), pairs);
  }
}

}  // namespace

ConvLoops bfloat16_conv_loops() {
  return {.products = run_width<kVectors, false>,
          .sums = run_width<kVectors, true>,
          .depthwise = nullptr,
          .pack =
              [](const void* from,
                 std::int64_t along,
                 std::int64_t across,
                 std::int64_t count,
                 std::int64_t k,
                 void* to,
                 std::int64_t width) {
                pack_pairs({static_cast<const Half*>(from), k, across, count, along, width},
                           static_cast<Pair*>(to));
              },
          .panel = panel_columns,
          .lanes = kLanes};
}

void pair_up(const void* from, std::int64_t apart, std::int64_t count, void* to) {
  pair_up_vectors(static_cast<const Half*>(from), apart, count, static_cast<Pair*>(to));
}

#else

ConvLoops bfloat16_conv_loops() {
  throw TypeError("conv: received dtype bfloat16, which this CPU does not multiply");
}
void pair_up(const void*, std::int64_t, std::int64_t, void*) {}

#endif

}  // namespace nyala::kernels
