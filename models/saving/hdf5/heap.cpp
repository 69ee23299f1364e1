#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/hdf5/btree.hpp>
#include <nyala/models/saving/hdf5/heap.hpp>

namespace nyala::saving::hdf5 {
namespace {

std::uint64_t bytes_of(int size) { return static_cast<std::uint64_t>(size); }

}  // namespace

LocalHeap::LocalHeap(const Image& image, std::uint64_t address) : image_(image) {
  constexpr std::string_view kWhat = "local heap";
  const std::uint64_t size = 8 + 2 * bytes_of(image.length_size) + bytes_of(image.offset_size);
  Cursor cursor(image, address, size, kWhat);
  cursor.expect("HEAP");
  cursor.expect_version(0);
  cursor.skip(3);
  const std::uint64_t length = cursor.length();
  cursor.length();
  bytes_ = image.at(cursor.address(), length, kWhat);
}

std::string LocalHeap::text(std::uint64_t offset) const {
  if (offset >= bytes_.size()) image_.fail("local heap", "has no name at an offset");
  const auto rest = bytes_.subspan(offset);
  const auto end = std::find(rest.begin(), rest.end(), std::byte{0});
  if (end == rest.end()) image_.fail("local heap", "has a name without an end");
  const auto length = static_cast<std::size_t>(end - rest.begin());
  if (length > image_.limits().name_bytes)
    throw LimitError(image_.who() + ": HDF5: a name has " + std::to_string(length) + " bytes");
  return std::string(reinterpret_cast<const char*>(rest.data()), length);
}

std::span<const std::byte> global_object(const Image& image,
                                         std::uint64_t address,
                                         std::uint64_t index) {
  constexpr std::string_view kWhat = "global heap";
  const std::uint64_t prefix = 8 + bytes_of(image.length_size);
  Cursor head(image, address, prefix, kWhat);
  head.expect("GCOL");
  head.expect_version(1);
  head.skip(3);
  const std::uint64_t size = head.length();
  if (size < prefix) head.fail("is smaller than its header");
  Cursor cursor(image, address, size, kWhat);
  cursor.skip(prefix);
  while (cursor.remaining() >= prefix) {
    image.visit();
    const std::uint64_t found = cursor.number(2);
    cursor.skip(6);
    const std::uint64_t length = cursor.length();
    if (found == 0) break;  // the free space at the end
    const auto bytes = cursor.bytes(length);
    if (found == index) return bytes;
    cursor.skip(std::min((8 - length % 8) % 8, cursor.remaining()));
  }
  image.fail(kWhat, "has no object of the number that is asked for");
}

FractalHeap::FractalHeap(const Image& image, std::uint64_t address)
    : image_(image), address_(address) {
  const std::uint64_t size =
      22 + 12 * bytes_of(image.length_size) + 3 * bytes_of(image.offset_size) + 4;
  Cursor cursor(image, address, size, "fractal heap");
  cursor.expect("FRHP");
  cursor.expect_version(0);
  id_length_ = static_cast<int>(cursor.number(2));
  if (cursor.number(2) != 0)
    throw UnsupportedError(image.who() + ": HDF5: a fractal heap has filters");
  sums_ = (cursor.byte() & 2) != 0;
  const std::uint64_t most_managed = cursor.number(4);
  cursor.length();
  huge_tree_ = cursor.address();
  cursor.length();
  cursor.address();
  for (int i = 0; i < 8; ++i) cursor.length();
  width_ = cursor.number(2);
  start_size_ = cursor.length();
  most_direct_ = cursor.length();
  const std::uint64_t bits = cursor.number(2);
  cursor.number(2);
  const std::uint64_t root = cursor.address();
  const std::uint64_t rows = cursor.number(2);
  cursor.check_sum();
  const bool powers = start_size_ != 0 && (start_size_ & (start_size_ - 1)) == 0 &&
                      most_direct_ >= start_size_ && (most_direct_ & (most_direct_ - 1)) == 0;
  if (width_ == 0 || !powers || bits == 0 || bits > 64) cursor.fail("has impossible sizes");
  offset_size_ = static_cast<int>((bits + 7) / 8);
  length_size_ = std::min(bytes_for(most_direct_), bytes_for(most_managed));
  if (root != kUndefined) read_root(root, rows);
}

std::uint64_t FractalHeap::row_size(std::uint64_t row) const {
  const std::uint64_t shift = row == 0 ? 0 : row - 1;
  if (shift >= 63 || start_size_ > (kUndefined >> 1) >> shift)
    image_.fail("fractal heap", "has too many rows");
  return start_size_ << shift;
}

void FractalHeap::read_root(std::uint64_t root, std::uint64_t rows) {
  if (rows == 0)
    blocks_.push_back({0, {root, start_size_}});
  else
    read_indirect(root, rows, 0, 0);
}

void FractalHeap::read_indirect(std::uint64_t address,
                                std::uint64_t rows,
                                std::uint64_t offset,
                                int depth) {
  constexpr std::string_view kWhat = "fractal heap's indirect block";
  image_.visit();
  const std::uint64_t entry = bytes_of(image_.offset_size);
  const std::uint64_t prefix = 5 + entry + bytes_of(offset_size_);
  Cursor cursor(image_, address, prefix + rows * width_ * entry + 4, kWhat);
  if (depth > 32) cursor.fail("is deeper than any file needs");
  cursor.expect("FHIB");
  cursor.expect_version(0);
  if (cursor.address() != address_) cursor.fail("belongs to another heap");
  if (cursor.number(offset_size_) != offset) cursor.fail("stands at another place than it says");
  const auto first_indirect =
      static_cast<std::uint64_t>(log2_of(most_direct_) - log2_of(start_size_) + 2);
  const int first_log = log2_of(start_size_) + log2_of(width_);
  for (std::uint64_t row = 0; row < rows; ++row) {
    const std::uint64_t size = row_size(row);
    for (std::uint64_t i = 0; i < width_; ++i) {
      image_.visit();
      const std::uint64_t child = cursor.address();
      if (child != kUndefined && row < first_indirect) blocks_.push_back({offset, {child, size}});
      if (child != kUndefined && row >= first_indirect)
        read_indirect(child, bytes_of(log2_of(size) - first_log + 1), offset, depth + 1);
      if (__builtin_add_overflow(offset, size, &offset)) cursor.fail("covers too much");
    }
  }
  cursor.check_sum();
}

std::span<const std::byte> FractalHeap::object(std::span<const std::byte> id) const {
  Cursor cursor(image_, id, "fractal heap's identifier");
  const int first = cursor.byte();
  if ((first & 0xc0) != 0) cursor.fail("has an unknown version");
  switch ((first >> 4) & 3) {
    case 0: return managed(cursor);
    case 1: return huge(cursor);
    case 2: return cursor.bytes(static_cast<std::uint64_t>(first & 15) + 1);
    default: cursor.fail("has an unknown type");
  }
}

std::span<const std::byte> FractalHeap::managed(Cursor& id) const {
  const std::uint64_t offset = id.number(offset_size_);
  const std::uint64_t length = id.number(length_size_);
  const auto after = std::upper_bound(
      blocks_.begin(), blocks_.end(), offset, [](std::uint64_t value, const auto& block) {
        return value < block.first;
      });
  if (after == blocks_.begin()) id.fail("points to no block");
  const auto& [start, block] = *std::prev(after);
  const std::uint64_t within = offset - start;
  if (within > block.size || length > block.size - within) id.fail("points beyond its block");
  const auto bytes = image_.at(block.address, block.size, "fractal heap's block");
  Cursor head(image_, bytes, "fractal heap's block");
  head.expect("FHDB");
  return bytes.subspan(within, length);
}

std::span<const std::byte> FractalHeap::huge(Cursor& id) const {
  const std::uint64_t direct = bytes_of(image_.offset_size + image_.length_size);
  if (id.remaining() >= direct) {
    const std::uint64_t address = id.address();
    return image_.at(address, id.length(), "fractal heap's object");
  }
  const std::uint64_t wanted = id.number(std::min(static_cast<int>(id.remaining()), 8));
  std::span<const std::byte> found;
  bool there = false;
  constexpr std::array<int, 1> kTypes = {1};
  for_each_record(image_, huge_tree_, kTypes, [&](Cursor record, int) {
    const std::uint64_t address = record.address();
    const std::uint64_t length = record.length();
    if (record.length() != wanted) return;
    found = image_.at(address, length, "fractal heap's object");
    there = true;
  });
  if (!there) id.fail("names an object that is not there");
  return found;
}

}  // namespace nyala::saving::hdf5
