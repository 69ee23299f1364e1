#pragma once
/// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random
/// numbers: as easy as 1, 2, 3" (2011).
#include <array>
#include <cstdint>

namespace nyala::kernels {

/// The four words of block `counter` (its upper half in `stream`) under `key`.
constexpr std::array<std::uint32_t, 4> philox(std::uint64_t key,
                                              std::uint64_t counter,
                                              std::uint64_t stream = 0) {
  constexpr std::uint64_t multiplier0 = 0xD2511F53, multiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t weyl0 = 0x9E3779B9, weyl1 = 0xBB67AE85;
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  std::array<std::uint32_t, 4> x = {static_cast<std::uint32_t>(counter),
                                    static_cast<std::uint32_t>(counter >> 32),
                                    static_cast<std::uint32_t>(stream),
                                    static_cast<std::uint32_t>(stream >> 32)};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = multiplier0 * x[0], p1 = multiplier1 * x[2];
    x = {static_cast<std::uint32_t>(p1 >> 32) ^ x[1] ^ k0,
         static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ x[3] ^ k1,
         static_cast<std::uint32_t>(p0)};
    k0 += weyl0;
    k1 += weyl1;
  }
  return x;
}

}  // namespace nyala::kernels
