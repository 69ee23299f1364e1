// What one step of a loop does to the arrays that it is given.
#include <algorithm>
#include <iterator>

#include <nyala/autograd/graph/support.hpp>

namespace nyala::graph {

void call_by_rows(const Instruction& now,
                  std::byte* const* at,
                  std::int64_t rows,
                  std::int64_t columns) {
  const std::size_t count = now.num_operands;
  std::array<std::byte*, kMostOperands> p;
  std::copy_n(at, count, p.begin());
  for (std::int64_t row = 0; row < rows; ++row) {
    call(now, p.data(), columns);
    for (std::size_t i = 0; i < count; ++i) p[i] += now.row_steps[i];
  }
}

void reduce_to_row(const Instruction& now,
                   const std::byte* x,
                   std::int64_t rows,
                   std::int64_t stride,
                   std::int64_t columns,
                   std::byte* out) {
  const auto item = static_cast<std::int64_t>(size_of(now.dtype));
  kernels::fill_neutral(now.reduce, now.dtype, columns, out);
  for (std::int64_t i = 0; i < columns; i += kernels::kColumns) {
    now.columns(
        x + i * item, rows, stride, std::min(kernels::kColumns, columns - i), out + i * item);
  }
}

void call_reduction(const Instruction& now,
                    std::byte* const* at,
                    std::int64_t rows,
                    std::int64_t columns) {
  const auto item = static_cast<std::int64_t>(size_of(now.dtype));
  const std::byte* x = at[0];
  std::byte* out = at[1];
  const std::int64_t stride = now.row_steps[0];
  switch (now.reduction) {
    case ReductionKind::to_one: return now.row(x, rows * columns, out);
    case ReductionKind::to_column:
      for (std::int64_t i = 0; i < rows; ++i)
        now.row(x + i * stride, columns, out + i * now.row_steps[1]);
      return;
    default: reduce_to_row(now, x, rows, stride / item, columns, out);
  }
}

namespace {

using Kind = Pointwise::Kind;

kernels::BinaryLoop binary_loop(const Step& step, DType dtype, Access x, Access y) {
  const kernels::BinaryLoops loops =
      kernels::binary_loops(static_cast<kernels::Binary>(step.op.def().pointwise.kernel), dtype);
  return is_one_a_row(x) ? loops.scalar_x : is_one_a_row(y) ? loops.scalar_y : loops.both;
}

}  // namespace

Instruction instruction_of(const Tape& tape, const Step& step, const LoopStep& loop) {
  const OpDef& def = step.op.def();
  const DType from = tape[step.inputs.back()].spec.dtype;
  Instruction now;
  now.kind = def.pointwise.kind;
  now.reduction = loop.reduction;
  now.num_inputs = static_cast<std::uint8_t>(step.inputs.size());
  now.num_operands = static_cast<std::uint8_t>(now.num_inputs + 1);
  now.count = loop.columns == 0 ? loop.size : loop.columns;
  now.rows = loop.size / now.count;
  if (loop.reduction != ReductionKind::no) {
    const kernels::ReduceLoops loops = kernels::reduce_loops(loop.reduce, from);
    now.dtype = from;
    now.reduce = loop.reduce;
    if (loop.reduction == ReductionKind::to_row)
      now.columns = loops.columns;
    else
      now.row = loops.row;
    return now;
  }
  for (Access access : loop.inputs)
    now.by_rows |= access == Access::row || access == Access::column;
  switch (def.pointwise.kind) {
    case Kind::unary:
      now.unary = kernels::unary_loop(static_cast<kernels::Unary>(def.pointwise.kernel), from);
      break;
    case Kind::binary: now.binary = binary_loop(step, from, loop.inputs[0], loop.inputs[1]); break;
    case Kind::update:
      now.update_op = static_cast<kernels::Update>(def.pointwise.kernel);
      now.dtype = from;
      now.update = kernels::update_loop(now.update_op, from);
      break;
    case Kind::select:
      now.select =
          kernels::select_loop(from, is_one_a_row(loop.inputs[1]), is_one_a_row(loop.inputs[2]));
      break;
    default: now.unary = kernels::cast_loop(from, tape[step.outputs[0]].spec.dtype);
  }
  return now;
}

namespace {

using Three = std::array<Instruction, 3>;

std::int32_t operand(const Three& all, const kernels::FusedUpdates::Operand& which) {
  return all[which.update].operands[which.index];
}

// Whether one loop does these updates: it reads all else before it writes, so that none may read
// what an earlier one wrote, but where the loop hands it on.
bool are_fusible(const Three& all, const kernels::FusedUpdates& by) {
  for (std::size_t k = 0; k < all.size(); ++k) {
    if (all[k].kind != Kind::update || all[k].is_fused || all[k].update_op != by.updates[k])
      return false;
  }
  for (const auto& [made, read] : by.handed_on) {
    if (operand(all, made) != operand(all, read)) return false;
  }
  for (std::size_t i = 0; i < kernels::kFusedInputs; ++i) {
    const auto& read = by.arrays[i];
    for (std::size_t k = 0; k < read.update; ++k) {
      if (operand(all, read) == all[k].operands[all[k].num_inputs]) return false;
    }
  }
  return true;
}

Instruction fused(const Three& all, const kernels::FusedUpdates& by) {
  Instruction one = all[0];
  for (std::size_t i = 0; i < by.arrays.size(); ++i) {
    const Instruction& from = all[by.arrays[i].update];
    one.operands[i] = from.operands[by.arrays[i].index];
    one.row_steps[i] = from.row_steps[by.arrays[i].index];
  }
  one.is_fused = true;
  one.fused = by.loop(one.dtype);
  one.num_inputs = kernels::kFusedInputs;
  one.num_operands = kernels::kFusedArrays;
  one.by_rows = all[0].by_rows || all[1].by_rows || all[2].by_rows;
  one.count = std::min({all[0].count, all[1].count, all[2].count});
  return one;
}

}  // namespace

void fuse_updates(std::vector<Instruction>& all) {
  std::size_t kept = 0;
  for (std::size_t k = 0; k < all.size(); ++k) {
    if (k + 3 <= all.size()) {
      const Three next = {all[k], all[k + 1], all[k + 2]};
      const auto* const by =
          std::find_if(std::begin(kernels::kFusedUpdates),
                       std::end(kernels::kFusedUpdates),
                       [&](const kernels::FusedUpdates& some) { return are_fusible(next, some); });
      if (by != std::end(kernels::kFusedUpdates)) {
        all[kept++] = fused(next, *by);
        k += 2;
        continue;
      }
    }
    all[kept++] = all[k];
  }
  all.resize(kept);
}

}  // namespace nyala::graph
