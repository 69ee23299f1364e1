// The elements of datasets.
#include <algorithm>
#include <cstring>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/hdf5/object.hpp>

namespace nyala::saving::hdf5::detail {
namespace {

// The element that stands where nothing was written; empty for zeros.
std::span<const std::byte> fill_value(const Image& image,
                                      const std::vector<Message>& messages,
                                      std::uint64_t size) {
  const Message* message = find_message(image, messages, MessageKind::fill_value);
  if (message == nullptr) return {};
  Cursor cursor(image, message->bytes, "fill value");
  const int version = cursor.byte();
  if (version < 1 || version > 3) cursor.fail("has an unknown version");
  bool there = true;
  if (version == 3) {
    there = (cursor.byte() & 0x20) != 0;
  } else {
    cursor.skip(2);
    there = cursor.byte() != 0 || version == 1;
  }
  if (!there) return {};
  const std::uint64_t length = cursor.number(4);
  if (length == 0 || length >= 0x80000000u) return {};
  if (length != size) cursor.fail("has another size than an element");
  return cursor.bytes(length);
}

// Memory that the file does not back one to one: nothing beyond the limits of inflating.
void check_growth(const Image& image, std::uint64_t bytes, std::uint64_t stored) {
  const Limits& limits = image.limits();
  if (bytes > limits.inflate_free && bytes / limits.inflate_ratio > stored)
    throw LimitError(image.who() + ": HDF5: would make " + std::to_string(bytes) + " bytes of " +
                     std::to_string(stored));
  if (bytes > limits.memory && bytes - limits.memory > image.size())
    throw LimitError(image.who() + ": HDF5: a dataset of " + std::to_string(bytes) +
                     " bytes is over the budget");
}

std::vector<std::byte> filled(std::uint64_t bytes, std::span<const std::byte> value) {
  std::vector<std::byte> all(bytes);
  const auto is_zero = [](std::byte byte) { return byte == std::byte{0}; };
  if (std::all_of(value.begin(), value.end(), is_zero)) return all;
  for (std::uint64_t at = 0; !value.empty() && at + value.size() <= bytes; at += value.size())
    std::memcpy(all.data() + at, value.data(), value.size());
  return all;
}

// Copies chunks to their places.
class ChunkCopier {
 public:
  ChunkCopier(const Dataspace& space, const Layout& layout, std::vector<std::byte>& to)
      : space_(space), layout_(layout), to_(to) {}

  void copy(const std::vector<std::uint64_t>& at, std::span<const std::byte> chunk) {
    copy_axis(0, at, 0, 0, chunk);
  }
  /// Whether a chunk reaches beyond the dataset.
  bool is_edge(const std::vector<std::uint64_t>& at) const {
    for (std::size_t i = 0; i < at.size(); ++i) {
      if (at[i] + layout_.chunk[i] > size(i)) return true;
    }
    return false;
  }

 private:
  std::uint64_t size(std::size_t axis) const {
    return static_cast<std::uint64_t>(space_.shape[static_cast<int>(axis)]);
  }
  // `from` and `to` count elements; the axes are at most Limits::rank.
  void copy_axis(std::size_t axis,
                 const std::vector<std::uint64_t>& at,
                 std::uint64_t from,
                 std::uint64_t to,
                 std::span<const std::byte> chunk) {
    const std::uint64_t width = layout_.element_size;
    if (axis == at.size()) {
      std::memcpy(to_.data() + to * width, chunk.data() + from * width, width);
      return;
    }
    const std::uint64_t count = std::min(layout_.chunk[axis], size(axis) - at[axis]);
    const std::uint64_t first = to * size(axis) + at[axis];
    const std::uint64_t start = from * layout_.chunk[axis];
    if (axis + 1 == at.size()) {
      std::memcpy(to_.data() + first * width, chunk.data() + start * width, count * width);
      return;
    }
    for (std::uint64_t i = 0; i < count; ++i) copy_axis(axis + 1, at, start + i, first + i, chunk);
  }

  const Dataspace& space_;
  const Layout& layout_;
  std::vector<std::byte>& to_;
};

void read_chunks(const ChunkedData& data,
                 const std::vector<Filter>& filters,
                 std::vector<std::byte>& to) {
  const std::uint64_t bytes = data.chunk_bytes();
  ChunkCopier copier(data.space, data.layout, to);
  for_each_chunk(data, [&](const Chunk& chunk) {
    for (std::size_t i = 0; i < chunk.at.size(); ++i) {
      if (chunk.at[i] >= static_cast<std::uint64_t>(data.space.shape[static_cast<int>(i)]) ||
          chunk.at[i] % data.layout.chunk[i] != 0)
        return data.image.fail("chunk", "lies outside its dataset");
    }
    const auto stored = data.image.at(chunk.address, chunk.size, "chunk");
    const bool plain = !data.filtered || (!data.layout.filters_edges && copier.is_edge(chunk.at));
    if (plain) {
      if (stored.size() < bytes) data.image.fail("chunk", "is shorter than its dataset says");
      return copier.copy(chunk.at, stored);
    }
    check_growth(data.image, bytes, stored.size());
    // Inflating again and again is work too.
    data.image.visit(bytes / 4096);
    copier.copy(chunk.at, unfilter(data.image, filters, chunk.mask, stored, bytes));
  });
}

// What all chunks together take in the file, each place counted once.
std::uint64_t stored_bytes(const ChunkedData& data) {
  std::uint64_t total = 0;
  for_each_chunk(data, [&](const Chunk& chunk) {
    total = std::min(total + std::min(chunk.size, data.image.size()), data.image.size());
  });
  return total;
}

std::span<const std::byte> read_chunked(const Image& image,
                                        const std::vector<Message>& messages,
                                        const Value& value,
                                        const Layout& layout,
                                        std::uint64_t bytes,
                                        std::vector<std::byte>& own) {
  std::vector<Filter> filters;
  if (const Message* message = find_message(image, messages, MessageKind::filters)) {
    Cursor cursor(image, message->bytes, "filter message");
    filters = read_filters(cursor);
  }
  if (layout.chunk.size() != static_cast<std::size_t>(value.space.shape.rank()) ||
      layout.element_size != value.type.size)
    image.fail("layout", "does not fit its dataset");
  const ChunkedData data{image, layout, value.space, !filters.empty()};
  check_growth(image, bytes, stored_bytes(data));
  own = filled(bytes, fill_value(image, messages, value.type.size));
  if (bytes > 0) read_chunks(data, filters, own);
  return own;
}

}  // namespace

const Message* find_message(const Image& image,
                            const std::vector<Message>& messages,
                            MessageKind kind) {
  for (const Message& message : messages) {
    if (message.kind != kind) continue;
    if (message.shared)
      throw UnsupportedError(image.who() + ": HDF5: a shared message is not read");
    return &message;
  }
  return nullptr;
}

Value read_dataset_value(const Image& image, const std::vector<Message>& messages) {
  const Message* type = find_message(image, messages, MessageKind::datatype);
  const Message* space = find_message(image, messages, MessageKind::dataspace);
  if (type == nullptr || space == nullptr) image.fail("dataset", "has no datatype or no shape");
  Cursor type_cursor(image, type->bytes, "datatype");
  Cursor space_cursor(image, space->bytes, "dataspace");
  return {read_datatype(type_cursor), read_dataspace(space_cursor), {}};
}

Layout read_dataset_layout(const Image& image, const std::vector<Message>& messages) {
  if (find_message(image, messages, MessageKind::external_files) != nullptr)
    throw UnsupportedError(image.who() + ": HDF5: a dataset in an external file is not read");
  const Message* message = find_message(image, messages, MessageKind::layout);
  if (message == nullptr) image.fail("dataset", "has no layout");
  Cursor cursor(image, message->bytes, "layout");
  return read_layout(cursor);
}

std::span<const std::byte> read_dataset_bytes(const Image& image,
                                              const std::vector<Message>& messages,
                                              const Value& value,
                                              std::vector<std::byte>& own) {
  const Layout layout = read_dataset_layout(image, messages);
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(value.space.count(image), value.type.size, &bytes))
    image.fail("dataset", "is too large");
  switch (layout.kind) {
    case Layout::Kind::compact:
      if (layout.compact.size() < bytes) image.fail("dataset", "has fewer bytes than its shape");
      return layout.compact.first(bytes);
    case Layout::Kind::contiguous:
      if (layout.address != kUndefined) return image.at(layout.address, bytes, "dataset");
      check_growth(image, bytes, 0);
      own = filled(bytes, fill_value(image, messages, value.type.size));
      return own;
    default: return read_chunked(image, messages, value, layout, bytes, own);
  }
}

}  // namespace nyala::saving::hdf5::detail
