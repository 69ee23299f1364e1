#pragma once
/// The superblock and object headers of an HDF5 file. Private to the reader.
#include <vector>

#include <nyala/models/saving/hdf5/cursor.hpp>

namespace nyala::saving::hdf5 {

/// Kinds of messages that are read.
enum class MessageKind : int {
  dataspace = 0x01,
  link_info = 0x02,
  datatype = 0x03,
  fill_value = 0x05,
  link = 0x06,
  external_files = 0x07,
  layout = 0x08,
  filters = 0x0b,
  attribute = 0x0c,
  continuation = 0x10,
  symbol_table = 0x11,
  attribute_info = 0x15,
};

struct Message {
  MessageKind kind;
  bool shared = false;
  std::span<const std::byte> bytes;
};

/// Finds the superblock (at 0, 512, 1024, ...), sets the widths and the base of `image`, and gives
/// the address of the root group's header.
std::uint64_t read_superblock(Image& image, std::span<const std::byte> file);
/// All messages of the header at `address`, those of its continuation blocks too.
std::vector<Message> read_header(const Image& image, std::uint64_t address);

}  // namespace nyala::saving::hdf5
