#pragma once
/// Zip archives (.npz, .keras): members by name, read and written without touching other files.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nyala/models/saving/bytes.hpp>
#include <nyala/models/saving/limits.hpp>
#include <nyala/models/saving/mapped_file.hpp>
#include <nyala/models/saving/pieces.hpp>

namespace nyala::saving {

/// An archive opened for reading. The constructor checks the directory: duplicate names, headers
/// that differ, encrypted members and sizes that the file cannot back throw FormatError,
/// UnsupportedError or LimitError. Members are inflated only when they are opened.
class ZipReader {
 public:
  explicit ZipReader(const std::string& path, const Limits& limits = {});
  ~ZipReader();
  ZipReader(ZipReader&&) noexcept;
  ZipReader& operator=(ZipReader&&) noexcept;

  /// The names of the members, in the order of the archive's directory.
  const std::vector<std::string>& names() const;
  /// Whether there is a member of that name.
  bool contains(const std::string& name) const;
  /// The bytes of a member; its checksum is checked when the last one is read. Throws IndexError
  /// for a name that is not there. The source must not outlive the reader.
  std::unique_ptr<ByteSource> open(const std::string& name) const;
  /// The bytes of a member where they stand in the file, their checksum checked; none for a member
  /// that is compressed, or that only `open` finds.
  std::optional<MappedPart> stored(const std::string& name) const;
  /// All bytes of a member as text; throws LimitError for more than `Limits::json_bytes`.
  std::string text(const std::string& name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// An archive to be written: members are gathered, commit() writes them all as AtomicFile does.
/// The same members give the same bytes: no clock is read.
class ZipWriter {
 public:
  struct Member {
    std::string name;
    Pieces bytes;
  };

  explicit ZipWriter(std::string path) : path_(std::move(path)) {}
  /// Throws ValueError for a name that is empty, too long, there already or with a zero byte.
  void add(Member member);
  void commit();

 private:
  std::string path_;
  std::vector<Member> members_;
};

}  // namespace nyala::saving
