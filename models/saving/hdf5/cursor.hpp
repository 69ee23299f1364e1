#pragma once
/// Checked access to the bytes of an HDF5 file: every address and length of the file goes through
/// here. Private to the reader.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <nyala/models/saving/limits.hpp>

namespace nyala::saving::hdf5 {

/// An address or a length that the format calls undefined.
inline constexpr std::uint64_t kUndefined = ~std::uint64_t{0};

/// The bytes of a file, with the widths that its superblock gives.
class Image {
 public:
  Image(std::span<const std::byte> bytes, std::string who, const Limits& limits)
      : bytes_(bytes), who_(std::move(who)), limits_(limits) {}

  const std::string& who() const { return who_; }
  const Limits& limits() const { return limits_; }
  std::uint64_t size() const { return bytes_.size(); }
  /// `length` bytes at `address` (which counts from the file's base); throws FormatError unless
  /// all of them are there. `what` names the structure.
  std::span<const std::byte> at(std::uint64_t address,
                                std::uint64_t length,
                                std::string_view what) const;
  /// Counts structures and entries that were visited: a file with more of them than
  /// `limits.hdf5_objects` throws LimitError, which also ends every cycle.
  void visit(std::uint64_t count = 1) const;
  [[noreturn]] void fail(std::string_view what, std::string_view found) const;

  int offset_size = 8;
  int length_size = 8;
  std::uint64_t base = 0;

 private:
  std::span<const std::byte> bytes_;
  std::string who_;
  Limits limits_;
  mutable std::uint64_t visits_ = 0;
};

/// Reads one structure from its first byte on.
class Cursor {
 public:
  /// Over bytes that are known to be there.
  Cursor(const Image& image, std::span<const std::byte> bytes, std::string_view what)
      : image_(&image), bytes_(bytes), what_(what) {}
  /// Over `length` bytes at `address`.
  Cursor(const Image& image, std::uint64_t address, std::uint64_t length, std::string_view what)
      : Cursor(image, image.at(address, length, what), what) {}

  std::uint64_t remaining() const { return bytes_.size() - at_; }
  std::uint64_t position() const { return at_; }
  std::span<const std::byte> bytes(std::uint64_t count);
  void skip(std::uint64_t count) { bytes(count); }
  /// A little-endian number of 1 to 8 bytes.
  std::uint64_t number(int size);
  int byte() { return static_cast<int>(number(1)); }
  /// An address; kUndefined when all its bits are set.
  std::uint64_t address() { return wide(image_->offset_size); }
  std::uint64_t length() { return wide(image_->length_size); }
  /// Throws FormatError unless these bytes come next.
  void expect(std::string_view signature);
  /// Throws UnsupportedError unless a byte of this value comes next.
  void expect_version(int version);
  /// Compares the checksum that comes next with that of all bytes before it.
  void check_sum();
  [[noreturn]] void fail(std::string_view found) const { image_->fail(what_, found); }
  const Image& image() const { return *image_; }

 private:
  std::uint64_t wide(int size);

  const Image* image_;
  std::span<const std::byte> bytes_;
  std::uint64_t at_ = 0;
  std::string_view what_;
};

/// Jenkins's lookup3, the checksum of HDF5's metadata.
std::uint32_t lookup3(std::span<const std::byte> bytes);
/// How many bytes hold numbers up to `limit`, as the format counts them.
int bytes_for(std::uint64_t limit);
/// The logarithm to base 2 of the highest bit; 0 for 0.
int log2_of(std::uint64_t value);

}  // namespace nyala::saving::hdf5
