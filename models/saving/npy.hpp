#pragma once
/// The .npy format on any source of bytes.
#include <cstddef>
#include <vector>

#include <nyala/core/tensor.hpp>
#include <nyala/models/saving/bytes.hpp>
#include <nyala/models/saving/limits.hpp>
#include <nyala/models/saving/stored_tensor.hpp>

namespace nyala::saving {

/// Shape, dtype and order of the array behind a header.
struct NpyHeader {
  Spec spec;
  bool fortran_order = false;
};

/// Reads up to the first element.
NpyHeader read_npy_header(ByteSource& source, const Limits& limits = {});
/// Reads a whole array; bytes after it are an error.
Tensor read_npy(ByteSource& source, const Limits& limits = {});
/// An array that stands in a mapped file; `who` names it in messages. Throws now what reading
/// would.
StoredTensor stored_npy(const MappedPart& part, const std::string& who, const Limits& limits = {});
/// What stands before the elements of an array in row-major order.
std::vector<std::byte> npy_header(const Spec& spec);

}  // namespace nyala::saving
