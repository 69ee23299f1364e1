#include <nyala/models/saving/hdf5/encode.hpp>

#include <algorithm>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/hdf5/cursor.hpp>

namespace nyala::saving::hdf5 {
namespace {

constexpr std::uint64_t kHeaderPrefix = 16;

Bytes integer_type(int size, bool is_signed) {
  Bytes type;
  put(type, 0x10, 1);
  put(type, is_signed ? 8 : 0, 3);
  put(type, static_cast<std::uint64_t>(size), 4);
  put(type, 0, 2);
  put(type, static_cast<std::uint64_t>(8 * size), 2);
  return type;
}

Bytes float_type(int size) {
  const int mantissa = size == 8 ? 52 : size == 4 ? 23 : 10;
  const int exponent = 8 * size - 1 - mantissa;
  Bytes type;
  put(type, 0x11, 1);
  put(type, 0x20, 1);  // the highest bit of the mantissa is not stored
  put(type, static_cast<std::uint64_t>(8 * size - 1), 2);
  put(type, static_cast<std::uint64_t>(size), 4);
  put(type, 0, 2);
  put(type, static_cast<std::uint64_t>(8 * size), 2);
  put(type, static_cast<std::uint64_t>(mantissa), 1);
  put(type, static_cast<std::uint64_t>(exponent), 1);
  put(type, 0, 1);
  put(type, static_cast<std::uint64_t>(mantissa), 1);
  put(type, (std::uint64_t{1} << (exponent - 1)) - 1, 4);
  return type;
}

// An enumeration of FALSE and TRUE over int8.
Bytes bool_type() {
  Bytes type;
  put(type, 0x18, 1);
  put(type, 2, 3);
  put(type, 1, 4);
  append(type, integer_type(1, true));
  put_text(type, std::string_view("FALSE\0\0\0TRUE\0\0\0\0", 16));
  put(type, 0, 1);
  put(type, 1, 1);
  return type;
}

// Bytes without a meaning or a tag.
Bytes opaque_type(int size) {
  Bytes type;
  put(type, 0x15, 1);
  put(type, 0, 3);
  put(type, static_cast<std::uint64_t>(size), 4);
  return type;
}

}  // namespace

void put(Bytes& to, std::uint64_t value, int size) {
  // Beyond the eight bytes of the value there are zeros.
  for (int i = 0; i < size; ++i, value >>= 8) to.push_back(static_cast<std::byte>(value & 0xff));
}

void put_text(Bytes& to, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  to.insert(to.end(), bytes.begin(), bytes.end());
}

void append(Bytes& to, const Bytes& part) { to.insert(to.end(), part.begin(), part.end()); }

void pad(Bytes& to) { to.resize((to.size() + 7) / 8 * 8); }

void patch(Bytes& bytes, std::uint64_t at, std::uint64_t value) {
  for (int i = 0; i < 8; ++i)
    bytes[at + static_cast<std::uint64_t>(i)] = static_cast<std::byte>(value >> (8 * i) & 0xff);
}

Bytes datatype(DType dtype) {
  const auto size = static_cast<int>(size_of(dtype));
  if (dtype == DType::bool_) return bool_type();
  if (dtype == DType::bfloat16) return opaque_type(size);
  if (is_floating(dtype)) return float_type(size);
  return integer_type(size, traits_of(dtype).kind == DTypeKind::integer);
}

Bytes fixed_string_type(std::size_t size) {
  Bytes type;
  put(type, 0x13, 1);
  put(type, 1, 3);  // filled up with zeros
  put(type, size, 4);
  return type;
}

Bytes variable_string_type() {
  Bytes type;
  put(type, 0x19, 1);
  put(type, 0x101, 3);  // a string, of UTF-8
  put(type, 16, 4);
  put(type, 0x13, 1);
  put(type, 0x10, 3);
  put(type, 1, 4);
  return type;
}

Bytes dataspace(std::span<const std::int64_t> shape) {
  Bytes space;
  put(space, 1, 1);
  put(space, shape.size(), 1);
  put(space, 0, 6);
  for (const std::int64_t size : shape) put(space, static_cast<std::uint64_t>(size), 8);
  return space;
}

Bytes attribute_head(std::string_view name, const Bytes& type, const Bytes& space) {
  Bytes head;
  put(head, 1, 2);
  put(head, name.size() + 1, 2);
  put(head, type.size(), 2);
  put(head, space.size(), 2);
  put_text(head, name);
  put(head, 0, 1);
  pad(head);
  append(head, type);
  pad(head);
  append(head, space);
  pad(head);
  return head;
}

Bytes contiguous_layout(std::uint64_t bytes) {
  Bytes layout;
  put(layout, 3, 1);
  put(layout, 1, 1);
  put(layout, kUndefined, 8);
  put(layout, bytes, 8);
  return layout;
}

Bytes fill_value() {
  Bytes fill;
  put(fill, 2, 1);  // version
  put(fill, 2, 1);  // space is allocated late
  put(fill, 2, 1);  // written if it is set
  put(fill, 1, 1);  // the default, of no bytes
  put(fill, 0, 4);
  return fill;
}

std::uint64_t Messages::add(MessageKind kind, Bytes data) {
  pad(data);
  if (data.size() > 0xffff)
    throw LimitError("HDF5: a message has " + std::to_string(data.size()) +
                     " bytes, at most 65535 fit");
  put(bytes, static_cast<std::uint64_t>(kind), 2);
  put(bytes, data.size(), 2);
  put(bytes, 0, 4);
  const std::uint64_t at = kHeaderPrefix + bytes.size();
  append(bytes, data);
  ++count;
  return at;
}

Bytes Messages::header() const {
  if (count > 0xffff)
    throw LimitError("HDF5: an object has " + std::to_string(count) +
                     " messages, at most 65535 fit");
  Bytes header;
  put(header, 1, 2);
  put(header, count, 2);
  put(header, 1, 4);  // links to it
  put(header, bytes.size(), 8);
  append(header, bytes);
  return header;
}

}  // namespace nyala::saving::hdf5
