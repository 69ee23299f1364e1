// Included once for each instruction set: what loops over rows scaled to length one share.
#if defined(NYALA_SIMD_NORMALIZE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef NYALA_SIMD_NORMALIZE_INL
#undef NYALA_SIMD_NORMALIZE_INL
#else
#define NYALA_SIMD_NORMALIZE_INL
#endif

#include <nyala/core/kernels/normalize.hpp>
#include <nyala/core/kernels/simd/vector-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {

// The factors of a vector of rows, and which of them are constant.
template <class D>
struct Factors {
  hn::Vec<D> value;
  hn::Mask<D> clamped;
};

template <class D, class T = hn::TFromD<D>>
HWY_INLINE Factors<D> factors(D d, hn::Vec<D> squares, LengthClamp clamp) {
  const auto one = hn::Set(d, T{1});
  const auto least = hn::Set(d, static_cast<T>(clamp.least));
  const auto most = hn::Set(d, static_cast<T>(clamp.most));
  const auto short_sum = hn::Lt(squares, least);
  const auto value = hn::Div(one, hn::Sqrt(hn::IfThenElse(short_sum, least, squares)));
  const auto long_factor = hn::AndNot(short_sum, hn::Gt(value, most));
  return {hn::IfThenElse(long_factor, most, value), hn::Or(short_sum, long_factor)};
}

// What the gradient adds, as a factor of 2 x, in the order in which Keras rounds: dr/ds sum(x dy)
// for the sum s of squares.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> slopes(D d, const Factors<D>& r, hn::Vec<D> x_dy) {
  const auto cube = hn::Mul(hn::Mul(x_dy, r.value), hn::Mul(r.value, r.value));
  return hn::IfThenZeroElse(r.clamped, hn::Mul(cube, hn::Set(d, T{-0.5})));
}

// The sums of as many rows as a vector has lanes, from one vector of parts for each.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> sums_of_parts(D d, const T* parts) {
#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE
  HWY_ALIGN T sums[hn::MaxLanes(d)];
  for (std::int64_t i = 0; i < lanes(d); ++i)
    sums[i] = hn::GetLane(hn::SumOfLanes(d, hn::Load(d, parts + i * lanes(d))));
  return hn::Load(d, sums);
#else
  using V = hn::Vec<D>;
  constexpr std::int64_t step = hn::MaxLanes(d), in_block = 16 / sizeof(T);
  const auto pair = [&](std::int64_t row) HWY_ATTR {
    const V a = hn::Load(d, parts + row * step), b = hn::Load(d, parts + (row + 1) * step);
    return hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  };
  // The sums of as many rows as a block of 16 bytes has elements, each in one part a block.
  const auto block = [&](std::int64_t i) HWY_ATTR -> V {
    const V first = pair(i * in_block);
    if constexpr (in_block == 2) {
      return first;
    } else {
      const hn::RepartitionToWide<D> pairs;
      const auto a = hn::BitCast(pairs, first), b = hn::BitCast(pairs, pair(i * in_block + 2));
      return hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, a, b)),
                     hn::BitCast(d, hn::InterleaveUpper(pairs, a, b)));
    }
  };
  const auto halves = [&](V a, V b) HWY_ATTR {
    return hn::Add(hn::ConcatLowerLower(d, b, a), hn::ConcatUpperUpper(d, b, a));
  };
  if constexpr (step == in_block) {
    return block(0);
  } else if constexpr (step == 2 * in_block) {
    return halves(block(0), block(1));
  } else {
    static_assert(step == 4 * in_block);
    const V even = halves(block(0), block(2)), odd = halves(block(1), block(3));
    return hn::Add(hn::OddEvenBlocks(hn::SwapAdjacentBlocks(odd), even),
                   hn::OddEvenBlocks(odd, hn::SwapAdjacentBlocks(even)));
  }
#endif
}

// The sum of term(vector of x, vector of y) along a row, as a vector of parts. A short row is added
// up in its order.
template <class D, class T, class F>
HWY_INLINE hn::Vec<D> parts_of_row(D d, const T* x, const T* y, std::int64_t n, F&& term) {
  constexpr std::int64_t short_row = 8;
  const std::int64_t step = lanes(d);
  auto sum = hn::Zero(d), other = sum;
  if (n < short_row) {
    for (std::int64_t i = 0; i < n; ++i)
      sum = hn::Add(term(hn::Set(d, x[i]), hn::Set(d, y[i])), sum);
    return hn::IfThenElseZero(hn::FirstN(d, 1), sum);
  }
  std::int64_t i = 0;
  for (; i + 2 * step <= n; i += 2 * step) {
    sum = hn::Add(term(hn::LoadU(d, x + i), hn::LoadU(d, y + i)), sum);
    other = hn::Add(term(hn::LoadU(d, x + i + step), hn::LoadU(d, y + i + step)), other);
  }
  for (; i < n; i += step)
    sum = hn::Add(term(load_up_to(d, x + i, n - i), load_up_to(d, y + i, n - i)), sum);
  return hn::Add(sum, other);
}

// r x, or r dy + slope 2 x.
template <bool gradient, class V>
HWY_INLINE V result_of(V x, V dy, V r, V slope) {
  return gradient ? hn::Add(hn::Mul(dy, r), hn::Mul(slope, hn::Add(x, x))) : hn::Mul(x, r);
}

}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
