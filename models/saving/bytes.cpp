#include <cstring>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/bytes.hpp>

namespace nyala::saving {

std::uint64_t checked_add(std::uint64_t a, std::uint64_t b, std::string_view who) {
  std::uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) {
    throw FormatError(std::string(who) + ": sizes add up to more than 64 bits hold");
  }
  return sum;
}

std::uint64_t checked_mul(std::uint64_t a, std::uint64_t b, std::string_view who) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) {
    throw FormatError(std::string(who) + ": sizes multiply to more than 64 bits hold");
  }
  return product;
}

std::string quote_text(std::string_view text) {
  constexpr std::size_t kMost = 200;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string result = "'";
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      result += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      result += c;
    }
  }
  return result + (text.size() > kMost ? "...'" : "'");
}

void ByteSource::read(void* to, std::uint64_t count) {
  if (count > remaining()) {
    throw FormatError(who_ + ": ends too early, " + std::to_string(count) +
                      " more bytes were expected and " + std::to_string(remaining()) + " are left");
  }
  if (count > 0) read_some(to, count);
}

void MemorySource::read_some(void* to, std::uint64_t count) {
  std::memcpy(to, bytes_.data(), count);
  bytes_ = bytes_.subspan(count);
}

std::uint64_t read_little_endian(ByteSource& source, int size) {
  unsigned char bytes[8] = {};
  source.read(bytes, static_cast<std::uint64_t>(size));
  std::uint64_t value = 0;
  for (int i = size - 1; i >= 0; --i) value = value << 8 | bytes[i];
  return value;
}

}  // namespace nyala::saving
