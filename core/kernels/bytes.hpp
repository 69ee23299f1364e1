#pragma once
/// Addresses in bytes, for kernels whose arrays are of a dtype that is known at run time.
#include <cstddef>
#include <cstdint>

namespace nyala::kernels {

/// The address so many bytes on; null stays null.
inline std::byte* moved(void* data, std::int64_t bytes) {
  return data == nullptr ? nullptr : static_cast<std::byte*>(data) + bytes;
}
inline const std::byte* moved(const void* data, std::int64_t bytes) {
  return data == nullptr ? nullptr : static_cast<const std::byte*>(data) + bytes;
}

/// Whole lines of the caches, for parts of a workspace that are aligned as it is.
constexpr std::int64_t in_lines(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace nyala::kernels
