#pragma once
/// Safetensors: tensors by name behind a JSON header.
///
///   saving::save_safetensors("weights.safetensors", {{"kernel", kernel}, {"bias", bias}});
///
/// Read and written: BOOL, integers of 8 to 64 bits, F16, BF16, F32, F64.
#include <string>

#include <nyala/models/saving/npz.hpp>

#pragma GCC visibility push(default)

namespace nyala::saving {

/// In the order of their bytes. Throws IoError, FormatError (a header that the bytes contradict, a
/// gap, an overlap, bytes that no tensor owns), UnsupportedError (another dtype) or LimitError.
NamedTensors load_safetensors(const std::string& path, const Limits& limits = {});
/// Replaces what is at `path` when every byte is on the disk; throws IoError, and ValueError for
/// names that are empty or come twice.
void save_safetensors(const std::string& path, const NamedTensors& tensors);

}  // namespace nyala::saving

#pragma GCC visibility pop
