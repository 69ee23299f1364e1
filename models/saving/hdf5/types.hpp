#pragma once
/// Datatypes and dataspaces of an HDF5 file. Private to the reader.
#include <nyala/core/dtype.hpp>
#include <nyala/core/shape.hpp>
#include <nyala/models/saving/hdf5/cursor.hpp>

namespace nyala::saving::hdf5 {

struct Datatype {
  enum class Kind { integer, floating, boolean, fixed_string, variable_string };
  Kind kind = Kind::integer;
  std::uint64_t size = 0;  // bytes of an element
  bool big_endian = false;
  bool is_signed = false;
  bool brain = false;  // bfloat16

  bool is_string() const { return kind == Kind::fixed_string || kind == Kind::variable_string; }
  /// The dtype of its elements in memory; not of strings.
  DType dtype() const;
  /// Whether the bytes of the file are those in memory.
  bool is_native() const;
};

struct Dataspace {
  Shape shape;
  Shape most;  // maximal sizes, None for no limit
  bool null = false;

  std::uint64_t count(const Image& image) const;
};

/// Throws UnsupportedError for a class that is not read (compound, reference, opaque, ...).
Datatype read_datatype(Cursor& cursor);
Dataspace read_dataspace(Cursor& cursor);

/// `count` elements, from their form in the file to that of `type.dtype()`.
void decode(const Image& image,
            const Datatype& type,
            std::span<const std::byte> from,
            std::uint64_t count,
            void* to);

}  // namespace nyala::saving::hdf5
