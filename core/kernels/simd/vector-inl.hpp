// Included once for each instruction set: loads and stores of part of a vector.
#if defined(NYALA_SIMD_VECTOR_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef NYALA_SIMD_VECTOR_INL
#undef NYALA_SIMD_VECTOR_INL
#else
#define NYALA_SIMD_VECTOR_INL
#endif

#include <cstddef>
#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// The number of lanes, as the loops count.
template <class D>
HWY_INLINE std::int64_t lanes(D d) {
  return static_cast<std::int64_t>(hn::Lanes(d));
}

/// The first n (fewer than all) lanes from memory, zero in the rest; nothing beyond is touched.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_first(D d, const T* from, std::int64_t n) {
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN T buffer[hn::MaxLanes(d)] = {};
  for (std::int64_t i = 0; i < n; ++i) buffer[i] = from[i];
  return hn::Load(d, buffer);
#else
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(n)), d, from);
#endif
}

/// Writes the first n (fewer than all) lanes.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_first(D d, hn::Vec<D> v, T* to, std::int64_t n) {
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN T buffer[hn::MaxLanes(d)];
  hn::Store(v, d, buffer);
  for (std::int64_t i = 0; i < n; ++i) to[i] = buffer[i];
#else
  hn::BlendedStore(v, hn::FirstN(d, static_cast<std::size_t>(n)), d, to);
#endif
}

/// f(lane) for each lane: for the rare values that a vector formula does not reach.
template <class D, class F>
HWY_NOINLINE hn::Vec<D> each_lane(D d, hn::Vec<D> v, F f) {
  HWY_ALIGN hn::TFromD<D> buffer[hn::MaxLanes(d)];
  hn::Store(v, d, buffer);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) buffer[i] = f(buffer[i]);
  return hn::Load(d, buffer);
}

}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
