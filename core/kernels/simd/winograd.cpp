#include <nyala/core/kernels/simd/fewer_targets.hpp>
#include <nyala/core/kernels/winograd_loops.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/winograd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/vector-inl.hpp>
#include <nyala/core/kernels/unroll.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// The transforms of four, three and four numbers, `step` apart, in place or to others.
HWY_INLINE void transform_inputs(const V* x, int step, V* y) {
  const V a = x[0], b = x[step], c = x[2 * step], d = x[3 * step];
  y[0] = hn::Sub(a, c);
  y[step] = hn::Add(b, c);
  y[2 * step] = hn::Sub(c, b);
  y[3 * step] = hn::Sub(b, d);
}
HWY_INLINE void transform_kernel(const V& a, const V& b, const V& c, int step, V* y) {
  const V half = hn::Set(D(), 0.5f);
  const V outer = hn::Mul(hn::Add(a, c), half), inner = hn::Mul(b, half);
  y[0] = a;
  y[step] = hn::Add(outer, inner);
  y[2 * step] = hn::Sub(outer, inner);
  y[3 * step] = c;
}
HWY_INLINE void transform_sums(const V* x, int step, V& first, V& second) {
  first = hn::Add(hn::Add(x[0], x[step]), x[2 * step]);
  second = hn::Sub(hn::Sub(x[step], x[2 * step]), x[3 * step]);
}

// The transposes of the two above.
HWY_INLINE void transform_gradients(const V& a, const V& b, int step, V* y) {
  y[0] = a;
  y[step] = hn::Add(a, b);
  y[2 * step] = hn::Sub(a, b);
  y[3 * step] = hn::Neg(b);
}
HWY_INLINE void transform_weights(const V* x, int step, V& first, V& second, V& third) {
  const V half = hn::Set(D(), 0.5f);
  const V sum = hn::Mul(hn::Add(x[step], x[2 * step]), half);
  first = hn::Add(x[0], sum);
  second = hn::Mul(hn::Sub(x[step], x[2 * step]), half);
  third = hn::Add(sum, x[3 * step]);
}

void kernels(const float* taps, std::int64_t n, float* to, std::int64_t plane) {
  const D d;
  const std::int64_t step = lanes(d);
  for (std::int64_t i = 0; i < n; i += step) {
    const std::int64_t count = HWY_MIN(step, n - i);
    V columns[12], all[16];  // columns transformed: 4 rows of 3
    NYALA_UNROLL
    for (int c = 0; c < 3; ++c) {
      const auto tap = [&](int r) { return load_up_to(d, taps + (r * 3 + c) * plane + i, count); };
      transform_kernel(tap(0), tap(1), tap(2), 3, columns + c);
    }
    NYALA_UNROLL
    for (int r = 0; r < 4; ++r)
      transform_kernel(columns[3 * r], columns[3 * r + 1], columns[3 * r + 2], 1, all + 4 * r);
    NYALA_UNROLL
    for (int p = 0; p < kWinogradPlanes; ++p) store_up_to(d, all[p], to + p * plane + i, count);
  }
}

void inputs(const float* const* pixels, std::int64_t channels, float* to, std::int64_t plane) {
  const D d;
  const std::int64_t step = lanes(d);
  for (std::int64_t c = 0; c < channels; c += step) {
    const std::int64_t count = HWY_MIN(step, channels - c);
    V x[16];
    NYALA_UNROLL
    for (int p = 0; p < kWinogradPlanes; ++p) x[p] = load_up_to(d, pixels[p] + c, count);
    NYALA_UNROLL
    for (int column = 0; column < 4; ++column) transform_inputs(x + column, 4, x + column);
    NYALA_UNROLL
    for (int row = 0; row < 4; ++row) transform_inputs(x + 4 * row, 1, x + 4 * row);
    NYALA_UNROLL
    for (int p = 0; p < kWinogradPlanes; ++p) store_up_to(d, x[p], to + p * plane + c, count);
  }
}

// NaN in the lanes of which one was not finite.
HWY_INLINE V note(V x, V noted) { return hn::MulAdd(x, hn::Zero(D()), noted); }
HWY_INLINE bool is_finite(V noted) { return hn::AllFalse(D(), hn::IsNaN(noted)); }

bool outputs(const float* sums,
             std::int64_t plane,
             std::int64_t channels,
             const float* bias,
             bool relu,
             float* const* pixels) {
  const D d;
  const std::int64_t step = lanes(d);
  V noted = hn::Zero(d);
  for (std::int64_t c = 0; c < channels; c += step) {
    const std::int64_t count = HWY_MIN(step, channels - c);
    V x[16], rows[8], y[4];
    NYALA_UNROLL
    for (int p = 0; p < kWinogradPlanes; ++p) x[p] = load_up_to(d, sums + p * plane + c, count);
    NYALA_UNROLL
    for (int column = 0; column < 4; ++column)
      transform_sums(x + column, 4, rows[column], rows[4 + column]);
    transform_sums(rows, 1, y[0], y[1]);
    transform_sums(rows + 4, 1, y[2], y[3]);
    const V added = bias == nullptr ? hn::Zero(d) : load_up_to(d, bias + c, count);
    NYALA_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (pixels[i] == nullptr) continue;
      V sum = hn::Add(y[i], added);
      noted = note(sum, noted);
      if (relu) sum = hn::IfThenElse(hn::Lt(sum, hn::Zero(d)), hn::Zero(d), sum);
      store_up_to(d, sum, pixels[i] + c, count);
    }
  }
  return is_finite(noted);
}

void gradients(const float* const* pixels, std::int64_t channels, float* to, std::int64_t plane) {
  const D d;
  const std::int64_t step = lanes(d);
  for (std::int64_t c = 0; c < channels; c += step) {
    const std::int64_t count = HWY_MIN(step, channels - c);
    V x[4], columns[8], all[16];  // columns transformed: 4 rows of 2
    NYALA_UNROLL
    for (int i = 0; i < 4; ++i) x[i] = load_up_to(d, pixels[i] + c, count);
    transform_gradients(x[0], x[2], 2, columns);
    transform_gradients(x[1], x[3], 2, columns + 1);
    NYALA_UNROLL
    for (int r = 0; r < 4; ++r)
      transform_gradients(columns[2 * r], columns[2 * r + 1], 1, all + 4 * r);
    NYALA_UNROLL
    for (int p = 0; p < kWinogradPlanes; ++p) store_up_to(d, all[p], to + p * plane + c, count);
  }
}

bool weights(
    const float* sums, std::int64_t plane, std::int64_t n, float* to, std::int64_t taps_plane) {
  const D d;
  const std::int64_t step = lanes(d);
  V noted = hn::Zero(d);
  for (std::int64_t i = 0; i < n; i += step) {
    const std::int64_t count = HWY_MIN(step, n - i);
    V x[16], rows[12], taps[9];  // columns transformed: 3 rows of 4
    NYALA_UNROLL
    for (int p = 0; p < kWinogradPlanes; ++p) x[p] = load_up_to(d, sums + p * plane + i, count);
    NYALA_UNROLL
    for (int c = 0; c < 4; ++c) transform_weights(x + c, 4, rows[c], rows[4 + c], rows[8 + c]);
    NYALA_UNROLL
    for (int r = 0; r < 3; ++r)
      transform_weights(rows + 4 * r, 1, taps[3 * r], taps[3 * r + 1], taps[3 * r + 2]);
    NYALA_UNROLL
    for (int t = 0; t < 9; ++t) {
      noted = note(taps[t], noted);
      store_up_to(d, taps[t], to + t * taps_plane + i, count);
    }
  }
  return is_finite(noted);
}

WinogradLoops find_winograd() { return {kernels, inputs, outputs, gradients, weights}; }

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_winograd);

WinogradLoops winograd_loops() { return HWY_DYNAMIC_DISPATCH(find_winograd)(); }

}  // namespace nyala::kernels
#endif
