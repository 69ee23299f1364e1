#pragma once
/// What is known of an open file and of its objects. Private to the reader.
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <nyala/core/tensor.hpp>
#include <nyala/models/saving/hdf5/cursor.hpp>
#include <nyala/models/saving/hdf5/layout.hpp>
#include <nyala/models/saving/hdf5/messages.hpp>
#include <nyala/models/saving/hdf5/types.hpp>
#include <nyala/models/saving/mapped_file.hpp>

namespace nyala::saving::hdf5::detail {

struct Link {
  std::string name;
  std::uint64_t address = kUndefined;
  bool hard = true;
};

struct AttributeRecord {
  std::string name;
  std::span<const std::byte> message;
};

/// An attribute or a dataset without its elements.
struct Value {
  Datatype type;
  Dataspace space;
  std::span<const std::byte> bytes;  // of an attribute

  Spec spec() const { return {space.shape, type.dtype()}; }
};

/// The links of a group, wherever the file keeps them.
std::vector<Link> read_links(const Image& image, const std::vector<Message>& messages);
/// The attributes of an object, likewise.
std::vector<AttributeRecord> read_attributes(const Image& image,
                                             const std::vector<Message>& messages);
Value read_attribute_value(const Image& image, const AttributeRecord& record);

/// The message of a kind; null when there is none, UnsupportedError when it is shared.
const Message* find_message(const Image& image,
                            const std::vector<Message>& messages,
                            MessageKind kind);
Value read_dataset_value(const Image& image, const std::vector<Message>& messages);
Layout read_dataset_layout(const Image& image, const std::vector<Message>& messages);
/// All bytes of a dataset as the file has them: a part of the file, or `own`.
std::span<const std::byte> read_dataset_bytes(const Image& image,
                                              const std::vector<Message>& messages,
                                              const Value& value,
                                              std::vector<std::byte>& own);
std::vector<std::string> read_texts(const Image& image,
                                    const Value& value,
                                    std::span<const std::byte> bytes);

/// So many bytes of a mapped file stay in memory.
inline constexpr std::uint64_t kPagesKept = std::uint64_t{1} << 20;
/// What the system reads around a byte that is asked for.
inline constexpr std::uint64_t kReadAround = std::uint64_t{1} << 16;

struct FileState;

struct ObjectState {
  FileState* file = nullptr;
  std::string path;
  std::vector<Message> messages;
  std::optional<std::vector<Link>> links = {};
  std::unordered_map<std::string, std::size_t> by_name = {};
  std::optional<std::vector<AttributeRecord>> attributes = {};
};

struct FileState {
  FileState(std::vector<std::byte> all, std::string who, const Limits& limits)
      : own(std::move(all)), bytes(own), image(bytes, std::move(who), limits) {}
  FileState(const MappedPart& part, std::string who, const Limits& limits)
      : mapped(part.file), bytes(part.bytes), image(bytes, std::move(who), limits) {}
  FileState(const FileState&) = delete;
  FileState& operator=(const FileState&) = delete;

  /// Counts bytes that were read; from time to time the pages of a mapped file go back, which would
  /// otherwise stay in memory beside what was made of them.
  void count_read(std::uint64_t count) {
    read_bytes += count;
    if (mapped == nullptr || read_bytes < kPagesKept) return;
    mapped->forget(mapped->bytes());
    read_bytes = 0;
  }

  std::vector<std::byte> own;
  std::shared_ptr<const MappedFile> mapped;
  std::span<const std::byte> bytes;
  Image image;
  std::uint64_t root = kUndefined;
  std::uint64_t read_bytes = 0;
  std::map<std::uint64_t, std::shared_ptr<ObjectState>> objects = {};
};

}  // namespace nyala::saving::hdf5::detail
