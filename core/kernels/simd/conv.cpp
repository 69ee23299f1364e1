#include <nyala/core/kernels/bfloat16_conv.hpp>
#include <nyala/core/kernels/conv_loops.hpp>
#include <nyala/core/kernels/simd/targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/conv.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/pack-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// A block, typed, and where some of its rows begin.
template <class T>
struct Rows {
  const ConvBlock& block;
  const T* left;
  const T* right;
  const T* bias;
  T* out;
  const std::int64_t* left_at;
  const std::int64_t* out_at;

  explicit Rows(const ConvBlock& b)
      : block(b),
        left(static_cast<const T*>(b.left)),
        right(static_cast<const T*>(b.right)),
        bias(static_cast<const T*>(b.bias)),
        out(static_cast<T*>(b.out)),
        left_at(b.left_at),
        out_at(b.out_at) {}
};

// `rows` rows of `vectors` vectors; of the last vector only `last` lanes where `partial` is set.
template <int rows, int vectors, bool partial, bool depthwise, class D, class T = hn::TFromD<D>>
HWY_INLINE void tile_sums(D d, const Rows<T>& x, std::int64_t last) {
  using V = hn::Vec<D>;
  const std::int64_t step = lanes(d);
  const ConvBlock& block = x.block;
  V sum[rows][vectors];
  NYALA_UNROLL
  for (int i = 0; i < rows; ++i) {
    NYALA_UNROLL
    for (int v = 0; v < vectors; ++v) {
      const T* from = x.out + x.out_at[i] + v * step;
      if (!block.accumulate)
        sum[i][v] = hn::Zero(d);
      else
        sum[i][v] = partial && v == vectors - 1 ? load_first(d, from, last) : hn::LoadU(d, from);
    }
  }
  const std::int64_t left_step = block.left_step, right_row = block.right_row;
  for (std::int64_t j = 0; j < block.chunks; ++j) {
    const T* right = x.right + block.right_at[j] * right_row;
    const T* left[rows];
    NYALA_UNROLL
    for (int i = 0; i < rows; ++i) left[i] = x.left + (block.chunk_at[j] + x.left_at[i]);
    const std::int64_t end = block.length * left_step;
    for (std::int64_t at = 0; at != end; at += left_step, right += right_row) {
      V b[vectors];
      NYALA_UNROLL
      for (int v = 0; v < vectors; ++v) {
        const bool part = depthwise && partial && v == vectors - 1;
        b[v] = part ? load_first(d, right + v * step, last) : hn::LoadU(d, right + v * step);
      }
      NYALA_UNROLL
      for (int i = 0; i < rows; ++i) {
        if constexpr (depthwise) {
          NYALA_UNROLL
          for (int v = 0; v < vectors; ++v) {
            const T* from = left[i] + at + v * step;
            const bool part = partial && v == vectors - 1;
            const V a = part ? load_first(d, from, last) : hn::LoadU(d, from);
            sum[i][v] = hn::MulAdd(a, b[v], sum[i][v]);
          }
        } else {
          const V a = hn::Set(d, left[i][at]);
          NYALA_UNROLL
          for (int v = 0; v < vectors; ++v) sum[i][v] = hn::MulAdd(a, b[v], sum[i][v]);
        }
      }
    }
  }
  if (x.bias != nullptr) {
    NYALA_UNROLL
    for (int v = 0; v < vectors; ++v) {
      const T* from = x.bias + v * step;
      const V b = partial && v == vectors - 1 ? load_first(d, from, last) : hn::LoadU(d, from);
      NYALA_UNROLL
      for (int i = 0; i < rows; ++i) sum[i][v] = hn::Add(sum[i][v], b);
    }
  }
  if (block.relu) {
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
      T* to = x.out + x.out_at[i] + v * step;
      if (partial && v == vectors - 1)
        store_first(d, sum[i][v], to, last);
      else
        hn::StoreU(sum[i][v], d, to);
    }
  }
}

// Tiles of `rows` rows. The last one repeats its last row, which changes nothing but the time.
template <int rows, int vectors, bool partial, bool depthwise, class T>
HWY_NOINLINE void tiles(Rows<T> x, std::int64_t count, std::int64_t last) {
  const hn::ScalableTag<T> d;
  for (; count >= rows; count -= rows, x.left_at += rows, x.out_at += rows)
    tile_sums<rows, vectors, partial, depthwise>(d, x, last);
  if (count == 0) return;
  std::int64_t left_at[rows], out_at[rows];
  for (std::int64_t i = 0; i < rows; ++i) {
    left_at[i] = x.left_at[HWY_MIN(i, count - 1)];
    out_at[i] = x.out_at[HWY_MIN(i, count - 1)];
  }
  x.left_at = left_at;
  x.out_at = out_at;
  tile_sums<rows, vectors, partial, depthwise>(d, x, last);
}

template <int vectors, bool partial, bool depthwise, class T>
void all_tiles(const ConvBlock& block, std::int64_t last) {
  constexpr int rows = vectors == 1 ? 8 : kBlockRows, few = rows / 2;
  Rows<T> x(block);
  // What is left over is worth a tile of its own size.
  const std::int64_t rest = block.count % rows;
  const std::int64_t whole = rest > 0 && rest <= few ? block.count - rest : block.count;
  if (whole > 0) tiles<rows, vectors, partial, depthwise>(x, whole, last);
  x.left_at += whole;
  x.out_at += whole;
  if (whole < block.count) tiles<few, vectors, partial, depthwise>(x, rest, last);
}

template <int vectors, bool depthwise, class T>
void run_width(const ConvBlock& block) {
  const std::int64_t step = lanes(hn::ScalableTag<T>());
  if constexpr (vectors > 1) {
    if (block.width <= (vectors - 1) * step) return run_width<vectors - 1, depthwise, T>(block);
  }
  if (block.width == vectors * step) return all_tiles<vectors, false, depthwise, T>(block, 0);
  all_tiles<vectors, true, depthwise, T>(block, block.width - (vectors - 1) * step);
}

template <class T>
ConvLoops loops_of() {
  return {run_width<kBlockVectors, false, T>,
          run_width<kBlockVectors, false, T>,
          run_width<kBlockVectors, true, T>,
          [](const void* from,
             std::int64_t along,
             std::int64_t across,
             std::int64_t count,
             std::int64_t k,
             void* to,
             std::int64_t width) {
            pack_panel(
                static_cast<const T*>(from), along, across, count, k, static_cast<T*>(to), width);
          },
          [](std::int64_t n) { return panel_width<T>(n); },
          lanes(hn::ScalableTag<T>())};
}

ConvLoops find_conv(DType dtype) {
  return select_float(dtype, loops_of<float>(), loops_of<double>());
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_conv);

ConvLoops conv_loops(DType dtype) {
  return dtype == DType::bfloat16 ? bfloat16_conv_loops() : HWY_DYNAMIC_DISPATCH(find_conv)(dtype);
}

}  // namespace nyala::kernels
#endif
