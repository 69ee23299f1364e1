#pragma once
/// Files seen as bytes in memory without a copy. Private to the readers.
#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace nyala::saving {

/// A regular file mapped for reading. Throws IoError, FormatError for an empty one.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  /// Gives the memory of a part back that has been read: the file still has it.
  void forget(std::span<const std::byte> part) const;

 private:
  std::span<const std::byte> bytes_;
};

/// A part of a mapped file.
struct MappedPart {
  std::shared_ptr<const MappedFile> file;
  std::span<const std::byte> bytes;
};

}  // namespace nyala::saving
