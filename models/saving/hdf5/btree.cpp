#include <algorithm>
#include <vector>

#include <nyala/models/saving/hdf5/btree.hpp>

namespace nyala::saving::hdf5 {
namespace {

constexpr std::string_view kNode = "B-tree node";

struct Tree1 {
  const Image& image;
  int type;
  std::uint64_t key_size;
  const std::function<void(Cursor, std::uint64_t)>& f;

  // `level` of the parent is above that of its children, so the depth is bounded by 255.
  void walk(std::uint64_t address, int parent_level) const {
    image.visit();
    const auto offset = static_cast<std::uint64_t>(image.offset_size);
    const std::uint64_t prefix = 8 + 2 * offset;
    Cursor head(image, address, prefix, kNode);
    head.expect("TREE");
    if (head.byte() != type) head.fail("is of another type than expected");
    const int level = head.byte();
    if (level >= parent_level) head.fail("is not below its parent");
    const std::uint64_t entries = head.number(2);
    Cursor cursor(image, address, prefix + entries * (key_size + offset), kNode);
    cursor.skip(prefix);
    for (std::uint64_t i = 0; i < entries; ++i) {
      Cursor key(image, cursor.bytes(key_size), kNode);
      const std::uint64_t child = cursor.address();
      image.visit();
      if (level == 0)
        f(key, child);
      else
        walk(child, level);
    }
  }
};

struct Tree2 {
  const Image& image;
  const std::function<void(Cursor, int)>& f;
  int type = 0;
  std::uint64_t node_size = 0;
  std::uint64_t record_size = 0;
  int count_size = 0;  // bytes of a child's number of records
  struct Level {
    std::uint64_t most = 0;  // records of all nodes below and of this one
    int total_size = 0;      // bytes of that number
  };
  std::vector<Level> levels = {};

  void read(std::uint64_t address, std::span<const int> types) {
    constexpr std::string_view kWhat = "B-tree header";
    image.visit();
    const auto wide = static_cast<std::uint64_t>(image.offset_size + image.length_size);
    Cursor cursor(image, address, 22 + wide, kWhat);
    cursor.expect("BTHD");
    cursor.expect_version(0);
    type = cursor.byte();
    if (std::find(types.begin(), types.end(), type) == types.end())
      cursor.fail("is of another type than expected");
    node_size = cursor.number(4);
    record_size = cursor.number(2);
    const auto depth = static_cast<int>(cursor.number(2));
    cursor.skip(2);
    const std::uint64_t root = cursor.address();
    const std::uint64_t count = cursor.number(2);
    cursor.length();
    cursor.check_sum();
    if (record_size == 0 || node_size < 10 + record_size) cursor.fail("has no room for a record");
    if (depth > 32) cursor.fail("is deeper than any file needs");
    measure(cursor, depth);
    if (root != kUndefined && count > 0) walk(root, count, depth);
  }

  std::uint64_t pointer_size(int level) const {
    return static_cast<std::uint64_t>(image.offset_size + count_size +
                                      levels[static_cast<std::size_t>(level) - 1].total_size);
  }

  void measure(const Cursor& cursor, int depth) {
    const std::uint64_t leaf = (node_size - 10) / record_size;
    count_size = bytes_for(leaf);
    levels.push_back({leaf, 0});
    for (int level = 1; level <= depth; ++level) {
      const std::uint64_t pointer = pointer_size(level);
      if (node_size < 10 + pointer + record_size) cursor.fail("has no room for a child");
      const std::uint64_t most = (node_size - 10 - pointer) / (record_size + pointer);
      std::uint64_t total = 0;
      if (__builtin_mul_overflow(most + 1, levels.back().most, &total) ||
          __builtin_add_overflow(total, most, &total))
        total = kUndefined;
      levels.push_back({total, bytes_for(total)});
    }
  }

  void walk(std::uint64_t address, std::uint64_t count, int level) const {
    image.visit();
    Cursor cursor(image, address, node_size, kNode);
    cursor.expect(level == 0 ? "BTLF" : "BTIN");
    cursor.expect_version(0);
    if (cursor.byte() != type) cursor.fail("is of another type than its tree");
    std::vector<Cursor> records;
    for (std::uint64_t i = 0; i < count; ++i) {
      image.visit();
      records.emplace_back(image, cursor.bytes(record_size), kNode);
    }
    struct Child {
      std::uint64_t address, count;
    };
    std::vector<Child> children;
    for (std::uint64_t i = 0; level > 0 && i <= count; ++i) {
      const std::uint64_t child = cursor.address();
      children.push_back({child, cursor.number(count_size)});
      cursor.skip(
          static_cast<std::uint64_t>(levels[static_cast<std::size_t>(level) - 1].total_size));
    }
    cursor.check_sum();
    for (std::uint64_t i = 0; i <= count; ++i) {
      if (level > 0) walk(children[i].address, children[i].count, level - 1);
      if (i < count) f(records[i], type);
    }
  }
};

}  // namespace

void for_each_child(const Image& image,
                    std::uint64_t address,
                    int type,
                    std::uint64_t key_size,
                    const std::function<void(Cursor, std::uint64_t)>& f) {
  Tree1{image, type, key_size, f}.walk(address, 256);
}

void for_each_record(const Image& image,
                     std::uint64_t address,
                     std::span<const int> types,
                     const std::function<void(Cursor, int)>& f) {
  Tree2{image, f}.read(address, types);
}

}  // namespace nyala::saving::hdf5
