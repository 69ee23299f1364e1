#pragma once
/// Where the elements of a dataset are: its layout message, and the chunks that indices list.
/// Private to the reader.
#include <functional>
#include <vector>

#include <nyala/models/saving/hdf5/filters.hpp>
#include <nyala/models/saving/hdf5/types.hpp>

namespace nyala::saving::hdf5 {

/// How the chunks of a dataset are found.
enum class ChunkIndex { btree1, single, implicit, fixed_array, extensible_array, btree2 };

struct Layout {
  enum class Kind { compact, contiguous, chunked };
  Kind kind = Kind::contiguous;
  std::span<const std::byte> compact;
  std::uint64_t address = kUndefined;
  std::uint64_t length = 0;
  // Of chunks:
  ChunkIndex index = ChunkIndex::btree1;
  std::vector<std::uint64_t> chunk;  // sizes, without the element's
  std::uint64_t element_size = 0;
  std::uint64_t single_size = 0;  // of a filtered single chunk
  std::uint64_t single_mask = 0;
  bool filters_edges = true;  // whether chunks at the edge are filtered too
  int page_bits = 0;          // of a fixed array
};

Layout read_layout(Cursor& cursor);

/// A chunk that is stored.
struct Chunk {
  std::uint64_t address;
  std::uint64_t size;
  std::uint64_t mask;
  std::vector<std::uint64_t> at;  // of its first element
};

/// What the indices need of a dataset.
struct ChunkedData {
  const Image& image;
  const Layout& layout;
  const Dataspace& space;
  bool filtered;

  std::uint64_t chunk_bytes() const;
};

/// Calls `f` with every chunk that is stored.
void for_each_chunk(const ChunkedData& data, const std::function<void(const Chunk&)>& f);

// The indices that are arrays (chunk_arrays.cpp): `f(number, address, size, mask)`.
using OnEntry = std::function<void(std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t)>;
void for_each_fixed(const ChunkedData& data, const OnEntry& f);
void for_each_extensible(const ChunkedData& data, const OnEntry& f);

}  // namespace nyala::saving::hdf5
