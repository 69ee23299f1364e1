// Included once for each instruction set: copies of parts of a matrix, laid out as the innermost
// loops of a product read them.
#if defined(NYALA_SIMD_PACK_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef NYALA_SIMD_PACK_INL
#undef NYALA_SIMD_PACK_INL
#else
#define NYALA_SIMD_PACK_INL
#endif

#include <nyala/core/kernels/simd/gemm-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {

// The side of the square that fits one 128-bit vector a row: 4 floats, 2 doubles.
template <class T>
inline constexpr std::int64_t kSquare = 16 / static_cast<std::int64_t>(sizeof(T));

// Rows of contiguous elements, each square of which becomes columns: to[p * width + i] =
// from[i * row + p], for kSquare rows i and k elements p.
template <class T>
void turn_rows(const T* from, std::int64_t row, std::int64_t k, T* to, std::int64_t width) {
  std::int64_t p = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<T, kSquare<T>> d;
  for (; p + kSquare<T> <= k; p += kSquare<T>, from += kSquare<T>, to += kSquare<T> * width) {
    const auto x0 = hn::LoadU(d, from), x1 = hn::LoadU(d, from + row);
    if constexpr (sizeof(T) == 8) {
      hn::StoreU(hn::InterleaveLower(d, x0, x1), d, to);
      hn::StoreU(hn::InterleaveUpper(d, x0, x1), d, to + width);
    } else {
      const hn::RepartitionToWide<decltype(d)> pairs;
      const auto x2 = hn::LoadU(d, from + 2 * row), x3 = hn::LoadU(d, from + 3 * row);
      const auto y0 = hn::BitCast(pairs, hn::InterleaveLower(d, x0, x1));
      const auto y1 = hn::BitCast(pairs, hn::InterleaveLower(d, x2, x3));
      const auto y2 = hn::BitCast(pairs, hn::InterleaveUpper(d, x0, x1));
      const auto y3 = hn::BitCast(pairs, hn::InterleaveUpper(d, x2, x3));
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, y0, y1)), d, to);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, y0, y1)), d, to + width);
      hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, y2, y3)), d, to + 2 * width);
      hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, y2, y3)), d, to + 3 * width);
    }
  }
#endif
  if (p > 0 && p < k)
    return turn_rows(
        from - (kSquare<T> - (k - p)), row, kSquare<T>, to - (kSquare<T> - (k - p)) * width, width);
  for (; p < k; ++p, ++from, to += width) {
    for (std::int64_t i = 0; i < kSquare<T>; ++i) to[i] = from[i * row];
  }
}

// to[p * width + j] = from[j * along + p * across] for j < count and p < k.
template <class T>
void pack_panel(const T* from,
                std::int64_t along,
                std::int64_t across,
                std::int64_t count,
                std::int64_t k,
                T* to,
                std::int64_t width) {
  std::int64_t j = 0;
  if (along == 1) {
    const hn::ScalableTag<T> d;
    const std::int64_t step = lanes(d), whole = count / step * step;
    std::int64_t p = 0;
    // Parts of vectors are slow to store on many CPUs: whole ones, whose rest the next row's
    // overwrites, as long as no row is the last to be read or written.
    const bool spills = count < step && width == count && across >= step - count;
    for (; spills && p + 1 < k && p * count + step <= k * count; ++p)
      hn::StoreU(hn::LoadU(d, from + p * across), d, to + p * count);
    for (; p < k; ++p) {
      const T* source = from + p * across;
      T* row = to + p * width;
      for (j = 0; j < whole; j += step) hn::StoreU(hn::LoadU(d, source + j), d, row + j);
      if (j < count) store_first(d, load_first(d, source + j, count - j), row + j, count - j);
    }
    return;
  }
  if (across == 1) {
    for (; j + kSquare<T> <= count; j += kSquare<T>)
      turn_rows(from + j * along, along, k, to + j, width);
  }
  for (; j < count; ++j) {
    for (std::int64_t p = 0; p < k; ++p) to[p * width + j] = from[j * along + p * across];
  }
}

}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
