#pragma once
/// Where the members of a zip archive stand in its bytes. Private to the reader of archives, which
/// checks what is found here by its checksum.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>

#include <nyala/models/saving/mapped_file.hpp>

namespace nyala::saving {

class ZipLayout {
 public:
  explicit ZipLayout(std::span<const std::byte> archive);
  /// The bytes of a member that is stored without compression; none when the archive's directory or
  /// the member's header is not of a form that archives of one disk have.
  std::optional<std::span<const std::byte>> member(std::string_view name, std::uint64_t size) const;

 private:
  std::span<const std::byte> archive_;
  std::unordered_map<std::string_view, std::uint64_t> headers_;  // where that of a member begins
};

/// CRC-32 of a part of a file, which needs the memory of a few pages.
std::uint32_t checksum_of(const MappedFile& file, std::span<const std::byte> part);

}  // namespace nyala::saving
