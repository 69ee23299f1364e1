#pragma once
/// Heaps: local ones (names of old groups), global ones (strings of any length) and fractal ones
/// (links and attributes of large groups). Private to the reader.
#include <string>
#include <utility>
#include <vector>

#include <nyala/models/saving/hdf5/cursor.hpp>

namespace nyala::saving::hdf5 {

/// The names of an old group.
class LocalHeap {
 public:
  LocalHeap(const Image& image, std::uint64_t address);
  /// The text at an offset, up to its zero byte.
  std::string text(std::uint64_t offset) const;

 private:
  const Image& image_;
  std::span<const std::byte> bytes_;
};

/// The object `index` of the global heap's collection at `address`.
std::span<const std::byte> global_object(const Image& image,
                                         std::uint64_t address,
                                         std::uint64_t index);

/// Objects by the identifiers that B-trees of version 2 hold.
class FractalHeap {
 public:
  FractalHeap(const Image& image, std::uint64_t address);

  int id_length() const { return id_length_; }
  /// The bytes of an object.
  std::span<const std::byte> object(std::span<const std::byte> id) const;

 private:
  struct Block {
    std::uint64_t address;
    std::uint64_t size;
  };
  std::span<const std::byte> managed(Cursor& id) const;
  std::span<const std::byte> huge(Cursor& id) const;
  void read_root(std::uint64_t root, std::uint64_t rows);
  void read_indirect(std::uint64_t address, std::uint64_t rows, std::uint64_t offset, int depth);
  std::uint64_t row_size(std::uint64_t row) const;

  const Image& image_;
  std::uint64_t address_;
  int id_length_ = 0;
  int offset_size_ = 0;
  int length_size_ = 0;
  bool sums_ = false;
  std::uint64_t width_ = 0;
  std::uint64_t start_size_ = 0;
  std::uint64_t most_direct_ = 0;
  std::uint64_t huge_tree_ = kUndefined;
  // Direct blocks by where they begin in the heap's own space.
  std::vector<std::pair<std::uint64_t, Block>> blocks_;
};

}  // namespace nyala::saving::hdf5
