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

/// A vector of which `width` lanes are wanted, all or fewer: as the two above.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_up_to(D d, const T* from, std::int64_t width) {
  return width >= lanes(d) ? hn::LoadU(d, from) : load_first(d, from, width);
}
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_up_to(D d, hn::Vec<D> v, T* to, std::int64_t width) {
  if (width >= lanes(d))
    hn::StoreU(v, d, to);
  else
    store_first(d, v, to, width);
}

/// How a pass over a row reads and writes a vector, and one of which `count` lanes are wanted only:
/// the others read as `fill`.
template <class D>
struct Whole {
  D d;
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;

  HWY_INLINE V load(const T* from, V) const { return hn::LoadU(d, from); }
  HWY_INLINE void store(V v, T* to) const { hn::StoreU(v, d, to); }
};
template <class D>
struct Part {
  D d;
  std::int64_t count;
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;

  HWY_INLINE V load(const T* from, V fill) const {
    const auto part = hn::FirstN(d, static_cast<std::size_t>(count));
    return hn::IfThenElse(part, load_first(d, from, count), fill);
  }
  HWY_INLINE void store(V v, T* to) const { store_first(d, v, to, count); }
};

/// f(how to read and write, where) for each vector of n elements.
template <class D, class F>
HWY_INLINE void each_part(D d, std::int64_t n, F&& f) {
  const std::int64_t step = lanes(d);
  std::int64_t at = 0;
  for (; at + step <= n; at += step) f(Whole<D>{d}, at);
  if (at < n) f(Part<D>{d, n - at}, at);
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
