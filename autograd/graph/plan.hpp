#pragma once
/// How a tape runs: which steps one kernel group takes, in what order, and where each value is
/// stored. `make_plan` goes through four phases (graph/phases.hpp).
#include <memory>
#include <vector>

#include <nyala/autograd/graph/loop_step.hpp>
#include <nyala/autograd/graph/tape_ir.hpp>

namespace nyala::graph {

/// A value as a view of another one, its root; most values are their own root.
struct View {
  ValueId root = -1;
  std::int64_t offset = 0;  // in bytes
  Shape strides = {};
};

/// Where a root is stored.
struct MemorySlot {
  enum class Base : std::uint8_t { none, arena, scratch, constant, input, variable, output };
  Base base = Base::none;
  std::size_t index = 0;    // which input, variable or output; which slot of scratch
  std::int64_t offset = 0;  // in the arena, in bytes
};

/// Steps that run as one: a single op, or the steps of a fused loop.
struct Group {
  enum class Kind : std::uint8_t {
    single,  // one step of any kind
    small,   // pointwise ones on small arrays, each whole
    tiled    // pointwise ones on large arrays of one size, tile by tile
  } kind = Kind::single;
  std::vector<std::size_t> steps;
  std::vector<LoopStep> loop = {};  // how each step runs; of `small` and `tiled`

  // ---- of tiled groups ----
  std::int64_t rows = 1, columns = 0;
  std::int64_t tile_rows = 1, tile_columns = 0;
  std::size_t num_slots = 0;  // of scratch, each as large as a tile
  std::int64_t slot_bytes = 0;
  bool has_product = false;
  std::vector<std::int64_t> partials = {};  // of each step: where a reduction's partial results are

  // ---- of single ones ----
  Kernel kernel = {};                               // if the op prepares one
  std::int64_t workspace = 0, workspace_bytes = 0;  // of the kernel: where in the arena

  std::int64_t tiles_across() const { return (columns - 1) / tile_columns + 1; }
  std::int64_t tiles_down() const { return (rows - 1) / tile_rows + 1; }
  /// Whether the rows of a tile are apart from each other in memory.
  bool has_split_rows() const { return tile_rows > 1 && tile_columns < columns; }
  /// How many partial results there are for each element of a reduction's result; 1 for none.
  std::int64_t num_partials(ReductionKind reduction) const;
};

/// Blocks of the arena are whole cache lines.
inline constexpr std::int64_t kArenaAlignment = 64;
constexpr std::int64_t padded_bytes(std::int64_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

/// A variable's new value at the end of a run.
struct Assignment {
  std::size_t variable;
  ValueId value;
  bool in_place;  // its producer writes into the variable's own memory
};

/// The most that the scratch of a tile takes: it is on the stack.
inline constexpr std::int64_t kScratchBytes = 32768;

struct Plan {
  std::vector<View> views;        // of each value
  std::vector<MemorySlot> slots;  // of each root
  std::vector<Group> groups;
  std::vector<Variable> variables;
  std::vector<Assignment> assignments;
  std::vector<ValueId> output_roots;  // those that are computed
  std::int64_t arena_bytes = 0;

  const View& view(ValueId id) const { return views[static_cast<std::size_t>(id)]; }
  ValueId root(ValueId id) const { return view(id).root; }
  const MemorySlot& slot(ValueId root) const { return slots[static_cast<std::size_t>(root)]; }
};

Plan make_plan(const Tape& tape);

/// Tensors with the layouts of these values and no memory yet.
Tensors bare_tensors(const Tape& tape,
                     const std::vector<View>& views,
                     const std::vector<ValueId>& ids);

}  // namespace nyala::graph
