#include <array>

#include <nyala/core/kernels/philox.hpp>
#include <nyala/core/kernels/simd/targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/philox.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// Blocks that are computed side by side, one a lane.
constexpr std::int64_t kSide = 16;

// One step of all lanes; the compiler makes vectors of the loop.
HWY_INLINE void round_all(std::uint32_t* HWY_RESTRICT x0,
                          std::uint32_t* HWY_RESTRICT x1,
                          std::uint32_t* HWY_RESTRICT x2,
                          std::uint32_t* HWY_RESTRICT x3,
                          std::uint32_t k0,
                          std::uint32_t k1) {
  for (std::int64_t i = 0; i < kSide; ++i) {
    const std::uint64_t p0 = kPhiloxMultiplier0 * x0[i], p1 = kPhiloxMultiplier1 * x2[i];
    x0[i] = static_cast<std::uint32_t>(p1 >> 32) ^ x1[i] ^ k0;
    x1[i] = static_cast<std::uint32_t>(p1);
    x2[i] = static_cast<std::uint32_t>(p0 >> 32) ^ x3[i] ^ k1;
    x3[i] = static_cast<std::uint32_t>(p0);
  }
}

void fill_blocks(std::uint64_t key,
                 std::uint64_t counter,
                 std::int64_t blocks,
                 std::uint32_t* out) {
  while (blocks >= kSide) {
    alignas(64) std::uint32_t x0[kSide], x1[kSide], x2[kSide], x3[kSide];
    for (std::int64_t i = 0; i < kSide; ++i) {
      const std::uint64_t count = counter + static_cast<std::uint64_t>(i);
      x0[i] = static_cast<std::uint32_t>(count);
      x1[i] = static_cast<std::uint32_t>(count >> 32);
      x2[i] = 0;
      x3[i] = 0;
    }
    auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      round_all(x0, x1, x2, x3, k0, k1);
      k0 += kPhiloxWeyl0;
      k1 += kPhiloxWeyl1;
    }
    for (std::int64_t i = 0; i < kSide; ++i) {
      out[4 * i] = x0[i];
      out[4 * i + 1] = x1[i];
      out[4 * i + 2] = x2[i];
      out[4 * i + 3] = x3[i];
    }
    counter += kSide;
    blocks -= kSide;
    out += 4 * kSide;
  }
  for (; blocks > 0; --blocks, ++counter, out += 4) {
    const std::array<std::uint32_t, 4> words = philox(key, counter);
    for (std::size_t i = 0; i < 4; ++i) out[i] = words[i];
  }
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(fill_blocks);

void philox_blocks(std::uint64_t key,
                   std::uint64_t counter,
                   std::int64_t blocks,
                   std::uint32_t* out) {
  HWY_DYNAMIC_DISPATCH(fill_blocks)(key, counter, blocks, out);
}

}  // namespace nyala::kernels
#endif
