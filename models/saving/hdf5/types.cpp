#include <algorithm>
#include <cstring>
#include <limits>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/hdf5/types.hpp>

namespace nyala::saving::hdf5 {
namespace {

[[noreturn]] void unsupported(const Cursor& cursor, const std::string& what) {
  throw UnsupportedError(cursor.image().who() + ": HDF5: " + what + " is not read");
}

void read_integer(Cursor& cursor, std::uint64_t bits, Datatype& type) {
  type.kind = Datatype::Kind::integer;
  type.big_endian = (bits & 1) != 0;
  type.is_signed = (bits & 8) != 0;
  const std::uint64_t offset = cursor.number(2);
  const std::uint64_t precision = cursor.number(2);
  const bool sound = type.size == 1 || type.size == 2 || type.size == 4 || type.size == 8;
  if (!sound || offset != 0 || precision != 8 * type.size)
    unsupported(cursor, "an integer of an unusual width");
}

void read_float(Cursor& cursor, std::uint64_t bits, Datatype& type) {
  type.kind = Datatype::Kind::floating;
  type.big_endian = (bits & 1) != 0;
  struct Form {
    std::uint64_t size, exponent_size, mantissa_size, bias;
  };
  constexpr Form kForms[] = {{2, 5, 10, 15}, {4, 8, 23, 127}, {8, 11, 52, 1023}, {2, 8, 7, 127}};
  const std::uint64_t sign = bits >> 8 & 0xff;
  const std::uint64_t offset = cursor.number(2);
  const std::uint64_t precision = cursor.number(2);
  const std::uint64_t exponent_at = cursor.number(1);
  const std::uint64_t exponent_size = cursor.number(1);
  const std::uint64_t mantissa_at = cursor.number(1);
  const std::uint64_t mantissa_size = cursor.number(1);
  const std::uint64_t bias = cursor.number(4);
  for (const Form& form : kForms) {
    if (form.size != type.size || form.exponent_size != exponent_size ||
        form.mantissa_size != mantissa_size || form.bias != bias)
      continue;
    if ((bits & 0x40) != 0 || offset != 0 || precision != 8 * type.size || mantissa_at != 0 ||
        exponent_at != mantissa_size || sign != precision - 1)
      break;
    type.brain = mantissa_size == 7;
    return;
  }
  unsupported(cursor, "a float that is not of IEEE 754");
}

// An enumeration counts as bool when it is h5py's: FALSE and TRUE in one byte.
void read_enum(Cursor& cursor, int version, std::uint64_t bits, Datatype& type) {
  const Datatype base = read_datatype(cursor);
  const std::uint64_t members = bits & 0xffff;
  if (base.kind != Datatype::Kind::integer || base.size != type.size || members != 2 ||
      base.size != 1)
    unsupported(cursor, "an enumeration other than bool");
  for (const std::string_view name : {"FALSE", "TRUE"}) {
    const auto found = cursor.bytes(name.size() + 1);
    if (std::memcmp(found.data(), name.data(), name.size()) != 0 || found.back() != std::byte{0})
      unsupported(cursor, "an enumeration other than bool");
    if (version < 3) cursor.skip(7 - name.size());
  }
  if (cursor.byte() != 0 || cursor.byte() != 1) unsupported(cursor, "an odd bool");
  type.kind = Datatype::Kind::boolean;
}

// Opaque elements of two bytes are what h5py makes of bfloat16, which NumPy has no name for.
void read_opaque(Cursor& cursor, std::uint64_t bits, Datatype& type) {
  if (type.size != 2 || (bits & 0xff) != 0) unsupported(cursor, "an opaque type");
  type.kind = Datatype::Kind::floating;
  type.brain = true;
}

void swap_bytes(const std::byte* from, std::uint64_t size, std::uint64_t count, std::byte* to) {
  for (std::uint64_t i = 0; i < count; ++i, from += size, to += size)
    std::reverse_copy(from, from + size, to);
}

}  // namespace

DType Datatype::dtype() const {
  if (kind == Kind::boolean) return DType::bool_;
  if (kind == Kind::floating) {
    if (size == 2) return brain ? DType::bfloat16 : DType::float16;
    return size == 4 ? DType::float32 : DType::float64;
  }
  switch (size) {
    case 1: return is_signed ? DType::int8 : DType::uint8;
    case 2: return is_signed ? DType::int16 : DType::uint16;
    case 4: return is_signed ? DType::int32 : DType::uint32;
    default: return is_signed ? DType::int64 : DType::uint64;
  }
}

bool Datatype::is_native() const {
  return !is_string() && kind != Kind::boolean && (!big_endian || size == 1);
}

std::uint64_t Dataspace::count(const Image& image) const {
  if (null) return 0;
  std::uint64_t count = 1;
  bool empty = false;
  for (const std::int64_t size : shape) {
    empty = empty || size == 0;
    // Strides must fit too, so an empty axis counts as 1.
    if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(size == 0 ? 1 : size), &count) ||
        count > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max() / 16))
      image.fail("dataspace", "has more elements than can be");
  }
  return empty ? 0 : count;
}

Datatype read_datatype(Cursor& cursor) {
  const int first = cursor.byte();
  const std::uint64_t bits = cursor.number(3);
  Datatype type;
  type.size = cursor.number(4);
  const int version = first >> 4;
  if (version < 1 || version > 4) cursor.fail("has a datatype of an unknown version");
  if (type.size == 0) cursor.fail("has a datatype of no bytes");
  switch (first & 15) {
    case 0: read_integer(cursor, bits, type); break;
    case 1: read_float(cursor, bits, type); break;
    case 3: type.kind = Datatype::Kind::fixed_string; break;
    case 5: read_opaque(cursor, bits, type); break;
    case 8: {
      // The base of an enumeration is an integer: no deeper nesting is followed.
      Cursor ahead = cursor;
      if ((ahead.byte() & 15) != 0) unsupported(cursor, "an enumeration other than bool");
      read_enum(cursor, version, bits, type);
      break;
    }
    case 9:
      if ((bits & 15) != 1) unsupported(cursor, "a sequence of variable length");
      type.kind = Datatype::Kind::variable_string;
      break;
    case 6: unsupported(cursor, "a compound type");
    case 7: unsupported(cursor, "a reference");
    default: unsupported(cursor, "a datatype of class " + std::to_string(first & 15));
  }
  return type;
}

Dataspace read_dataspace(Cursor& cursor) {
  const int version = cursor.byte();
  if (version != 1 && version != 2) cursor.fail("has a dataspace of an unknown version");
  const int rank = cursor.byte();
  const int flags = cursor.byte();
  Dataspace space;
  if (rank > cursor.image().limits().rank)
    throw LimitError(cursor.image().who() + ": HDF5: a dataspace has " + std::to_string(rank) +
                     " axes");
  if (version == 1) {
    cursor.skip(5);
  } else {
    space.null = cursor.byte() == 2;
  }
  const auto size = [&] {
    const std::uint64_t value = cursor.length();
    if (value == kUndefined) return None;
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      cursor.fail("has an impossible size");
    return static_cast<std::int64_t>(value);
  };
  for (int i = 0; i < rank; ++i) space.shape.push_back(size());
  for (const std::int64_t value : space.shape) {
    if (value == None) cursor.fail("has an impossible size");
  }
  space.most = space.shape;
  for (int i = 0; i < rank && (flags & 1) != 0; ++i) {
    space.most[i] = size();
    if (space.most[i] != None && space.most[i] < space.shape[i])
      cursor.fail("is larger than its own limit");
  }
  return space;
}

void decode(const Image& image,
            const Datatype& type,
            std::span<const std::byte> from,
            std::uint64_t count,
            void* to) {
  if (from.size() / type.size < count) image.fail("dataset", "has fewer bytes than its shape");
  if (count == 0) return;
  if (type.is_native()) {
    std::memcpy(to, from.data(), count * type.size);
  } else if (type.kind == Datatype::Kind::boolean) {
    for (std::uint64_t i = 0; i < count; ++i)
      static_cast<unsigned char*>(to)[i] = from[i] != std::byte{0} ? 1 : 0;
  } else {
    swap_bytes(from.data(), type.size, count, static_cast<std::byte*>(to));
  }
}

}  // namespace nyala::saving::hdf5
