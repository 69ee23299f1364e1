#pragma once
/// How a tape runs: which steps go together, in what order, and where each value lies.
#include <memory>
#include <optional>
#include <vector>

#include <nyala/autograd/graph/tape_ir.hpp>

namespace nyala::kernels {
enum class Reduce : std::uint8_t;
struct MatmulPlan;
}  // namespace nyala::kernels

namespace nyala::graph {

/// A value as a look at the elements of another one (of itself, mostly), its root.
struct View {
  ValueId root = -1;
  std::int64_t offset = 0;  // in bytes
  Shape strides = {};
};

/// The memory of a root.
struct Place {
  enum class Base : std::uint8_t { none, arena, scratch, constant, input, variable, output };
  Base base = Base::none;
  std::size_t index = 0;    // which input, variable or output; which slot of scratch
  std::int64_t offset = 0;  // in the arena, in bytes
};

/// How a pointwise step reads an input, for a result seen as (rows, columns).
enum class Reading : std::uint8_t {
  full,    // it lies as the result does
  row,     // the same row over and over
  column,  // one element for each row
  scalar   // one element
};

/// Whether one element serves a whole row.
constexpr bool is_one_a_row(Reading reading) {
  return reading == Reading::column || reading == Reading::scalar;
}

/// What a reduction at the end of pointwise steps makes of (rows, columns).
enum class Reducing : std::uint8_t {
  no,
  to_one,     // one element
  to_column,  // one element for each row
  to_row      // one row
};

/// What a pointwise step asks of the steps that it runs together with; or a product that is made
/// tile by tile, each of which the pointwise steps that follow read while it is in the cache.
struct Pass {
  std::int64_t size = 0;     // of the result; of the input, for a reduction
  std::int64_t columns = 0;  // 0 where any will do
  SmallVector<Reading, 5> readings;
  Reducing reducing = Reducing::no;
  kernels::Reduce reduce = {};
  std::shared_ptr<const kernels::MatmulPlan> product = nullptr;  // of all rows and columns

  /// Whether it runs whole, beside others of any size.
  bool is_small() const { return size <= kSmallPass; }
  static constexpr std::int64_t kSmallPass = 2048;
};

/// Steps that run together.
struct Unit {
  enum class Kind : std::uint8_t {
    step,   // one of any kind
    small,  // pointwise ones on small arrays, each whole
    tiles   // pointwise ones on large arrays of one size, tile by tile
  } kind = Kind::step;
  std::vector<std::size_t> steps;
  std::int64_t rows = 1, columns = 0;
  std::int64_t tile_rows = 1, tile_columns = 0;
  std::size_t num_slots = 0;  // of scratch, each as large as a tile
  std::int64_t slot_bytes = 0;
  bool has_product = false;
  std::vector<std::int64_t> parts;  // of each step: where in the arena a reduction's parts lie
  Kernel kernel = {};               // of a single step, if its op prepares one
  std::int64_t workspace = 0, workspace_bytes = 0;  // of that: where in the arena

  std::int64_t tiles_across() const { return (columns - 1) / tile_columns + 1; }
  std::int64_t tiles_down() const { return (rows - 1) / tile_rows + 1; }
  /// Whether the rows of a tile lie apart.
  bool has_split_rows() const { return tile_rows > 1 && tile_columns < columns; }
  /// How many results of tiles there are for each element of a reduction's result; 1 for none.
  std::int64_t num_parts(Reducing reducing) const;
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

/// The most that the scratch of a tile takes: it lies on the stack.
inline constexpr std::int64_t kScratchBytes = 32768;

struct Plan {
  std::vector<View> views;    // of each value
  std::vector<Place> places;  // of each root
  std::vector<Unit> units;
  std::vector<Variable> variables;
  std::vector<Assignment> assignments;
  std::vector<ValueId> output_roots;  // those that are computed
  std::int64_t arena_bytes = 0;

  const View& view(ValueId id) const { return views[static_cast<std::size_t>(id)]; }
  ValueId root(ValueId id) const { return view(id).root; }
  const Place& place(ValueId root) const { return places[static_cast<std::size_t>(root)]; }
};

Plan make_plan(const Tape& tape);

/// How a step would run beside pointwise ones; nothing where it can not.
std::optional<Pass> pass_of(const Tape& tape, const Plan& plan, const Step& step);

/// Tensors that lie as these values do, nowhere yet.
Tensors bare_tensors(const Tape& tape, const Plan& plan, const std::vector<ValueId>& ids);

}  // namespace nyala::graph
