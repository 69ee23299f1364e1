#include <bit>
#include <cstring>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/hdf5/cursor.hpp>

namespace nyala::saving::hdf5 {

std::span<const std::byte> Image::at(std::uint64_t address,
                                     std::uint64_t length,
                                     std::string_view what) const {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  if (address == kUndefined || __builtin_add_overflow(address, base, &from) ||
      __builtin_add_overflow(from, length, &to) || to > bytes_.size()) {
    fail(what, "lies beyond the end of the file");
  }
  return bytes_.subspan(from, length);
}

void Image::visit(std::uint64_t count) const {
  visits_ += count;
  if (visits_ > limits_.hdf5_objects) {
    throw LimitError(who_ + ": HDF5: has more than " + std::to_string(limits_.hdf5_objects) +
                     " objects and entries, or a cycle");
  }
}

void Image::fail(std::string_view what, std::string_view found) const {
  throw FormatError(who_ + ": HDF5: the " + std::string(what) + " " + std::string(found));
}

std::span<const std::byte> Cursor::bytes(std::uint64_t count) {
  if (count > remaining()) fail("ends too early");
  const auto part = bytes_.subspan(at_, count);
  at_ += count;
  return part;
}

std::uint64_t Cursor::number(int size) {
  const auto part = bytes(static_cast<std::uint64_t>(size));
  std::uint64_t value = 0;
  for (std::size_t i = part.size(); i-- > 0;)
    value = value << 8 | static_cast<std::uint64_t>(part[i]);
  return value;
}

std::uint64_t Cursor::wide(int size) {
  const std::uint64_t value = number(size);
  const std::uint64_t all = size == 8 ? kUndefined : (std::uint64_t{1} << (8 * size)) - 1;
  return value == all ? kUndefined : value;
}

void Cursor::expect(std::string_view signature) {
  const auto part = bytes(signature.size());
  if (std::memcmp(part.data(), signature.data(), signature.size()) != 0)
    fail("has no signature '" + std::string(signature) + "'");
}

void Cursor::expect_version(int version) {
  const int found = byte();
  if (found == version) return;
  throw UnsupportedError(image_->who() + ": HDF5: the " + std::string(what_) + " has version " +
                         std::to_string(found) + ", expected " + std::to_string(version));
}

void Cursor::check_sum() {
  const std::uint32_t sum = lookup3(bytes_.subspan(0, at_));
  if (number(4) != sum) fail("does not match its checksum");
}

std::uint32_t lookup3(std::span<const std::byte> bytes) {
  const auto word = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4 && at + i < bytes.size(); ++i)
      value |= static_cast<std::uint32_t>(bytes[at + i]) << (8 * i);
    return value;
  };
  std::uint32_t a = 0xdeadbeefu + static_cast<std::uint32_t>(bytes.size());
  std::uint32_t b = a;
  std::uint32_t c = a;
  std::size_t at = 0;
  for (; bytes.size() - at > 12; at += 12) {
    a += word(at);
    b += word(at + 4);
    c += word(at + 8);
    a = (a - c) ^ std::rotl(c, 4), c += b;
    b = (b - a) ^ std::rotl(a, 6), a += c;
    c = (c - b) ^ std::rotl(b, 8), b += a;
    a = (a - c) ^ std::rotl(c, 16), c += b;
    b = (b - a) ^ std::rotl(a, 19), a += c;
    c = (c - b) ^ std::rotl(b, 4), b += a;
  }
  if (at == bytes.size()) return c;
  a += word(at);
  b += word(at + 4);
  c += word(at + 8);
  c = (c ^ b) - std::rotl(b, 14);
  a = (a ^ c) - std::rotl(c, 11);
  b = (b ^ a) - std::rotl(a, 25);
  c = (c ^ b) - std::rotl(b, 16);
  a = (a ^ c) - std::rotl(c, 4);
  b = (b ^ a) - std::rotl(a, 14);
  c = (c ^ b) - std::rotl(b, 24);
  return c;
}

int log2_of(std::uint64_t value) {
  return value == 0 ? 0 : static_cast<int>(std::bit_width(value)) - 1;
}

int bytes_for(std::uint64_t limit) { return log2_of(limit) / 8 + 1; }

}  // namespace nyala::saving::hdf5
