#include <cstdint>

#include <nyala/core/kernels/loops.hpp>

// Memory is what these loops wait for: on x86 one instruction set beside the oldest one will do.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3 | HWY_AVX3_DL)
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/convert.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/vector-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

using F = hn::ScalableTag<float>;

// Bit for bit what scalar::convert gives.
HWY_INLINE hn::Vec<F> widened(F d, const BFloat16* from) {
  const hn::Rebind<std::uint16_t, F> half;
  const hn::RebindToUnsigned<F> bits;
  const auto wide =
      hn::PromoteTo(bits, hn::LoadU(half, reinterpret_cast<const std::uint16_t*>(from)));
  return hn::BitCast(d, hn::ShiftLeft<16>(wide));
}

HWY_INLINE void narrow(F, hn::Vec<F> x, BFloat16* to) {
  const hn::Rebind<std::uint16_t, F> half;
  const hn::RebindToUnsigned<F> bits;
  const hn::RebindToSigned<F> whole;
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
HWY_INLINE hn::Vec<F> widened(F d, const Float16* from) {
  const hn::Rebind<hwy::float16_t, F> half;
  return hn::PromoteTo(d, hn::LoadU(half, reinterpret_cast<const hwy::float16_t*>(from)));
}
HWY_INLINE void narrow(F, hn::Vec<F> x, Float16* to) {
  const hn::Rebind<hwy::float16_t, F> half;
  hn::StoreU(hn::DemoteTo(half, x), half, reinterpret_cast<hwy::float16_t*>(to));
}
#endif

template <class Half>
void to_float(const void* x_data, void* out_data, std::int64_t n) {
  const F d;
  const Half* x = static_cast<const Half*>(x_data);
  auto* out = static_cast<float*>(out_data);
  const std::int64_t step = lanes(d);
  std::int64_t i = 0;
  for (; i + step <= n; i += step) hn::StoreU(widened(d, x + i), d, out + i);
  for (; i < n; ++i) out[i] = scalar::convert<float>(x[i]);
}

template <class Half>
void from_float(const void* x_data, void* out_data, std::int64_t n) {
  const F d;
  const auto* x = static_cast<const float*>(x_data);
  Half* out = static_cast<Half*>(out_data);
  const std::int64_t step = lanes(d);
  std::int64_t i = 0;
  for (; i + step <= n; i += step) narrow(d, hn::LoadU(d, x + i), out + i);
  for (; i < n; ++i) out[i] = scalar::convert<Half>(x[i]);
}

UnaryLoop find_cast(DType from, DType to) {
  if (from == DType::bfloat16 && to == DType::float32) return to_float<BFloat16>;
  if (from == DType::float32 && to == DType::bfloat16) return from_float<BFloat16>;
#ifdef NYALA_CONVERTS_FLOAT16
  if (from == DType::float16 && to == DType::float32) return to_float<Float16>;
  if (from == DType::float32 && to == DType::float16) return from_float<Float16>;
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
