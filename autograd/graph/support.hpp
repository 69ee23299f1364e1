#pragma once
/// What the groups of loops share: a loop with its operands. Not installed.
#include <array>
#include <vector>

#include <nyala/autograd/graph/instance.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/kernels/reduce_loops.hpp>
#include <nyala/core/kernels/update.hpp>

namespace nyala::graph {

constexpr std::size_t kMostOperands = kernels::kFusedArrays;

/// A loop and the operands that it takes, by number; the last one is written (the last three, by
/// fused updates).
struct Instruction {
  using Kind = Pointwise::Kind;
  Kind kind = Kind::no;
  ReductionKind reduction = ReductionKind::no;
  bool by_rows = false;
  bool is_fused = false;
  std::uint8_t num_inputs = 1;
  std::uint8_t num_operands = 2;
  std::int16_t product = -1;     // which of the group's products; -1 for none
  DType dtype = DType::float32;  // of a reduction or an update
  kernels::Update update_op = {};
  kernels::Reduce reduce = {};
  union {
    kernels::UnaryLoop unary = nullptr;
    kernels::BinaryLoop binary;
    kernels::SelectLoop select;
    kernels::UpdateLoop update;
    kernels::FusedUpdateLoop fused;
    decltype(kernels::ReduceLoops::row) row;
    decltype(kernels::ReduceLoops::columns) columns;
  };
  std::int64_t rows = 1, count = 0;  // of the whole arrays; columns in a row
  std::array<std::int32_t, kMostOperands> operands = {};
  std::array<std::int64_t, kMostOperands> row_steps = {};  // of the operands, in bytes
};

/// One for each of `rows` rows; a reduction.
void call_by_rows(const Instruction& now,
                  std::byte* const* at,
                  std::int64_t rows,
                  std::int64_t columns);
void call_reduction(const Instruction& now,
                    std::byte* const* at,
                    std::int64_t rows,
                    std::int64_t columns);
/// One row of all of x's, `stride` elements apart.
void reduce_to_row(const Instruction& now,
                   const std::byte* x,
                   std::int64_t rows,
                   std::int64_t stride,
                   std::int64_t columns,
                   std::byte* out);

/// `at` holds where each operand begins, the written one last.
[[gnu::always_inline]] inline void call(const Instruction& now,
                                        std::byte* const* at,
                                        std::int64_t n) {
  switch (now.kind) {
    case Pointwise::Kind::binary: return now.binary(at[0], at[1], at[2], n);
    case Pointwise::Kind::select: return now.select(at[0], at[1], at[2], at[3], n);
    case Pointwise::Kind::update:
      if (now.is_fused) return now.fused(reinterpret_cast<void* const*>(at), n);
      return now.update(reinterpret_cast<void* const*>(at), at[now.num_inputs], n);
    default: return now.unary(at[0], at[1], n);
  }
}

[[gnu::always_inline]] inline void execute(const Instruction& now,
                                           std::byte* const* at,
                                           std::int64_t rows,
                                           std::int64_t columns) {
  if (now.reduction != ReductionKind::no) return call_reduction(now, at, rows, columns);
  if (now.by_rows) return call_by_rows(now, at, rows, columns);
  call(now, at, rows * columns);
}

/// The loop of a step, without its operands.
Instruction instruction_of(const Tape& tape, const Step& step, const LoopStep& loop);
/// Updates that come one after the other become one instruction where one loop does all of them.
void fuse_updates(std::vector<Instruction>& all);

/// The bytes from one row to the next, `columns` apart where all elements differ.
inline std::int64_t row_step(Access access, std::int64_t item, std::int64_t columns) {
  return access == Access::full ? item * columns : access == Access::column ? item : 0;
}
inline std::int64_t column_step(Access access, std::int64_t item) {
  return access == Access::full || access == Access::row ? item : 0;
}

inline std::int64_t item_of(const Tape& tape, ValueId id) {
  return static_cast<std::int64_t>(size_of(tape[id].spec.dtype));
}

std::unique_ptr<BoundGroup> bind_small(const Tape& tape,
                                       const Plan& plan,
                                       const Group& group,
                                       Instance& instance);
std::unique_ptr<BoundGroup> bind_tiled(const Tape& tape,
                                       const Plan& plan,
                                       const Group& group,
                                       Instance& instance);

}  // namespace nyala::graph
