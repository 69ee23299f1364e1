// Included once for each instruction set: functions of vectors of floats, right for zeros,
// infinities and NaN too. Of float, errors in units in the last place, the largest over every
// sixteenth of all floats: exp 0.86, log 1.22, erf 1.46, sigmoid 1.96, atan 2.2, log1p 2.4,
// softplus 2.7, tanh 3.3, expm1 3.4; others and those of double are at most 4.5, but for tails that
// the tests name and hold to their bounds.
#if defined(NYALA_SIMD_MATH_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef NYALA_SIMD_MATH_INL
#undef NYALA_SIMD_MATH_INL
#else
#define NYALA_SIMD_MATH_INL
#endif

#include <cmath>
#include <limits>

#include <hwy/contrib/math/math-inl.h>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/kernels/simd/vector-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {

template <class D>
HWY_INLINE hn::Vec<D> constant(D d, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}
template <class D>
HWY_INLINE hn::Vec<D> infinity(D d) {
  return hn::Set(d, std::numeric_limits<hn::TFromD<D>>::infinity());
}
/// result, but NaN where x is NaN.
template <class V>
HWY_INLINE V keep_nan(V x, V result) {
  return hn::IfThenElse(hn::IsNaN(x), x, result);
}

/// Coefficients from the highest power down.
template <class D, class V, std::size_t n>
HWY_INLINE V polynomial(D d, V x, const double (&coefficients)[n]) {
  V sum = constant(d, coefficients[0]);
  for (std::size_t i = 1; i < n; ++i) sum = hn::MulAdd(sum, x, constant(d, coefficients[i]));
  return sum;
}

/// The lesser and the larger of x and a number; a NaN stays.
template <class D, class V>
HWY_INLINE V at_most(D d, V x, double most) {
  const V limit = constant(d, most);
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_SSSE3
  return hn::Min(limit, x);  // of a pair with a NaN x86 takes the second
#else
  return hn::IfThenElse(hn::Gt(x, limit), limit, x);
#endif
}
template <class D, class V>
HWY_INLINE V at_least(D d, V x, double least) {
  const V limit = constant(d, least);
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_SSSE3
  return hn::Max(limit, x);
#else
  return hn::IfThenElse(hn::Lt(x, limit), limit, x);
#endif
}

/// 1 / x for a float x that is neither huge nor tiny; 0.6 units in the last place off at most.
template <class D, class V>
HWY_INLINE V reciprocal(D d, V x) {
  const V one = constant(d, 1);
#if HWY_TARGET <= HWY_AVX3
  const V guess = hn::ApproximateReciprocal(x);  // of 14 bits, which one step of Newton's doubles
  return hn::MulAdd(guess, hn::NegMulAdd(x, guess, one), guess);
#else
  return hn::Div(one, x);
#endif
}

/// x / y for floats of which neither y nor the quotient is huge or tiny; 0.6 units in the last
/// place off at most.
template <class D, class V>
HWY_INLINE V quotient([[maybe_unused]] D d, V x, V y) {
#if HWY_TARGET <= HWY_AVX3
  const V guess = hn::ApproximateReciprocal(y);
  const V result = hn::Mul(x, guess);
  return hn::MulAdd(hn::NegMulAdd(result, y, x), guess, result);
#else
  return hn::Div(x, y);
#endif
}

/// The whole number nearest to x times a factor, for floats, if it is below 2^22: the last digit of
/// the sum counts wholes, which is quicker than to round.
template <class D, class V>
HWY_INLINE V nearest_whole(D d, V x, double factor) {
  const V shift = constant(d, 3 << 22);
  return hn::Sub(hn::MulAdd(x, constant(d, factor), shift), shift);
}

/// x 2^q for x between 0.5 and 2 and a whole q that is at most 128 and at least -152.
template <class D, class V>
HWY_INLINE V scale_by_power(D d, V x, V q) {
#if HWY_TARGET <= HWY_AVX3
  if constexpr (sizeof(V) == 64) return V{_mm512_scalef_ps(x.raw, q.raw)};
#endif
  // In two factors, for results below the normal numbers.
  const hn::RebindToSigned<D> whole;
  const auto exponent = hn::ConvertTo(whole, q);
  const auto half = hn::ShiftRight<1>(exponent);
  const auto power = [&](auto n) HWY_ATTR {
    return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(n, hn::Set(whole, 127))));
  };
  return hn::Mul(hn::Mul(x, power(half)), power(hn::Sub(exponent, half)));
}

/// exp of float in [-105, 89]: 2^q exp(r) for the nearest whole q to x / ln 2, where exp(r) is 1 +
/// r + r^2 p(r) with an error of 3.2e-9 (a Lawson fit over |r| <= 0.3475). Where products are not
/// rounded before they are added, what r and 1 + r p round off may be left. A NaN stays.
template <class D, class V>
HWY_INLINE V exp_in_range(D d, V x) {
  const V one = constant(d, 1);
  const V q = nearest_whole(d, x, 1.4426950408889634074);
  const V coarse = hn::NegMulAdd(q, constant(d, 0.693145751953125), x);  // exact
  const V ln2_rest = constant(d, 1.42860682030941723212e-6);
  const V r = hn::NegMulAdd(q, ln2_rest, coarse);
  const V series = polynomial(d,
                              r,
                              {0.0013814221760773849,
                               0.00836889868007279,
                               0.04166840572396646,
                               0.1666651913002438,
                               0.49999993346432414});
#if HWY_NATIVE_FMA
  return scale_by_power(d, hn::MulAdd(hn::MulAdd(series, r, one), r, one), q);
#else
  const V r_rest = hn::NegMulAdd(q, ln2_rest, hn::Sub(coarse, r));
  const V sum = hn::Add(one, r);
  const V sum_rest = hn::Add(hn::Sub(r, hn::Sub(sum, one)), r_rest);
  return scale_by_power(d, hn::Add(sum, hn::MulAdd(hn::Mul(r, r), series, sum_rest)), q);
#endif
}

/// exp of float, at most 89. A NaN stays.
template <class D, class V>
HWY_INLINE V exp_of_float(D d, V x) {
  return exp_in_range(d, at_least(d, x, -105));  // below it the result is 0
}

/// exp for arguments that are not NaN and at most 88 (709 for double).
template <class D, class V>
HWY_INLINE V exp_bounded(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4)
    return exp_of_float(d, x);
  else
    return hn::Exp(d, x);
}

template <class D, class V>
HWY_INLINE V exp(D d, V x) {
  // Far beyond the largest number the formula wraps around.
  if constexpr (sizeof(hn::TFromD<D>) == 4) return exp_of_float(d, at_most(d, x, 89));
  const V result = hn::IfThenElse(hn::Gt(x, constant(d, 710)), infinity(d), exp_bounded(d, x));
  return keep_nan(x, result);
}

template <class D, class V>
HWY_INLINE V expm1(D d, V x) {
  const V limit = constant(d, sizeof(hn::TFromD<D>) == 4 ? 89.0 : 710.0);
  const V bounded = hn::Max(x, constant(d, -60));
  const V result = hn::IfThenElse(hn::Gt(x, limit), infinity(d), hn::Expm1(d, bounded));
  return keep_nan(x, hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, result));
}

/// `result` is a logarithm of x: right what it gives for x <= 0, infinity and NaN.
template <class D, class V>
HWY_INLINE V fix_log(D d, V x, V result) {
  result = hn::IfThenElse(hn::Eq(x, infinity(d)), x, result);
  result = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), hn::Neg(infinity(d)), result);
  result = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::NaN(d), result);
  return keep_nan(x, result);
}
/// log(m) + q ln 2, for m between 0.75 and 1.5: log(1 + r) is r + r^2 p(r) with an error of 2.8e-8
/// of it (a Lawson fit).
template <class D, class V>
HWY_INLINE V log_of_parts(D d, V m, V q) {
  const V r = hn::Sub(m, constant(d, 1));
  const V series = polynomial(d,
                              r,
                              {0.05413248229803275,
                               -0.12067368069584333,
                               0.1498391582745021,
                               -0.16822811462250992,
                               0.19977077295755974,
                               -0.2499344227408188,
                               0.33333548553098186,
                               -0.5000006064914165});
  return hn::MulAdd(q, constant(d, 0.69314718055994530942), hn::MulAdd(hn::Mul(r, r), series, r));
}

template <class D, class V>
HWY_INLINE V log_of_float(D d, V x) {
#if HWY_TARGET <= HWY_AVX3
  // These know what is to come of zeros, infinities, negative numbers and NaN.
  if constexpr (sizeof(V) == 64) {
    const V m{_mm512_getmant_ps(x.raw, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan)};
    const V q = hn::Sub(V{_mm512_getexp_ps(x.raw)}, V{_mm512_getexp_ps(m.raw)});
    return log_of_parts(d, m, q);
  }
#endif
  const hn::RebindToSigned<D> bits;
  const auto tiny = hn::Lt(x, constant(d, std::numeric_limits<float>::min()));
  const auto normal = hn::BitCast(bits, hn::IfThenElse(tiny, hn::Mul(x, constant(d, 1 << 23)), x));
  const auto from_three_quarters = hn::Sub(normal, hn::Set(bits, 0x3F400000));
  const auto exponent = hn::ShiftRight<23>(from_three_quarters);
  const V m = hn::BitCast(d, hn::Sub(normal, hn::ShiftLeft<23>(exponent)));
  const V q = hn::Sub(hn::ConvertTo(d, exponent), hn::IfThenElseZero(tiny, constant(d, 23)));
  return fix_log(d, x, log_of_parts(d, m, q));
}

template <class D, class V>
HWY_INLINE V log(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4)
    return log_of_float(d, x);
  else
    return fix_log(d, x, hn::Log(d, x));
}
template <class D, class V>
HWY_INLINE V log2(D d, V x) {
  return fix_log(d, x, hn::Log2(d, x));
}
template <class D, class V>
HWY_INLINE V log10(D d, V x) {
  return fix_log(d, x, hn::Log10(d, x));
}
template <class D, class V>
HWY_INLINE V log1p(D d, V x) {
  const V minus_one = constant(d, -1);
  V result = hn::IfThenElse(hn::Eq(x, infinity(d)), x, hn::Log1p(d, x));
  result = hn::IfThenElse(hn::Eq(x, minus_one), hn::Neg(infinity(d)), result);
  result = hn::IfThenElse(hn::Lt(x, minus_one), hn::NaN(d), result);
  return keep_nan(x, result);
}

template <class D, class V>
HWY_INLINE V sin(D d, V x) {
  using T = hn::TFromD<D>;
  const V limit = constant(d, 39000);
  if (HWY_LIKELY(hn::AllTrue(d, hn::Lt(hn::Abs(x), limit)))) {
    return hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, hn::Sin(d, x));
  }
  return each_lane(d, x, [](T lane) { return std::sin(lane); });
}
template <class D, class V>
HWY_INLINE V cos(D d, V x) {
  using T = hn::TFromD<D>;
  const V limit = constant(d, 39000);
  if (HWY_LIKELY(hn::AllTrue(d, hn::Lt(hn::Abs(x), limit)))) return hn::Cos(d, x);
  return each_lane(d, x, [](T lane) { return std::cos(lane); });
}

/// 2^(x factor) of float for results from 2^-126 to 2^127, as a power of 2 and what it is
/// multiplied with, less 1: to subtract 1 from the product loses nothing then.
template <class V>
struct PowerParts {
  V power, rest;
};
/// A factor of `power_parts` for which the result is exp(2 x).
inline constexpr double kExponentOfTwice = 2.885390043258667;

/// The polynomial's relative error is 1.7e-8 (a Lawson fit of exp(r k) - 1 over |r| <= 0.503, for
/// the k that makes up for the rounding of `kExponentOfTwice` to float).
template <class D, class V>
HWY_INLINE PowerParts<V> power_parts(D d, V x, double factor) {
  const V scale = constant(d, factor), shift = constant(d, 3 << 22);
  const V sum = hn::MulAdd(x, scale, shift);  // its last digits are the nearest whole number
  const V r = hn::MulSub(x, scale, hn::Sub(sum, shift));
  const hn::RebindToSigned<D> bits;
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(bits, sum));
  const V power = hn::BitCast(d, hn::Add(exponent, hn::Set(bits, 127 << 23)));
  const V series = polynomial(d,
                              r,
                              {0.0001538818977920638,
                               0.0013382529022313372,
                               0.009618271085598103,
                               0.05550383139842688,
                               0.24022650470434614,
                               0.6931471824645996});
  return {power, hn::Mul(r, series)};
}

/// tanh of float: e / (e + 2) for e = exp(2 |x|) - 1.
template <class D, class V>
HWY_INLINE V tanh_of_float(D d, V x) {
  const V size = at_most(d, hn::Abs(x), 9.1);  // beyond it the result is 1
  const PowerParts<V> parts = power_parts(d, size, kExponentOfTwice);
  const V e = hn::MulAdd(parts.power, parts.rest, hn::Sub(parts.power, constant(d, 1)));
  return hn::CopySign(quotient(d, e, hn::Add(e, constant(d, 2))), x);
}

template <class D, class V>
HWY_INLINE V tanh(D d, V x) {
  if constexpr (sizeof(hn::TFromD<D>) == 4)
    return tanh_of_float(d, x);
  else
    return keep_nan(x, hn::Tanh(d, x));
}

template <class D, class V>
HWY_INLINE V sigmoid(D d, V x) {
  // exp of a negative number cannot overflow.
  const V one = constant(d, 1);
  const V e = exp_bounded(d, hn::Neg(hn::Abs(x)));
  const auto negative = hn::Lt(x, hn::Zero(d));
  const V top = hn::IfThenElse(negative, e, one);
  const V sum = hn::Add(one, e);
#if HWY_TARGET <= HWY_AVX3
  if constexpr (sizeof(hn::TFromD<D>) == 4) {
    // One step of Newton's that knows what the sum rounds off too.
    const V guess = hn::ApproximateReciprocal(sum);
    const V sum_rest = hn::Sub(e, hn::Sub(sum, one));
    const V error = hn::NegMulAdd(guess, sum_rest, hn::NegMulAdd(guess, sum, one));
    return hn::Mul(hn::MulAdd(guess, error, guess), top);
  }
#endif
  const V quotient = hn::Div(top, sum);
  if constexpr (sizeof(hn::TFromD<D>) == 8) return keep_nan(x, quotient);
  // What the sum and the division round off is put back: of float it would be felt.
  const V sum_rest = hn::Sub(e, hn::Sub(sum, one));
  const V rest = hn::NegMulAdd(quotient, sum_rest, hn::NegMulAdd(quotient, sum, top));
  const V inverse = hn::IfThenElse(negative, hn::Sub(one, quotient), quotient);
  return keep_nan(x, hn::MulAdd(rest, inverse, quotient));
}

template <class D, class V>
HWY_INLINE V softplus(D d, V x) {
  const V e = exp_bounded(d, hn::Neg(hn::Abs(x)));
  return keep_nan(x, hn::Add(hn::Max(x, hn::Zero(d)), hn::Log1p(d, e)));
}

/// A probability as a cross-entropy takes its logarithm; NaN stays.
template <class D, class V>
HWY_INLINE V bounded(D d, V p) {
  const V low = constant(d, kLeastProbability), high = constant(d, 1 - kLeastProbability);
  return hn::IfThenElse(hn::Lt(p, low), low, hn::IfThenElse(hn::Gt(p, high), high, p));
}
/// Where that is the probability itself.
template <class D, class V>
HWY_INLINE hn::Mask<D> is_within_bounds(D d, V p) {
  const V low = constant(d, kLeastProbability), high = constant(d, 1 - kLeastProbability);
  return hn::And(hn::Ge(p, low), hn::Le(p, high));
}

/// x times a weight in [0, 1] that is 0 at -inf, where the product is -0.
template <class D, class V>
HWY_INLINE V weigh(D d, V x, V weight) {
  const V lowest = hn::Neg(infinity(d));
  return hn::IfThenElse(hn::Eq(x, lowest), constant(d, -0.0), hn::Mul(x, weight));
}

template <class D, class V>
HWY_INLINE V silu(D d, V x) {
  return weigh(d, x, sigmoid(d, x));
}

template <class D, class V>
HWY_INLINE V gelu_tanh(D d, V x) {
  // x sigmoid(2 z) is 0.5 x (1 + tanh z) without its cancellation.
  const V cubic = hn::MulAdd(hn::Mul(constant(d, 0.044715), x), hn::Mul(x, x), x);
  return weigh(d, x, sigmoid(d, hn::Mul(constant(d, 1.5957691216057307118), cubic)));
}

/// exp(-x^2 / divisor) of float, at least exp(-105), for divisor 1 or 2, without the rounding error
/// of x^2: a fused product tells it. Otherwise the square of the upper half of x is exact, and what
/// is left is so small that its exponential is a short polynomial.
template <class D, class V>
HWY_INLINE V exp_minus_square(D d, V x, double divisor) {
  const V scale = constant(d, -1 / divisor);
#if HWY_NATIVE_FMA
  const V scaled = hn::Mul(x, scale);
  const V square = hn::Mul(scaled, x);
  const V result = exp_in_range(d, square);
  return hn::MulAdd(result, hn::MulSub(scaled, x, square), result);
#else
  const hn::RebindToUnsigned<D> bits;
  const V high = hn::BitCast(d, hn::And(hn::BitCast(bits, x), hn::Set(bits, 0xFFFFF000U)));
  const V rest = hn::Mul(hn::Mul(hn::Sub(x, high), hn::Add(x, high)), scale);
  const V series = polynomial(d, rest, {1.0 / 24, 1.0 / 6, 0.5, 1, 1});
  return hn::Mul(exp_in_range(d, hn::Mul(hn::Mul(high, high), scale)), series);
#endif
}

/// exp(x^2) erfc(x) for float x in [0, 10.2]: 1 / (1 + 0.35 x) times a polynomial of it, whose
/// relative error is 7e-9 (a Lawson fit over that range).
template <class D, class V>
HWY_INLINE V scaled_erfc(D d, V x) {
  const V t = reciprocal(d, hn::MulAdd(constant(d, 0.35), x, constant(d, 1)));
  return hn::Mul(t,
                 polynomial(d,
                            t,
                            {0.03868614223021472,
                             -0.16052351757465547,
                             0.18533764836643837,
                             -0.03306553983881181,
                             0.09165773515062134,
                             0.1434405694626381,
                             0.15212993491762541,
                             0.18768921547653797,
                             0.19716552830307166,
                             0.19748229083070395}));
}

/// erfc of |x|, for float.
template <class D, class V>
HWY_INLINE V erfc_of_abs(D d, V x) {
  const V size = at_most(d, hn::Abs(x), 10.2);  // beyond it the result is 0
  return hn::Mul(exp_minus_square(d, size, 1), scaled_erfc(d, size));
}

/// erf(x) for float x in [-1, 1]: erf(x) / x - 1 is a polynomial of x^2 with an error of 1.3e-9 (a
/// Lawson fit).
template <class D, class V>
HWY_INLINE V erf_near_zero(D d, V x) {
  return hn::MulAdd(x,
                    polynomial(d,
                               hn::Mul(x, x),
                               {7.853858211238583e-05,
                                -0.0008010193147386435,
                                0.0051883276975887745,
                                -0.026853811988401217,
                                0.11283585151632021,
                                -0.3761262582481797,
                                0.1283791657270068}),
                    x);
}

template <class D, class V>
HWY_INLINE V erf(D d, V x) {
  const V one = constant(d, 1);
  const V outer = hn::CopySign(hn::Sub(one, erfc_of_abs(d, x)), x);
  const auto near = hn::Lt(hn::Abs(x), one);
  return hn::IfThenElse(near, erf_near_zero(d, x), outer);
}

template <class D, class V>
HWY_INLINE V erfc(D d, V x) {
  const V tail = erfc_of_abs(d, x);
  const V outer = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Sub(constant(d, 2), tail), tail);
  const auto near = hn::Lt(hn::Abs(x), constant(d, 0.75));
  const V inner = hn::Sub(constant(d, 1), erf_near_zero(d, x));
  return hn::IfThenElse(near, inner, outer);
}

template <class D, class V>
HWY_INLINE V gelu(D d, V x) {
  // The normal distribution function of -|x| is half of erfc(|x| / sqrt 2).
  const V size = at_most(d, hn::Abs(x), 14.4);
  const V scaled = hn::Mul(size, constant(d, 0.70710678118654752440));
  const V half_tail = hn::Mul(constant(d, 0.5), scaled_erfc(d, scaled));
  const V tail = hn::Mul(exp_minus_square(d, size, 2), half_tail);
  const V weight = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(constant(d, 1), tail));
  return weigh(d, x, weight);
}

}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
