#pragma once
/// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random
/// numbers: as easy as 1, 2, 3" (2011).
#include <array>
#include <cstdint>

namespace nyala::kernels {

inline constexpr std::uint64_t kPhiloxMultiplier0 = 0xD2511F53, kPhiloxMultiplier1 = 0xCD9E8D57;
inline constexpr std::uint32_t kPhiloxWeyl0 = 0x9E3779B9, kPhiloxWeyl1 = 0xBB67AE85;

/// The four words of block `counter` (its upper half in `stream`) under `key`.
constexpr std::array<std::uint32_t, 4> philox(std::uint64_t key,
                                              std::uint64_t counter,
                                              std::uint64_t stream = 0) {
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  std::array<std::uint32_t, 4> x = {static_cast<std::uint32_t>(counter),
                                    static_cast<std::uint32_t>(counter >> 32),
                                    static_cast<std::uint32_t>(stream),
                                    static_cast<std::uint32_t>(stream >> 32)};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = kPhiloxMultiplier0 * x[0], p1 = kPhiloxMultiplier1 * x[2];
    x = {static_cast<std::uint32_t>(p1 >> 32) ^ x[1] ^ k0,
         static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ x[3] ^ k1,
         static_cast<std::uint32_t>(p0)};
    k0 += kPhiloxWeyl0;
    k1 += kPhiloxWeyl1;
  }
  return x;
}

/// The words of `blocks` blocks from `counter` on, with the widest vectors of this CPU.
void philox_blocks(std::uint64_t key,
                   std::uint64_t counter,
                   std::int64_t blocks,
                   std::uint32_t* out);

}  // namespace nyala::kernels
