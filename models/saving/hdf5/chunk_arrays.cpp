// Chunk indices that are arrays: fixed ones, and extensible ones with their blocks of growing size.
#include <algorithm>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/hdf5/layout.hpp>

namespace nyala::saving::hdf5 {
namespace {

std::uint64_t bytes_of(int size) { return static_cast<std::uint64_t>(size); }

// Reads entries of either kind of array.
class Entries {
 public:
  Entries(const ChunkedData& data, std::uint64_t entry_size, const OnEntry& f)
      : data_(data), entry_size_(entry_size), f_(f), chunk_bytes_(data.chunk_bytes()) {
    const std::uint64_t least = bytes_of(data.image.offset_size);
    const bool sound =
        data.filtered ? entry_size > least + 4 && entry_size <= least + 12 : entry_size == least;
    if (!sound) data.image.fail("chunk index", "has entries of an odd size");
  }

  std::uint64_t size() const { return entry_size_; }

  /// `count` entries, the first of which is number `first`.
  void read(Cursor& cursor, std::uint64_t first, std::uint64_t count) const {
    for (std::uint64_t i = 0; i < count; ++i) {
      data_.image.visit();
      const std::uint64_t address = cursor.address();
      std::uint64_t size = chunk_bytes_;
      std::uint64_t mask = 0;
      if (data_.filtered) {
        size = cursor.number(static_cast<int>(entry_size_) - data_.image.offset_size - 4);
        mask = cursor.number(4);
      }
      f_(first + i, address, size, mask);
    }
  }

  /// Pages of entries, each with its checksum, from `address` on.
  void read_pages(std::uint64_t address,
                  std::uint64_t first,
                  std::uint64_t count,
                  std::uint64_t page,
                  const std::vector<bool>& used) const {
    for (std::uint64_t done = 0, number = 0; done < count; ++number) {
      const std::uint64_t part = std::min(page, count - done);
      data_.image.visit();
      if (used[number]) {
        Cursor cursor(data_.image, address, part * entry_size_ + 4, "page of a chunk index");
        read(cursor, first + done, part);
        cursor.check_sum();
      }
      address += page * entry_size_ + 4;
      done += part;
    }
  }

 private:
  const ChunkedData& data_;
  std::uint64_t entry_size_;
  const OnEntry& f_;
  std::uint64_t chunk_bytes_;
};

// The bits of pages that were ever written, highest bit first.
std::vector<bool> read_bits(Cursor& cursor, std::uint64_t count) {
  const auto bytes = cursor.bytes((count + 7) / 8);
  std::vector<bool> bits(count);
  for (std::uint64_t i = 0; i < count; ++i)
    bits[i] = (static_cast<unsigned>(bytes[i / 8]) >> (7 - i % 8) & 1u) != 0;
  return bits;
}

// An extensible array: a few entries in the index block, then data blocks whose sizes grow, the
// first ones listed in the index block, the others in super blocks.
class ExtensibleArray {
 public:
  ExtensibleArray(const ChunkedData& data, const OnEntry& f) : data_(data), image_(data.image) {
    Cursor cursor(image_,
                  data.layout.address,
                  12 + 6 * bytes_of(image_.length_size) + bytes_of(image_.offset_size) + 4,
                  kWhat);
    cursor.expect("EAHD");
    cursor.expect_version(0);
    check_client(cursor);
    entries_.emplace_back(data, cursor.number(1), f);
    bits_ = cursor.byte();
    in_index_ = cursor.number(1);
    least_ = cursor.number(1);
    pointers_ = cursor.number(1);
    const int page_bits = cursor.byte();
    for (int i = 0; i < 4; ++i) cursor.length();
    set_ = cursor.length();
    cursor.length();
    index_block_ = cursor.address();
    cursor.check_sum();
    const auto power = [](std::uint64_t value) { return value != 0 && (value & (value - 1)) == 0; };
    if (bits_ < 1 || bits_ > 64 || !power(least_) || !power(pointers_) || pointers_ < 2 ||
        page_bits > 30 || bits_ < log2_of(least_))
      cursor.fail("has impossible sizes");
    page_ = std::uint64_t{1} << page_bits;
  }

  void read() {
    if (index_block_ == kUndefined) return;
    const auto supers = static_cast<std::uint64_t>(1 + bits_ - log2_of(least_));
    const auto direct = static_cast<std::uint64_t>(2 * log2_of(pointers_));
    const std::uint64_t blocks = 2 * (pointers_ - 1);
    const std::uint64_t indirect = supers > direct ? supers - direct : 0;
    const std::uint64_t offset = bytes_of(image_.offset_size);
    Cursor cursor(image_,
                  index_block_,
                  6 + offset + in_index_ * entry_size() + (blocks + indirect) * offset + 4,
                  kWhat);
    start_block(cursor, "EAIB");
    entries_[0].read(cursor, 0, in_index_);
    next_ = in_index_;
    for (std::uint64_t super = 0, block = 0; block < blocks; ++super) {
      for (std::uint64_t i = 0; i < blocks_of(super) && block < blocks; ++i, ++block)
        read_data_block(cursor.address(), size_of_block(super), nullptr);
    }
    for (std::uint64_t i = 0; i < indirect; ++i) read_super_block(cursor.address(), direct + i);
    cursor.check_sum();
  }

 private:
  static constexpr std::string_view kWhat = "extensible array";

  std::uint64_t entry_size() const { return entries_[0].size(); }
  std::uint64_t blocks_of(std::uint64_t super) const { return std::uint64_t{1} << (super / 2); }
  std::uint64_t size_of_block(std::uint64_t super) const { return least_ << ((super + 1) / 2); }
  void check_client(Cursor& cursor) const {
    if (cursor.byte() != (data_.filtered ? 1 : 0)) cursor.fail("is not of this dataset's chunks");
  }
  void start_block(Cursor& cursor, std::string_view signature) const {
    image_.visit();
    cursor.expect(signature);
    cursor.expect_version(0);
    check_client(cursor);
    if (cursor.address() != data_.layout.address) cursor.fail("has a block of another array");
  }
  std::uint64_t offset_bytes() const { return (static_cast<std::uint64_t>(bits_) + 7) / 8; }

  void read_data_block(std::uint64_t address, std::uint64_t count, const std::vector<bool>* used) {
    const std::uint64_t first = next_;
    next_ += count;
    if (address == kUndefined || first >= set_) return;
    const std::uint64_t prefix = 6 + bytes_of(image_.offset_size) + offset_bytes();
    const bool paged = count > page_;
    std::uint64_t length = 0;
    if (__builtin_mul_overflow(paged ? 0 : count, entry_size(), &length))
      image_.fail(kWhat, "is too large");
    Cursor cursor(image_, address, prefix + std::min(length, image_.size()) + 4, kWhat);
    start_block(cursor, "EADB");
    cursor.skip(offset_bytes());
    if (!paged) entries_[0].read(cursor, first, count);
    cursor.check_sum();
    if (!paged) return;
    if (used == nullptr) image_.fail(kWhat, "has pages where none can be");
    entries_[0].read_pages(address + prefix + 4, first, count, page_, *used);
  }

  void read_super_block(std::uint64_t address, std::uint64_t super) {
    if (super / 2 > 40) image_.fail(kWhat, "is too large");
    const std::uint64_t count = size_of_block(super);
    const std::uint64_t blocks = blocks_of(super);
    if (address == kUndefined || next_ >= set_) {
      next_ += blocks * count;
      return;
    }
    const std::uint64_t pages = count > page_ ? count / page_ : 0;
    const std::uint64_t map = (pages + 7) / 8;
    const std::uint64_t offset = bytes_of(image_.offset_size);
    if (blocks > image_.size() / offset || map > image_.size())
      image_.fail(kWhat, "is larger than the file");
    Cursor cursor(
        image_, address, 6 + offset + offset_bytes() + blocks * (map + offset) + 4, kWhat);
    start_block(cursor, "EASB");
    cursor.skip(offset_bytes());
    std::vector<std::vector<bool>> used;
    for (std::uint64_t i = 0; i < blocks; ++i) used.push_back(read_bits(cursor, map * 8));
    for (std::uint64_t i = 0; i < blocks; ++i)
      read_data_block(cursor.address(), count, pages > 0 ? &used[i] : nullptr);
    cursor.check_sum();
  }

  const ChunkedData& data_;
  const Image& image_;
  std::vector<Entries> entries_;  // one
  int bits_ = 0;
  std::uint64_t in_index_ = 0, least_ = 0, pointers_ = 0, page_ = 0, set_ = 0;
  std::uint64_t index_block_ = kUndefined;
  std::uint64_t next_ = 0;
};

}  // namespace

void for_each_fixed(const ChunkedData& data, const OnEntry& f) {
  constexpr std::string_view kWhat = "fixed array";
  const Image& image = data.image;
  const std::uint64_t offset = bytes_of(image.offset_size);
  Cursor head(image, data.layout.address, 8 + bytes_of(image.length_size) + offset + 4, kWhat);
  head.expect("FAHD");
  head.expect_version(0);
  if (head.byte() != (data.filtered ? 1 : 0)) head.fail("is not of this dataset's chunks");
  const Entries entries(data, head.number(1), f);
  const int page_bits = head.byte();
  const std::uint64_t count = head.length();
  const std::uint64_t address = head.address();
  head.check_sum();
  if (page_bits > 30) head.fail("has impossible sizes");
  if (address == kUndefined) return;
  if (count > image.size()) head.fail("is larger than the file");
  const std::uint64_t page = std::uint64_t{1} << page_bits;
  const bool paged = count > page;
  const std::uint64_t pages = paged ? (count + page - 1) / page : 0;
  const std::uint64_t length = paged ? (pages + 7) / 8 : count * entries.size();
  Cursor cursor(image, address, 6 + offset + length + 4, kWhat);
  image.visit();
  cursor.expect("FADB");
  cursor.expect_version(0);
  cursor.skip(1);
  if (cursor.address() != data.layout.address) cursor.fail("has a block of another array");
  std::vector<bool> used;
  if (paged)
    used = read_bits(cursor, pages);
  else
    entries.read(cursor, 0, count);
  cursor.check_sum();
  if (paged) entries.read_pages(address + cursor.position(), 0, count, page, used);
}

void for_each_extensible(const ChunkedData& data, const OnEntry& f) {
  ExtensibleArray(data, f).read();
}

}  // namespace nyala::saving::hdf5
