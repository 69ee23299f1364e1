#include <zlib.h>

#include <algorithm>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/hdf5/filters.hpp>

namespace nyala::saving::hdf5 {
namespace {

constexpr int kDeflate = 1;
constexpr int kShuffle = 2;
constexpr int kFletcher = 3;

using Bytes = std::vector<std::byte>;

// A stream that is closed on every way out.
struct Inflater {
  z_stream stream{};
  Inflater() {
    if (inflateInit(&stream) != Z_OK) throw LimitError("zlib: no memory");
  }
  ~Inflater() { inflateEnd(&stream); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
};

// Inflates to at most `most` bytes: a stream of more is an error, whatever it claims.
Bytes inflate_chunk(const Image& image, std::span<const std::byte> stored, std::uint64_t most) {
  constexpr std::string_view kWhat = "deflated chunk";
  if (stored.size() > (std::uint64_t{1} << 31) || most > (std::uint64_t{1} << 31))
    throw LimitError(image.who() + ": HDF5: a deflated chunk has more than 2 GiB");
  Inflater inflater;
  Bytes bytes(most + 1);
  z_stream& stream = inflater.stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(stored.data()));
  stream.avail_in = static_cast<uInt>(stored.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  if (inflate(&stream, Z_FINISH) != Z_STREAM_END) image.fail(kWhat, "is damaged or too long");
  bytes.erase(bytes.end() - stream.avail_out, bytes.end());
  return bytes;
}

Bytes unshuffle(std::span<const std::byte> from, std::uint64_t width) {
  Bytes to(from.begin(), from.end());
  const std::uint64_t count = from.size() / width;
  if (width < 2 || count == 0) return to;
  for (std::uint64_t part = 0; part < width; ++part) {
    for (std::uint64_t i = 0; i < count; ++i) to[i * width + part] = from[part * count + i];
  }
  return to;
}

std::uint32_t fletcher32(std::span<const std::byte> bytes) {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const auto first = static_cast<std::uint32_t>(bytes[i]) << 8;
    const auto second = i + 1 < bytes.size() ? static_cast<std::uint32_t>(bytes[i + 1]) : 0u;
    low = (low + (first | second)) % 65535;
    high = (high + low) % 65535;
  }
  return high << 16 | low;
}

std::span<const std::byte> check_fletcher(const Image& image, std::span<const std::byte> stored) {
  constexpr std::string_view kWhat = "chunk";
  if (stored.size() < 4) image.fail(kWhat, "has no room for its checksum");
  const auto data = stored.first(stored.size() - 4);
  Cursor cursor(image, stored.subspan(data.size()), kWhat);
  // The library's sums are folded, not divided: 65535 stands for 0 there.
  const auto same = [](std::uint64_t a, std::uint64_t b) { return a % 65535 == b % 65535; };
  const std::uint64_t found = cursor.number(4);
  const std::uint32_t sum = fletcher32(data);
  if (!same(found & 0xffff, sum & 0xffff) || !same(found >> 16, sum >> 16))
    image.fail(kWhat, "does not match its checksum");
  return data;
}

}  // namespace

std::vector<Filter> read_filters(Cursor& cursor) {
  const int version = cursor.byte();
  if (version != 1 && version != 2) cursor.fail("has an unknown version");
  const int count = cursor.byte();
  if (count > 32) cursor.fail("has too many filters");
  if (version == 1) cursor.skip(6);
  std::vector<Filter> filters;
  for (int i = 0; i < count; ++i) {
    const int id = static_cast<int>(cursor.number(2));
    const std::uint64_t name = version == 1 || id >= 256 ? cursor.number(2) : 0;
    cursor.skip(2);
    const std::uint64_t values = cursor.number(2);
    cursor.skip(version == 1 ? (name + 7) / 8 * 8 : name);
    Filter filter{id, {}};
    for (std::uint64_t v = 0; v < values; ++v) filter.values.push_back(cursor.number(4));
    if (version == 1 && values % 2 == 1) cursor.skip(4);
    if (id != kDeflate && id != kShuffle && id != kFletcher)
      throw UnsupportedError(cursor.image().who() + ": HDF5: filter " + std::to_string(id) +
                             " is not read, only deflate, shuffle and fletcher32");
    if (id == kShuffle && (filter.values.empty() || filter.values[0] == 0))
      cursor.fail("has a shuffle filter without a width");
    filters.push_back(std::move(filter));
  }
  return filters;
}

std::vector<std::byte> unfilter(const Image& image,
                                const std::vector<Filter>& filters,
                                std::uint64_t mask,
                                std::span<const std::byte> stored,
                                std::uint64_t size) {
  Bytes bytes;
  std::span<const std::byte> now = stored;
  for (std::size_t i = filters.size(); i-- > 0;) {
    if ((mask >> i & 1) != 0) continue;
    const Filter& filter = filters[i];
    if (filter.id == kFletcher) {
      now = check_fletcher(image, now);
      continue;
    }
    // A checksum may follow what is inflated.
    bytes = filter.id == kDeflate ? inflate_chunk(image, now, size + 4)
                                  : unshuffle(now, filter.values[0]);
    now = bytes;
  }
  if (now.size() != size) image.fail("chunk", "has another size than its dataset says");
  return Bytes(now.begin(), now.end());
}

}  // namespace nyala::saving::hdf5
