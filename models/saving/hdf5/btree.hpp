#pragma once
/// The two kinds of B-trees. Private to the reader.
#include <functional>

#include <nyala/models/saving/hdf5/cursor.hpp>

namespace nyala::saving::hdf5 {

/// Calls `f(key, child)` for every entry of the leaves of a B-tree of version 1, in order: `key` is
/// a cursor over the entry's left key, of `key_size` bytes.
void for_each_child(const Image& image,
                    std::uint64_t address,
                    int type,
                    std::uint64_t key_size,
                    const std::function<void(Cursor key, std::uint64_t child)>& f);

/// Calls `f` with every record of a B-tree of version 2 of one of the types.
void for_each_record(const Image& image,
                     std::uint64_t address,
                     std::span<const int> types,
                     const std::function<void(Cursor record, int type)>& f);

}  // namespace nyala::saving::hdf5
