#pragma once
/// Tensors of a file that are read when they are wanted. Private to the readers.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <nyala/core/tensor.hpp>
#include <nyala/models/saving/limits.hpp>
#include <nyala/models/saving/mapped_file.hpp>

namespace nyala::saving {

struct StoredTensor {
  Spec spec;
  std::function<Tensor()> read;
  /// Reads over the elements of a contiguous tensor of this spec instead, where that can be done.
  std::function<void(Tensor&)> read_into = {};
};
/// By name, in the order of the file.
using NamedStored = std::vector<std::pair<std::string, StoredTensor>>;

/// One that is in memory.
StoredTensor stored_tensor(const Tensor& tensor);
/// Elements that stand in a mapped file, in row-major order and little-endian. A byte of a bool
/// that is not 0 is true.
StoredTensor stored_part(const Spec& spec, const MappedPart& part);

/// The tensors of a file, not read yet: what reading them could find wrong is found now. Compressed
/// members of an archive are read at once.
NamedStored stored_npz(const std::string& path, const Limits& limits);
NamedStored stored_safetensors(const std::string& path, const Limits& limits);

}  // namespace nyala::saving
