#include <cstdint>

#include <nyala/core/kernels/loops.hpp>
#include <nyala/core/kernels/simd/fewer_targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/convert.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/vector-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

using F = hn::ScalableTag<float>;

// A vector of numbers, bit for bit as scalar::convert has them.
HWY_INLINE void convert(F d, const BFloat16* from, float* to) {
  const hn::Rebind<std::uint16_t, F> half;
  const hn::RebindToUnsigned<F> bits;
  const auto wide =
      hn::PromoteTo(bits, hn::LoadU(half, reinterpret_cast<const std::uint16_t*>(from)));
  hn::StoreU(hn::BitCast(d, hn::ShiftLeft<16>(wide)), d, to);
}

HWY_INLINE void convert(F d, const float* from, BFloat16* to) {
  const hn::Rebind<std::uint16_t, F> half;
  const hn::RebindToUnsigned<F> bits;
  const hn::RebindToSigned<F> whole;
  const auto x = hn::LoadU(d, from);
  const auto wide = hn::BitCast(bits, x);
  const auto odd = hn::And(hn::ShiftRight<16>(wide), hn::Set(bits, 1));
  const auto rounded = hn::Add(wide, hn::Add(odd, hn::Set(bits, 0x7fff)));
  const auto quiet = hn::Or(wide, hn::Set(bits, 0x400000));
  const auto is_nan = hn::RebindMask(bits, hn::IsNaN(x));
  const auto upper = hn::ShiftRight<16>(hn::IfThenElse(is_nan, quiet, rounded));
  hn::StoreU(
      hn::DemoteTo(half, hn::BitCast(whole, upper)), half, reinterpret_cast<std::uint16_t*>(to));
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
#define NYALA_CONVERTS_FLOAT16
HWY_INLINE void convert(F d, const Float16* from, float* to) {
  const hn::Rebind<hwy::float16_t, F> half;
  const auto x = hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(from));
  hn::StoreU(hn::PromoteTo(d, x), d, to);
}
HWY_INLINE void convert(F d, const float* from, Float16* to) {
  const hn::Rebind<hwy::float16_t, F> half;
  const auto x = hn::DemoteTo(half, hn::LoadU(d, from));
  hn::StoreU(x, half, reinterpret_cast<hwy::float16_t*>(to));
}
#endif

template <class From, class To>
void run(const void* x_data, void* out_data, std::int64_t n) {
  const F d;
  const From* x = static_cast<const From*>(x_data);
  To* out = static_cast<To*>(out_data);
  const std::int64_t step = lanes(d);
  std::int64_t i = 0;
  for (; i + step <= n; i += step) convert(d, x + i, out + i);
  for (; i < n; ++i) out[i] = scalar::convert<To>(x[i]);
}

UnaryLoop find_cast(DType from, DType to) {
  if (from == DType::bfloat16 && to == DType::float32) return run<BFloat16, float>;
  if (from == DType::float32 && to == DType::bfloat16) return run<float, BFloat16>;
#ifdef NYALA_CONVERTS_FLOAT16
  if (from == DType::float16 && to == DType::float32) return run<Float16, float>;
  if (from == DType::float32 && to == DType::float16) return run<float, Float16>;
#endif
  return nullptr;
}
#undef NYALA_CONVERTS_FLOAT16

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_cast);

UnaryLoop vector_cast_loop(DType from, DType to) {
  return HWY_DYNAMIC_DISPATCH(find_cast)(from, to);
}

}  // namespace nyala::kernels
#endif
