#pragma once
/// Where blocks are in one arena. Not installed.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nyala::graph {

/// Blocks of memory that are needed from one time to another, packed into one arena.
class Arena {
 public:
  /// `*offset` is set by `pack`.
  void add(std::int64_t bytes, std::size_t from, std::size_t to, std::int64_t* offset);
  /// The arena's size.
  std::int64_t pack();

 private:
  struct Block {
    std::int64_t bytes;
    std::size_t from, to;
    std::int64_t* offset;
  };

  std::int64_t pack_by_size();
  std::int64_t pack_by_time();

  std::vector<Block> blocks_;
};

}  // namespace nyala::graph
