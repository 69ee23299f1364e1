#include <algorithm>
#include <cstring>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/hdf5/messages.hpp>

namespace nyala::saving::hdf5 {
namespace {

constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);

int width(Cursor& cursor) {
  const int size = cursor.byte();
  if (size != 2 && size != 4 && size != 8) cursor.fail("has offsets of an unknown width");
  return size;
}

void check_end(const Image& image, std::uint64_t end) {
  if (end == kUndefined || end > image.size() - image.base)
    throw FormatError(image.who() + ": HDF5: the file is shorter than its superblock says");
}

std::uint64_t read_old_superblock(Image& image, Cursor& cursor, int version) {
  cursor.skip(4);  // versions of parts
  image.offset_size = width(cursor);
  image.length_size = width(cursor);
  cursor.skip(version == 1 ? 13 : 9);
  const std::uint64_t base = cursor.address();
  cursor.address();
  const std::uint64_t end = cursor.address();
  cursor.address();
  if (base != image.base) cursor.fail("names another base address than its own");
  check_end(image, end - base);
  cursor.address();  // the root's name
  return cursor.address();
}

std::uint64_t read_new_superblock(Image& image, Cursor& cursor) {
  image.offset_size = width(cursor);
  image.length_size = width(cursor);
  cursor.skip(1);
  const std::uint64_t base = cursor.address();
  cursor.address();
  const std::uint64_t end = cursor.address();
  const std::uint64_t root = cursor.address();
  cursor.check_sum();
  if (base != image.base) cursor.fail("names another base address than its own");
  check_end(image, end - base);
  return root;
}

// A stretch of messages: a header's first block or a continuation.
struct Block {
  std::span<const std::byte> bytes;
};

class HeaderReader {
 public:
  explicit HeaderReader(const Image& image) : image_(image) {}

  std::vector<Message> read(std::uint64_t address) {
    if (std::memcmp(image_.at(address, 4, kWhat).data(), "OHDR", 4) == 0)
      start_new(address);
    else
      start_old(address);
    // A block may add others. NOLINTNEXTLINE(modernize-loop-convert)
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      image_.visit();
      read_block(blocks_[i].bytes);
    }
    return std::move(messages_);
  }

 private:
  static constexpr std::string_view kWhat = "object header";

  void start_old(std::uint64_t address) {
    Cursor cursor(image_, address, 16, kWhat);
    if (cursor.byte() != 1) cursor.fail("has an unknown version");
    cursor.skip(7);
    const std::uint64_t size = cursor.number(4);
    blocks_.push_back({image_.at(address, size + 16, kWhat).subspan(16)});
  }

  void start_new(std::uint64_t address) {
    constexpr std::uint64_t kMostPrefix = 34;
    const std::uint64_t there = image_.size() - image_.base - address;
    Cursor cursor(image_, address, std::min(there, kMostPrefix), kWhat);
    cursor.expect("OHDR");
    cursor.expect_version(2);
    const int flags = cursor.byte();
    new_ = true;
    ordered_ = (flags & 4) != 0;
    if ((flags & 0x20) != 0) cursor.skip(16);
    if ((flags & 0x10) != 0) cursor.skip(4);
    const std::uint64_t size = cursor.number(1 << (flags & 3));
    const std::uint64_t prefix = cursor.position();
    if (size > image_.size()) cursor.fail("is larger than the file");
    const auto all = image_.at(address, prefix + size + 4, kWhat);
    check(all);
    blocks_.push_back({all.subspan(prefix, size)});
  }

  void check(std::span<const std::byte> all) const {
    Cursor cursor(image_, all, kWhat);
    cursor.skip(all.size() - 4);
    cursor.check_sum();
  }

  void read_block(std::span<const std::byte> bytes) {
    Cursor cursor(image_, bytes, kWhat);
    const std::uint64_t prefix = new_ ? (ordered_ ? 6u : 4u) : 8u;
    while (cursor.remaining() >= prefix) {
      const int kind = static_cast<int>(cursor.number(new_ ? 1 : 2));
      const std::uint64_t size = cursor.number(2);
      const int flags = cursor.byte();
      cursor.skip(prefix - (new_ ? 4 : 5));
      add({static_cast<MessageKind>(kind), (flags & 2) != 0, cursor.bytes(size)});
    }
  }

  void add(const Message& message) {
    image_.visit();
    if (message.kind != MessageKind::continuation) {
      messages_.push_back(message);
      return;
    }
    Cursor cursor(image_, message.bytes, "continuation message");
    const std::uint64_t address = cursor.address();
    const std::uint64_t length = cursor.length();
    auto bytes = image_.at(address, length, "continuation block");
    if (new_) {
      if (length < 8) cursor.fail("has no room for a block");
      Cursor(image_, bytes, "continuation block").expect("OCHK");
      check(bytes);
      bytes = bytes.subspan(4, length - 8);
    }
    blocks_.push_back({bytes});
  }

  const Image& image_;
  bool new_ = false;
  bool ordered_ = false;
  std::vector<Block> blocks_;
  std::vector<Message> messages_;
};

}  // namespace

std::uint64_t read_superblock(Image& image, std::span<const std::byte> file) {
  for (std::uint64_t at = 0; at + kSignature.size() <= file.size(); at = at == 0 ? 512 : 2 * at) {
    if (std::memcmp(file.data() + at, kSignature.data(), kSignature.size()) != 0) continue;
    image.base = at;
    Cursor cursor(
        image, file.subspan(at, std::min<std::uint64_t>(file.size() - at, 128)), "superblock");
    cursor.skip(kSignature.size());
    const int version = cursor.byte();
    if (version == 0 || version == 1) return read_old_superblock(image, cursor, version);
    if (version == 2 || version == 3) return read_new_superblock(image, cursor);
    cursor.fail("has an unknown version");
  }
  throw FormatError(image.who() + ": is not an HDF5 file");
}

std::vector<Message> read_header(const Image& image, std::uint64_t address) {
  return HeaderReader(image).read(address);
}

}  // namespace nyala::saving::hdf5
