#pragma once
/// What a reader accepts of a file before it calls the file hostile. A caller may ask for more.
#include <cstdint>

#pragma GCC visibility push(default)

namespace nyala::saving {

struct Limits {
  /// Bytes of memory that reading may take beyond the size of the file itself.
  std::uint64_t memory = std::uint64_t{2} << 30;
  std::uint64_t json_bytes = std::uint64_t{64} << 20;
  int json_depth = 256;
  std::uint64_t json_values = 8'000'000;
  std::uint64_t zip_members = 65535;
  std::uint64_t name_bytes = 4096;
  int rank = 32;
  /// Objects, blocks and entries of an HDF5 file that are looked at, and how deep groups nest.
  std::uint64_t hdf5_objects = 1'000'000;
  int hdf5_depth = 64;
  /// A compressed member larger than `inflate_free` bytes may not grow by more than this factor.
  std::uint64_t inflate_ratio = 1000;
  std::uint64_t inflate_free = std::uint64_t{64} << 20;
};

}  // namespace nyala::saving

#pragma GCC visibility pop
