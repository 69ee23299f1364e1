#pragma once
/// Files seen as bytes in memory without a copy. Private to the readers.
#include <algorithm>
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
  /// f(piece) for a part in pieces of 1 MiB, each forgotten when it is read: no more of a large
  /// part is in memory at once.
  template <class F>
  void read_in_pieces(std::span<const std::byte> part, F&& f) const {
    constexpr std::size_t most = std::size_t{1} << 20;
    while (!part.empty()) {
      const auto piece = part.first(std::min(part.size(), most));
      f(piece);
      forget(piece);
      part = part.subspan(piece.size());
    }
  }

 private:
  std::span<const std::byte> bytes_;
};

/// A part of a mapped file.
struct MappedPart {
  std::shared_ptr<const MappedFile> file;
  std::span<const std::byte> bytes;
};

}  // namespace nyala::saving
