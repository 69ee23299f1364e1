#pragma once
/// Filters of chunks: deflate, shuffle, fletcher32. Private to the reader.
#include <vector>

#include <nyala/models/saving/hdf5/cursor.hpp>

namespace nyala::saving::hdf5 {

struct Filter {
  int id;
  std::vector<std::uint64_t> values;
};

/// Throws UnsupportedError for any other filter.
std::vector<Filter> read_filters(Cursor& cursor);
/// The `size` bytes that a stored chunk stands for. A bit of `mask` leaves a filter out.
std::vector<std::byte> unfilter(const Image& image,
                                const std::vector<Filter>& filters,
                                std::uint64_t mask,
                                std::span<const std::byte> stored,
                                std::uint64_t size);

}  // namespace nyala::saving::hdf5
