// What one step of a pass does to the arrays that it is given.
#include <algorithm>

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
  switch (now.reducing) {
    case Reducing::to_one: return now.row(x, rows * columns, out);
    case Reducing::to_column:
      for (std::int64_t i = 0; i < rows; ++i)
        now.row(x + i * stride, columns, out + i * now.row_steps[1]);
      return;
    default: reduce_to_row(now, x, rows, stride / item, columns, out);
  }
}

namespace {

using Kind = Pointwise::Kind;

kernels::BinaryLoop binary_loop(const Step& step, DType dtype, Reading x, Reading y) {
  const kernels::BinaryLoops loops =
      kernels::binary_loops(static_cast<kernels::Binary>(step.op.def().pointwise.kernel), dtype);
  return is_one_a_row(x) ? loops.scalar_x : is_one_a_row(y) ? loops.scalar_y : loops.both;
}

}  // namespace

Instruction instruction_of(const Tape& tape, const Step& step, const Pass& pass) {
  const OpDef& def = step.op.def();
  const DType from = tape[step.inputs.back()].spec.dtype;
  Instruction now;
  now.kind = def.pointwise.kind;
  now.reducing = pass.reducing;
  now.num_inputs = static_cast<std::uint8_t>(step.inputs.size());
  now.num_operands = static_cast<std::uint8_t>(now.num_inputs + 1);
  now.count = pass.columns == 0 ? pass.size : pass.columns;
  now.rows = pass.size / now.count;
  if (pass.reducing != Reducing::no) {
    const kernels::ReduceLoops loops = kernels::reduce_loops(pass.reduce, from);
    now.dtype = from;
    now.reduce = pass.reduce;
    if (pass.reducing == Reducing::to_row)
      now.columns = loops.columns;
    else
      now.row = loops.row;
    return now;
  }
  for (Reading reading : pass.readings)
    now.by_rows |= reading == Reading::row || reading == Reading::column;
  switch (def.pointwise.kind) {
    case Kind::unary:
      now.unary = kernels::unary_loop(static_cast<kernels::Unary>(def.pointwise.kernel), from);
      break;
    case Kind::binary:
      now.binary = binary_loop(step, from, pass.readings[0], pass.readings[1]);
      break;
    case Kind::update:
      now.update_op = static_cast<kernels::Update>(def.pointwise.kernel);
      now.dtype = from;
      now.update = kernels::update_loop(now.update_op, from);
      break;
    case Kind::select:
      now.select = kernels::select_loop(
          from, is_one_a_row(pass.readings[1]), is_one_a_row(pass.readings[2]));
      break;
    default: now.unary = kernels::cast_loop(from, tape[step.outputs[0]].spec.dtype);
  }
  return now;
}

void join_adam(std::vector<Instruction>& all) {
  using kernels::Update;
  const auto is = [](const Instruction& now, Update op) {
    return now.kind == Kind::update && now.product < 0 && now.update_op == op;
  };
  const auto reads = [](const Instruction& now, std::int32_t operand, auto... inputs) {
    return ((now.operands[inputs] == operand) || ...);
  };
  std::size_t kept = 0;
  for (std::size_t k = 0; k < all.size(); ++k) {
    if (k + 3 > all.size()) {
      all[kept++] = all[k];
      continue;
    }
    const Instruction m = all[k], v = all[k + 1], x = all[k + 2];
    const std::int32_t new_m = m.operands[3], new_v = v.operands[3];
    // One loop reads all else before it writes.
    const bool fits = is(m, Update::lerp) && is(v, Update::lerp_square) &&
                      is(x, Update::root_step) && new_m == x.operands[1] &&
                      new_v == x.operands[2] && !reads(v, new_m, 0U, 1U, 2U) &&
                      !reads(x, new_m, 0U, 3U, 4U) && !reads(x, new_v, 0U, 3U, 4U);
    if (!fits) {
      all[kept++] = m;
      continue;
    }
    Instruction& adam = all[kept++] = m;
    k += 2;
    std::size_t to = 0;
    const auto take = [&](const Instruction& from, std::initializer_list<std::size_t> which) {
      for (std::size_t i : which) {
        adam.operands[to] = from.operands[i];
        adam.row_steps[to++] = from.row_steps[i];
      }
    };
    take(m, {0, 1, 2});
    take(v, {0, 1, 2});
    take(x, {0, 3, 4});
    take(m, {3});
    take(v, {3});
    take(x, {5});
    adam.is_adam = true;
    adam.adam = kernels::adam_loop(m.dtype);
    adam.num_inputs = kernels::kAdamInputs;
    adam.num_operands = kernels::kAdamArrays;
    adam.by_rows = m.by_rows || v.by_rows || x.by_rows;
    adam.count = std::min({m.count, v.count, x.count});
  }
  all.resize(kept);
}

}  // namespace nyala::graph
