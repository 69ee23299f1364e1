#include <array>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/hdf5/btree.hpp>
#include <nyala/models/saving/hdf5/layout.hpp>

namespace nyala::saving::hdf5 {
namespace {

void read_chunk_sizes(Cursor& cursor, Layout& layout, int axes, int size) {
  if (axes < 2 || axes > 33) cursor.fail("has chunks of an impossible rank");
  for (int i = 0; i + 1 < axes; ++i) {
    layout.chunk.push_back(cursor.number(size));
    if (layout.chunk.back() == 0) cursor.fail("has chunks of no elements");
  }
  layout.element_size = cursor.number(size);
}

void read_old_chunks(Cursor& cursor, Layout& layout) {
  const int axes = cursor.byte();
  layout.address = cursor.address();
  read_chunk_sizes(cursor, layout, axes, 4);
}

void read_new_chunks(Cursor& cursor, Layout& layout) {
  const int flags = cursor.byte();
  layout.filters_edges = (flags & 1) == 0;
  const int axes = cursor.byte();
  const int size = cursor.byte();
  if (size < 1 || size > 8) cursor.fail("has chunk sizes of an impossible width");
  read_chunk_sizes(cursor, layout, axes, size);
  switch (cursor.byte()) {
    case 1:
      layout.index = ChunkIndex::single;
      if ((flags & 2) != 0) {
        layout.single_size = cursor.length();
        layout.single_mask = cursor.number(4);
      }
      break;
    case 2: layout.index = ChunkIndex::implicit; break;
    case 3:
      layout.index = ChunkIndex::fixed_array;
      cursor.skip(1);
      break;
    case 4:
      layout.index = ChunkIndex::extensible_array;
      cursor.skip(5);
      break;
    case 5:
      layout.index = ChunkIndex::btree2;
      cursor.skip(6);
      break;
    default: cursor.fail("has an unknown chunk index");
  }
  layout.address = cursor.address();
}

// Numbers of chunks along each axis; of maximal sizes where the index counts those.
std::vector<std::uint64_t> chunk_counts(const ChunkedData& data, bool maximal) {
  std::vector<std::uint64_t> counts;
  for (int i = 0; i < data.space.shape.rank(); ++i) {
    const std::int64_t most = data.space.most[i];
    const std::int64_t size = maximal && most != None ? most : data.space.shape[i];
    const std::uint64_t chunk = data.layout.chunk[static_cast<std::size_t>(i)];
    const auto whole = static_cast<std::uint64_t>(size);
    counts.push_back(whole / chunk + (whole % chunk != 0 ? 1 : 0));
  }
  return counts;
}

// Turns the number of a chunk into its place: row-major, with the axis that grows in front.
class Places {
 public:
  explicit Places(const ChunkedData& data) : data_(data), counts_(chunk_counts(data, true)) {
    for (std::size_t i = 0; i < counts_.size(); ++i) order_.push_back(i);
    if (data.layout.index != ChunkIndex::extensible_array) return;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (data.space.most[static_cast<int>(i)] != None) continue;
      order_.erase(order_.begin() + static_cast<std::ptrdiff_t>(i));
      order_.insert(order_.begin(), i);
      break;
    }
  }

  /// False for a chunk outside the dataset.
  bool find(std::uint64_t number, std::vector<std::uint64_t>& at) const {
    at.assign(counts_.size(), 0);
    for (std::size_t i = order_.size(); i-- > 0;) {
      const std::size_t axis = order_[i];
      const std::uint64_t index = i == 0 ? number : number % counts_[axis];
      if (i > 0) number /= counts_[axis];
      if (__builtin_mul_overflow(index, data_.layout.chunk[axis], &at[axis])) return false;
      if (at[axis] >= static_cast<std::uint64_t>(data_.space.shape[static_cast<int>(axis)]))
        return false;
    }
    return true;
  }

 private:
  const ChunkedData& data_;
  std::vector<std::uint64_t> counts_;
  std::vector<std::size_t> order_;
};

void for_each_old(const ChunkedData& data, const std::function<void(const Chunk&)>& f) {
  const std::size_t rank = data.layout.chunk.size();
  const std::uint64_t key_size = 8 + 8 * (rank + 1);
  for_each_child(data.image, data.layout.address, 1, key_size, [&](Cursor key, std::uint64_t at) {
    Chunk chunk{at, key.number(4), 0, {}};
    chunk.mask = key.number(4);
    for (std::size_t i = 0; i < rank; ++i) chunk.at.push_back(key.number(8));
    f(chunk);
  });
}

void for_each_tree2(const ChunkedData& data, const std::function<void(const Chunk&)>& f) {
  const std::size_t rank = data.layout.chunk.size();
  const std::array<int, 1> types = {data.filtered ? 11 : 10};
  const std::uint64_t bytes = data.chunk_bytes();
  for_each_record(data.image, data.layout.address, types, [&](Cursor record, int) {
    Chunk chunk{record.address(), bytes, 0, {}};
    if (data.filtered) {
      const std::uint64_t rest = record.remaining();
      if (rest < 4 + 8 * rank + 1 || rest > 4 + 8 * rank + 8) record.fail("has an odd size");
      chunk.size = record.number(static_cast<int>(rest - 4 - 8 * rank));
      chunk.mask = record.number(4);
    }
    for (std::size_t i = 0; i < rank; ++i) {
      std::uint64_t at = 0;
      if (__builtin_mul_overflow(record.number(8), data.layout.chunk[i], &at))
        record.fail("names a chunk far outside");
      chunk.at.push_back(at);
    }
    f(chunk);
  });
}

void for_each_implicit(const ChunkedData& data, const OnEntry& f) {
  std::uint64_t count = 1;
  for (const std::uint64_t size : chunk_counts(data, true)) {
    if (__builtin_mul_overflow(count, size, &count)) data.image.fail("dataset", "is too large");
  }
  const std::uint64_t bytes = data.chunk_bytes();
  // All of them must be there, so their number is no more than the file can back.
  std::uint64_t all = 0;
  if (__builtin_mul_overflow(count, bytes, &all)) data.image.fail("dataset", "is too large");
  data.image.at(data.layout.address, all, "dataset");
  for (std::uint64_t i = 0; i < count; ++i) {
    data.image.visit();
    f(i, data.layout.address + i * bytes, bytes, 0);
  }
}

}  // namespace

std::uint64_t ChunkedData::chunk_bytes() const {
  std::uint64_t bytes = layout.element_size;
  for (const std::uint64_t size : layout.chunk) {
    if (__builtin_mul_overflow(bytes, size, &bytes)) image.fail("chunk", "is too large");
  }
  return bytes;
}

Layout read_layout(Cursor& cursor) {
  const int version = cursor.byte();
  if (version != 3 && version != 4)
    throw UnsupportedError(cursor.image().who() + ": HDF5: a layout of version " +
                           std::to_string(version) + " is not read");
  Layout layout;
  switch (cursor.byte()) {
    case 0:
      layout.kind = Layout::Kind::compact;
      layout.compact = cursor.bytes(cursor.number(2));
      break;
    case 1:
      layout.address = cursor.address();
      layout.length = cursor.length();
      break;
    case 2:
      layout.kind = Layout::Kind::chunked;
      if (version == 3)
        read_old_chunks(cursor, layout);
      else
        read_new_chunks(cursor, layout);
      break;
    case 3: throw UnsupportedError(cursor.image().who() + ": HDF5: a virtual dataset is not read");
    default: cursor.fail("has an unknown class");
  }
  return layout;
}

void for_each_chunk(const ChunkedData& data, const std::function<void(const Chunk&)>& f) {
  if (data.layout.address == kUndefined) return;  // nothing was ever written
  if (data.layout.index == ChunkIndex::btree1) return for_each_old(data, f);
  if (data.layout.index == ChunkIndex::btree2) return for_each_tree2(data, f);
  const Places places(data);
  Chunk chunk{};
  const OnEntry on_entry =
      [&](std::uint64_t number, std::uint64_t address, std::uint64_t size, std::uint64_t mask) {
        if (address == kUndefined || !places.find(number, chunk.at)) return;
        chunk.address = address;
        chunk.size = size;
        chunk.mask = mask;
        f(chunk);
      };
  switch (data.layout.index) {
    case ChunkIndex::single:
      return on_entry(0,
                      data.layout.address,
                      data.filtered && data.layout.single_size != 0 ? data.layout.single_size
                                                                    : data.chunk_bytes(),
                      data.layout.single_mask);
    case ChunkIndex::implicit: return for_each_implicit(data, on_entry);
    case ChunkIndex::fixed_array: return for_each_fixed(data, on_entry);
    default: return for_each_extensible(data, on_entry);
  }
}

}  // namespace nyala::saving::hdf5
