#pragma once
/// Parts of HDF5's metadata as bytes. Private to the writer.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nyala/core/dtype.hpp>
#include <nyala/models/saving/hdf5/messages.hpp>

namespace nyala::saving::hdf5 {

using Bytes = std::vector<std::byte>;

/// The lowest `size` bytes of a number, in little-endian order.
void put(Bytes& to, std::uint64_t value, int size);
void put_text(Bytes& to, std::string_view text);
void append(Bytes& to, const Bytes& part);
/// Fills up to a multiple of 8.
void pad(Bytes& to);
/// Writes 8 bytes over those at `at`.
void patch(Bytes& bytes, std::uint64_t at, std::uint64_t value);

/// Datatype messages. h5py's for a dtype: bfloat16 is opaque bytes.
Bytes datatype(DType dtype);
Bytes fixed_string_type(std::size_t size);
Bytes variable_string_type();

Bytes dataspace(std::span<const std::int64_t> shape);
/// An attribute message up to its value.
Bytes attribute_head(std::string_view name, const Bytes& type, const Bytes& space);
/// The layout message of a contiguous dataset; its address stands at kAddressInLayout.
Bytes contiguous_layout(std::uint64_t bytes);
inline constexpr std::uint64_t kAddressInLayout = 2;
Bytes fill_value();

/// The messages of a header of version 1.
struct Messages {
  Bytes bytes;
  std::uint64_t count = 0;

  /// Where the message's data begin in the header.
  std::uint64_t add(MessageKind kind, Bytes data);
  /// The header of the object.
  Bytes header() const;
};

}  // namespace nyala::saving::hdf5
