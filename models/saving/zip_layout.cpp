#include <zlib.h>

#include <algorithm>
#include <cstring>

#include <nyala/models/saving/zip_layout.hpp>

namespace nyala::saving {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint64_t kEndRecord = 22;
constexpr std::uint64_t kEntry = 46;
constexpr std::uint64_t kLocalHeader = 30;
constexpr std::uint64_t kWideLocator = 20;
constexpr std::uint64_t kWideEndRecord = 56;
// What stands in a field of four bytes whose number is found in eight bytes elsewhere (zip64).
constexpr std::uint64_t kElsewhere = 0xffffffff;
constexpr std::uint64_t kWideExtra = 1;

std::uint64_t number(Bytes bytes, std::uint64_t at, int size) {
  std::uint64_t value = 0;
  for (int i = size - 1; i >= 0; --i)
    value = value << 8 | static_cast<std::uint64_t>(bytes[at + static_cast<std::uint64_t>(i)]);
  return value;
}

// Whether `size` bytes at `at` are there and begin with "PK" and the record's own two bytes.
bool is_record(Bytes bytes, std::uint64_t at, std::uint64_t size, const char* kind) {
  return at <= bytes.size() && size <= bytes.size() - at &&
         std::memcmp(bytes.data() + at, "PK", 2) == 0 &&
         std::memcmp(bytes.data() + at + 2, kind, 2) == 0;
}

// The record that ends the directory has a comment of up to 65535 bytes behind it.
std::optional<std::uint64_t> find_end_record(Bytes bytes) {
  if (bytes.size() < kEndRecord) return std::nullopt;
  const std::uint64_t last = bytes.size() - kEndRecord;
  const std::uint64_t first = last - std::min<std::uint64_t>(last, 0xffff);
  for (std::uint64_t at = last + 1; at-- > first;) {
    if (is_record(bytes, at, kEndRecord, "\5\6") && number(bytes, at + 20, 2) == last - at)
      return at;
  }
  return std::nullopt;
}

// Where the directory begins.
std::optional<std::uint64_t> find_directory(Bytes bytes) {
  const auto end = find_end_record(bytes);
  if (!end) return std::nullopt;
  const std::uint64_t at = number(bytes, *end + 16, 4);
  if (at != kElsewhere) return at;
  if (*end < kWideLocator || !is_record(bytes, *end - kWideLocator, kWideLocator, "\6\7"))
    return std::nullopt;
  const std::uint64_t wide = number(bytes, *end - kWideLocator + 8, 8);
  if (!is_record(bytes, wide, kWideEndRecord, "\6\6")) return std::nullopt;
  return number(bytes, wide + 48, 8);
}

// Where the header of an entry's member stands. Of sizes and place the extra field of zip64 has
// those, in this order, that the entry has not.
std::optional<std::uint64_t> header_of(Bytes entry, std::uint64_t name_size) {
  const std::uint64_t at = number(entry, 42, 4);
  if (at != kElsewhere) return at;
  std::uint64_t before = 0;
  for (const auto field : {std::uint64_t{24}, std::uint64_t{20}})
    before += number(entry, field, 4) == kElsewhere ? std::uint64_t{8} : 0;
  Bytes extra = entry.subspan(kEntry + name_size, number(entry, 30, 2));
  while (extra.size() >= 4) {
    const std::uint64_t size = number(extra, 2, 2);
    if (size > extra.size() - 4) return std::nullopt;
    if (number(extra, 0, 2) == kWideExtra)
      return size >= before + 8 ? std::optional(number(extra, 4 + before, 8)) : std::nullopt;
    extra = extra.subspan(4 + size);
  }
  return std::nullopt;
}

}  // namespace

ZipLayout::ZipLayout(Bytes archive) : archive_(archive) {
  const auto directory = find_directory(archive);
  if (!directory) return;
  std::uint64_t at = *directory;
  while (is_record(archive, at, kEntry, "\1\2")) {
    const std::uint64_t name_size = number(archive, at + 28, 2);
    const std::uint64_t rest = number(archive, at + 30, 2) + number(archive, at + 32, 2);
    const std::uint64_t size = kEntry + name_size + rest;
    if (size > archive.size() - at) return;
    const auto* name = reinterpret_cast<const char*>(archive.data() + at + kEntry);
    if (const auto header = header_of(archive.subspan(at, size), name_size))
      headers_.emplace(std::string_view(name, name_size), *header);
    at += size;
  }
}

std::optional<Bytes> ZipLayout::member(std::string_view name, std::uint64_t size) const {
  const auto found = headers_.find(name);
  if (found == headers_.end()) return std::nullopt;
  const std::uint64_t header = found->second;
  if (!is_record(archive_, header, kLocalHeader, "\3\4")) return std::nullopt;
  const std::uint64_t begin =
      header + kLocalHeader + number(archive_, header + 26, 2) + number(archive_, header + 28, 2);
  if (begin > archive_.size() || size > archive_.size() - begin) return std::nullopt;
  return archive_.subspan(begin, size);
}

std::uint32_t checksum_of(const MappedFile& file, Bytes part) {
  uLong checksum = ::crc32(0, nullptr, 0);
  file.read_in_pieces(part, [&](Bytes piece) {
    checksum = ::crc32(
        checksum, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(piece.size()));
  });
  return static_cast<std::uint32_t>(checksum);
}

}  // namespace nyala::saving
