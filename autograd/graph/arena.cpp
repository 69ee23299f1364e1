// Few blocks are packed tightly, in quadratic time; many as an allocator would place them.
#include <nyala/autograd/graph/arena.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <queue>
#include <set>
#include <utility>

#include <nyala/autograd/graph/plan.hpp>

namespace nyala::graph {
namespace {

constexpr std::size_t kFew = 4096;

// Free ranges of an arena that grows at its end.
class FreeRanges {
 public:
  // The smallest range that is large enough, at its beginning; else the arena grows.
  std::int64_t take(std::int64_t bytes) {
    const auto fits = by_size_.lower_bound({bytes, 0});
    if (fits == by_size_.end()) return grow(bytes);
    const auto [size, offset] = *fits;
    remove(offset);
    if (size > bytes) insert(offset + bytes, size - bytes);
    return offset;
  }
  void give_back(std::int64_t offset, std::int64_t bytes) {
    const auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.begin()) {
      const auto [before, size] = *std::prev(next);
      if (before + size == offset) {
        remove(before);
        offset = before;
        bytes += size;
      }
    }
    if (const auto after = by_offset_.find(offset + bytes); after != by_offset_.end()) {
      const std::int64_t size = after->second;
      remove(after->first);
      bytes += size;
    }
    insert(offset, bytes);
  }
  std::int64_t end() const { return end_; }

 private:
  // A free range at the end becomes a part of what is taken.
  std::int64_t grow(std::int64_t bytes) {
    std::int64_t offset = end_;
    if (!by_offset_.empty()) {
      const auto [last, size] = *by_offset_.rbegin();
      if (last + size == end_) {
        remove(last);
        offset = last;
      }
    }
    end_ = offset + bytes;
    return offset;
  }
  void insert(std::int64_t offset, std::int64_t bytes) {
    by_offset_.emplace(offset, bytes);
    by_size_.emplace(bytes, offset);
  }
  void remove(std::int64_t offset) {
    const auto found = by_offset_.find(offset);
    by_size_.erase({found->second, offset});
    by_offset_.erase(found);
  }

  std::map<std::int64_t, std::int64_t> by_offset_;           // its size
  std::set<std::pair<std::int64_t, std::int64_t>> by_size_;  // and offset
  std::int64_t end_ = 0;
};

}  // namespace

void Arena::add(std::int64_t bytes, std::size_t from, std::size_t to, std::int64_t* offset) {
  blocks_.push_back({padded_bytes(bytes), from, to, offset});
}

std::int64_t Arena::pack() { return blocks_.size() <= kFew ? pack_by_size() : pack_by_time(); }

// The largest first, each at the lowest offset that is free for as long as it lives.
std::int64_t Arena::pack_by_size() {
  std::stable_sort(blocks_.begin(), blocks_.end(), [](const Block& a, const Block& b) {
    return a.bytes > b.bytes;
  });
  std::int64_t total = 0;
  std::vector<const Block*> placed;  // by offset
  for (const Block& block : blocks_) {
    std::int64_t offset = 0;
    for (const Block* other : placed) {
      if (other->to < block.from || block.to < other->from) continue;
      if (*other->offset >= offset + block.bytes) break;
      offset = std::max(offset, *other->offset + other->bytes);
    }
    *block.offset = offset;
    total = std::max(total, offset + block.bytes);
    const auto behind = std::upper_bound(
        placed.begin(), placed.end(), offset, [](std::int64_t value, const Block* other) {
          return value < *other->offset;
        });
    placed.insert(behind, &block);
  }
  return total;
}

std::int64_t Arena::pack_by_time() {
  std::stable_sort(blocks_.begin(), blocks_.end(), [](const Block& a, const Block& b) {
    return a.from < b.from;
  });
  const auto ends_later = [](const Block* a, const Block* b) { return a->to > b->to; };
  std::priority_queue<const Block*, std::vector<const Block*>, decltype(ends_later)> live(
      ends_later);
  FreeRanges free;
  for (const Block& block : blocks_) {
    for (; !live.empty() && live.top()->to < block.from; live.pop()) {
      if (live.top()->bytes > 0) free.give_back(*live.top()->offset, live.top()->bytes);
    }
    *block.offset = block.bytes == 0 ? 0 : free.take(block.bytes);
    live.push(&block);
  }
  return free.end();
}

}  // namespace nyala::graph
