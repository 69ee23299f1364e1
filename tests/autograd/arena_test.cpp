// Blocks that are needed at the same time never overlap, whichever way they are packed.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include <nyala/autograd/graph/arena.hpp>

using namespace nyala;

TEST_CASE("blocks of an arena lie apart while they live") {
  struct Block {
    std::int64_t bytes;
    std::size_t from, to;
    std::int64_t offset = -1;
  };
  std::size_t count = 0;
  SUBCASE("few, packed by size") { count = 800; }
  SUBCASE("many, packed by time") { count = 6000; }
  std::mt19937 random(7);
  std::vector<Block> blocks(count);
  graph::Arena arena;
  for (std::size_t i = 0; i < count; ++i) {
    Block& block = blocks[i];
    block.from = random() % count;
    block.to = block.from + random() % (i % 50 == 0 ? count : 20);
    block.bytes = i % 31 == 0 ? 0 : static_cast<std::int64_t>(random() % 5000);
    arena.add(block.bytes, block.from, block.to, &block.offset);
  }
  const std::int64_t total = arena.pack();
  std::sort(
      blocks.begin(), blocks.end(), [](const Block& a, const Block& b) { return a.from < b.from; });
  std::size_t wrong = 0;
  std::int64_t most = 0;  // bytes that live at once
  for (std::size_t i = 0; i < count; ++i) {
    const Block& a = blocks[i];
    wrong += a.offset < 0 || a.offset % 64 != 0 || a.offset + a.bytes > total;
    std::int64_t live = a.bytes;
    for (std::size_t j = 0; j < i; ++j) {
      const Block& b = blocks[j];
      if (b.to < a.from) continue;
      live += b.bytes;
      wrong += a.bytes > 0 && b.bytes > 0 && a.offset < b.offset + b.bytes &&
               b.offset < a.offset + a.bytes;
    }
    most = std::max(most, live);
  }
  CHECK(wrong == 0);
  // Padding to cache lines and gaps cost no more than the half.
  CHECK(total <= most * 3 / 2);
}
