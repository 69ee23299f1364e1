#pragma once
/// Files: read as a whole or in pieces, written so that a failure leaves what was there.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <nyala/models/saving/bytes.hpp>
#include <nyala/models/saving/limits.hpp>
#include <nyala/models/saving/pieces.hpp>

namespace nyala::saving {

/// A regular file opened for reading. Throws IoError with the system's reason; a folder, a pipe or
/// a device is refused.
class FileSource final : public ByteSource {
 public:
  explicit FileSource(const std::string& path);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::uint64_t remaining() const override { return remaining_; }
  /// Gives the open file away; the caller closes it.
  int release();

 private:
  void read_some(void* to, std::uint64_t count) override;

  int file_ = -1;
  std::uint64_t remaining_ = 0;
};

/// The text of a file of at most `most` bytes; throws LimitError beyond that.
std::string read_text(const std::string& path, std::uint64_t most = Limits().json_bytes);

/// Is asked before each call of the system that writes ("open", "write", "close", "fsync",
/// "rename", "fsync folder"): an errno makes the call fail with it. For tests; null at first.
extern int (*write_fault)(const char* call);

/// A new file beside `path` that takes its place at commit() and is removed without one: what stood
/// at `path` stays until the new bytes are on the disk. Throws IoError. Once the new file stands at
/// `path`, a folder that cannot be synced is only told with a warning.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Where to write, for those who write by name.
  const std::string& temporary() const { return temporary_; }
  void write(std::span<const std::byte> bytes);
  void commit();

 private:
  void close();

  std::string path_;
  std::string temporary_;
  int file_ = -1;
};

/// Writes `text` to `path` as AtomicFile does.
void write_text(const std::string& path, std::string_view text);
/// The same for what a writer has laid out.
void write_pieces(const std::string& path, const Pieces& pieces);

}  // namespace nyala::saving
