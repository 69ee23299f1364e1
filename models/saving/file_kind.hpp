#pragma once
/// What a file is, by its first bytes. Private to the readers.
#include <string>

namespace nyala::saving {

/// `folder` is one that holds what a .keras archive does.
enum class FileKind { zip, hdf5, json, safetensors, folder };

/// Throws IoError for a file that cannot be read, and UnsupportedError or FormatError, which say
/// what it is, for one that is none of these.
FileKind file_kind(const std::string& path);

}  // namespace nyala::saving
