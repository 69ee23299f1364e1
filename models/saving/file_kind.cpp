#include <nyala/models/saving/file_kind.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <string_view>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/hdf5/reader.hpp>

namespace nyala::saving {
namespace {

// As far as the signature of HDF5 is looked for behind a user block.
constexpr std::uint64_t kHead = std::uint64_t{1} << 20;

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

[[noreturn]] void refuse_folder(const std::string& path) {
  if (exists(path + "/saved_model.pb"))
    throw UnsupportedError(path +
                           ": is a TensorFlow SavedModel folder, which holds a graph of "
                           "TensorFlow's; save the model as .keras in Python");
  throw UnsupportedError(path + ": is a folder, expected a .keras or .h5 file");
}

bool begins(std::string_view text, std::string_view with) {
  if (text.size() < with.size()) return false;
  return std::equal(with.begin(), with.end(), text.begin(), [](char a, char b) {
    return static_cast<unsigned char>(a) == std::tolower(static_cast<unsigned char>(b));
  });
}

// The size of a header in 8 bytes, of which the last are zeros, then a JSON dict.
bool is_safetensors(std::string_view text) {
  return text.size() > 8 && text.substr(5, 4) == std::string_view("\0\0\0{", 4);
}

std::string what_else(std::string_view text) {
  const std::size_t start = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  const std::string_view words = text.substr(start);
  if (begins(text, "version https://git-lfs"))
    return "is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`";
  if (begins(words, "<!doctype html") || begins(words, "<html"))
    return "is an HTML page, perhaps that of a failed download";
  if (begins(words, "<?xml")) return "is an XML document";
  if (text.size() >= 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5)
    return "is a Python pickle, which is a program and is never read; save the model as .keras";
  if (begins(text, "\x93numpy")) return "is one NumPy array";
  if (begins(text, "\x1f\x8b")) return "is compressed by gzip; unpack it first";
  if (text.size() >= 8 && text.substr(4, 4) == "TFL3") return "is a TensorFlow Lite model";
  if (text.size() >= 262 && text.substr(257, 5) == "ustar")
    return "is a tar archive; unpack it first";
  return {};
}

}  // namespace

FileKind file_kind(const std::string& path) {
  if (is_folder(path)) {
    if (exists(path + "/config.json")) return FileKind::folder;
    refuse_folder(path);
  }
  FileSource source(path);
  if (source.remaining() == 0) throw FormatError(path + ": is empty");
  std::string head(std::min(source.remaining(), kHead), '\0');
  source.read(head.data(), head.size());
  const std::string_view text = head;
  if (text.substr(0, 4) == "PK\3\4" || text.substr(0, 4) == "PK\5\6") return FileKind::zip;
  if (hdf5::is_hdf5(std::as_bytes(std::span(head)))) return FileKind::hdf5;
  // Before the others: the size may begin as they do.
  if (is_safetensors(text)) return FileKind::safetensors;
  const std::string known = what_else(text);
  if (!known.empty()) throw UnsupportedError(path + ": " + known);
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start != std::string_view::npos && text[start] == '{') return FileKind::json;
  throw FormatError(path + ": is neither a .keras archive nor an HDF5 file nor JSON");
}

}  // namespace nyala::saving
