#pragma once
/// NumPy's files: one array (.npy), several by name (.npz).
///
///   saving::save_npz("weights.npz", {{"kernel", kernel}, {"bias", bias}});
///   for (const auto& [name, tensor] : saving::load_npz("weights.npz")) ...
///
/// Read and written, in little-endian order: bool, integers of 8 to 64 bits, float16, bfloat16,
/// float32, float64. Arrays in Fortran order are read. Pickled objects never are.
#include <string>
#include <utility>
#include <vector>

#include <nyala/core/tensor.hpp>
#include <nyala/models/saving/limits.hpp>

#pragma GCC visibility push(default)

namespace nyala::saving {

/// Tensors by name, in the order of the file.
using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// Reading throws IoError (no such file), FormatError (not what the format says), UnsupportedError
/// (another dtype) or LimitError (more memory than `limits` allow).
Tensor load_npy(const std::string& path, const Limits& limits = {});
NamedTensors load_npz(const std::string& path, const Limits& limits = {});

/// Writing replaces what is at `path` only when every byte is on the disk; throws IoError. Names
/// must differ and there must be one (ValueError); the same tensors give the same bytes.
void save_npy(const std::string& path, const Tensor& tensor);
void save_npz(const std::string& path, const NamedTensors& tensors);

}  // namespace nyala::saving

#pragma GCC visibility pop
