// Pointwise steps run together, tile by tile: what one step leaves in the cache the next one reads.
#include <algorithm>
#include <array>

#include <nyala/autograd/graph/instance.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/kernels/update.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::graph {
namespace {

using Kind = Pointwise::Kind;

// Elements times steps below which a second thread costs more than it brings.
constexpr std::int64_t kParallelWork = 1 << 17;
constexpr std::int64_t kSlowFactor = 8;  // of an exp or log beside an addition

// A loop and the operands that it takes, by number; the last one is written.
struct Instruction {
  Kind kind = Kind::no;
  bool by_rows = false;
  union {
    kernels::UnaryLoop unary = nullptr;
    kernels::BinaryLoop binary;
    kernels::SelectLoop select;
    kernels::UpdateLoop update;
  };
  std::size_t num_inputs = 1;
  std::array<std::uint16_t, 6> operands = {};
};

struct Operand {
  std::int64_t row_step = 0, column_step = 0;  // in bytes
  std::int64_t scratch = -1;                   // where in the scratch, for what lies there
};

kernels::BinaryLoop binary_loop(const Step& step, DType dtype, Reading x, Reading y) {
  const kernels::BinaryLoops loops =
      kernels::binary_loops(static_cast<kernels::Binary>(step.op.def().pointwise.kernel), dtype);
  return is_one_a_row(x) ? loops.scalar_x : is_one_a_row(y) ? loops.scalar_y : loops.both;
}

class PassUnit final : public BoundUnit {
 public:
  PassUnit(const Tape& tape, const Plan& plan, const Unit& unit, Instance& instance) : unit_(unit) {
    for (std::size_t i : unit.steps) add(tape, plan, tape.steps[i]);
    pointers_.resize(operands_.size());
    for (std::size_t i = 0; i < values_.size(); ++i)
      instance.point(&pointers_[i], values_[i], unit);
  }

  void run() override {
    if (unit_.is_single_tile()) return run_tile(pointers_.data(), unit_.rows, unit_.columns);
    const std::int64_t across = (unit_.columns - 1) / unit_.tile_columns + 1;
    const std::int64_t down = (unit_.rows - 1) / unit_.tile_rows + 1;
    const std::int64_t tile = unit_.tile_rows * unit_.tile_columns;
    const std::int64_t grain = std::max<std::int64_t>(kParallelWork / (tile * weight_), 1);
    parallel_for(across * down, grain, [&](std::int64_t begin, std::int64_t end) {
      run_tiles(across, begin, end);
    });
  }

 private:
  void add(const Tape& tape, const Plan& plan, const Step& step);
  std::uint16_t operand(const Tape& tape, const Plan& plan, ValueId id, Reading reading);
  void run_tiles(std::int64_t across, std::int64_t begin, std::int64_t end) const;
  void run_tile(std::byte* const* at, std::int64_t rows, std::int64_t columns) const;
  void run_rows(const Instruction& instruction,
                std::byte* const* at,
                std::int64_t rows,
                std::int64_t columns) const;

  const Unit& unit_;
  std::int64_t weight_ = 0;
  std::vector<Instruction> instructions_;
  std::vector<Operand> operands_;
  std::vector<ValueId> values_;       // of each operand
  std::vector<std::byte*> pointers_;  // of each operand, to its first element
};

std::uint16_t PassUnit::operand(const Tape& tape, const Plan& plan, ValueId id, Reading reading) {
  const auto item = static_cast<std::int64_t>(size_of(tape[id].spec.dtype));
  const Place& place = plan.place(plan.root(id));
  Operand operand;
  if (place.base == Place::Base::scratch)
    operand.scratch = static_cast<std::int64_t>(place.index) * unit_.slot_bytes;
  if (reading == Reading::full) {
    operand.column_step = item;
    operand.row_step = item * (operand.scratch >= 0 ? unit_.tile_columns : unit_.columns);
  } else if (reading == Reading::row) {
    operand.column_step = item;
  } else if (reading == Reading::column) {
    operand.row_step = item;
  }
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const bool same_way = operands_[i].row_step == operand.row_step &&
                          operands_[i].column_step == operand.column_step;
    if (values_[i] == id && same_way) return static_cast<std::uint16_t>(i);
  }
  operands_.push_back(operand);
  values_.push_back(id);
  return static_cast<std::uint16_t>(values_.size() - 1);
}

void PassUnit::add(const Tape& tape, const Plan& plan, const Step& step) {
  const OpDef& def = step.op.def();
  const Pass pass = *pass_of(tape, plan, step);
  const DType from = tape[step.inputs.back()].spec.dtype;
  Instruction instruction;
  instruction.kind = def.pointwise.kind;
  bool slow = false;
  switch (def.pointwise.kind) {
    case Kind::unary: {
      const auto op = static_cast<kernels::Unary>(def.pointwise.kernel);
      instruction.unary = kernels::unary_loop(op, from);
      slow = kernels::is_slow(op);
      break;
    }
    case Kind::binary:
      instruction.binary = binary_loop(step, from, pass.readings[0], pass.readings[1]);
      slow = kernels::is_slow(static_cast<kernels::Binary>(def.pointwise.kernel));
      break;
    case Kind::update:
      instruction.update =
          kernels::update_loop(static_cast<kernels::Update>(def.pointwise.kernel), from);
      break;
    case Kind::select:
      instruction.select = kernels::select_loop(
          from, is_one_a_row(pass.readings[1]), is_one_a_row(pass.readings[2]));
      break;
    default: instruction.unary = kernels::cast_loop(from, tape[step.outputs[0]].spec.dtype);
  }
  instruction.num_inputs = step.inputs.size();
  weight_ += slow ? kSlowFactor : 1;
  for (std::size_t i = 0; i < step.inputs.size(); ++i) {
    instruction.operands[i] = operand(tape, plan, step.inputs[i], pass.readings[i]);
    instruction.by_rows |= pass.readings[i] == Reading::row || pass.readings[i] == Reading::column;
  }
  instruction.operands[step.inputs.size()] = operand(tape, plan, step.outputs[0], Reading::full);
  instructions_.push_back(instruction);
}

void PassUnit::run_tiles(std::int64_t across, std::int64_t begin, std::int64_t end) const {
  constexpr std::size_t kMostOperands = 64;
  alignas(64) std::array<std::byte, kScratchBytes> scratch;
  std::array<std::byte*, kMostOperands> inline_pointers;
  std::vector<std::byte*> more;
  std::byte** at = inline_pointers.data();
  if (operands_.size() > kMostOperands) {
    more.resize(operands_.size());
    at = more.data();
  }
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    if (operands_[i].scratch >= 0) at[i] = scratch.data() + operands_[i].scratch;
  }
  for (std::int64_t tile = begin; tile < end; ++tile) {
    const std::int64_t row = tile / across * unit_.tile_rows;
    const std::int64_t column = tile % across * unit_.tile_columns;
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      const Operand& operand = operands_[i];
      if (operand.scratch < 0)
        at[i] = pointers_[i] + row * operand.row_step + column * operand.column_step;
    }
    run_tile(at,
             std::min(unit_.tile_rows, unit_.rows - row),
             std::min(unit_.tile_columns, unit_.columns - column));
  }
}

void PassUnit::run_tile(std::byte* const* at, std::int64_t rows, std::int64_t columns) const {
  const std::int64_t n = rows * columns;
  for (const Instruction& now : instructions_) {
    const auto& o = now.operands;
    if (now.by_rows) {
      run_rows(now, at, rows, columns);
      continue;
    }
    switch (now.kind) {
      case Kind::binary: now.binary(at[o[0]], at[o[1]], at[o[2]], n); break;
      case Kind::select: now.select(at[o[0]], at[o[1]], at[o[2]], at[o[3]], n); break;
      case Kind::update: {
        std::array<const void*, 5> inputs;
        for (std::size_t i = 0; i < now.num_inputs; ++i) inputs[i] = at[o[i]];
        now.update(inputs.data(), at[o[now.num_inputs]], n);
        break;
      }
      default: now.unary(at[o[0]], at[o[1]], n);
    }
  }
}

void PassUnit::run_rows(const Instruction& now,
                        std::byte* const* at,
                        std::int64_t rows,
                        std::int64_t columns) const {
  const auto& o = now.operands;
  const std::size_t count = now.num_inputs + 1;
  std::array<std::byte*, 4> p;
  for (std::size_t i = 0; i < count; ++i) p[i] = at[o[i]];
  for (std::int64_t row = 0; row < rows; ++row) {
    switch (now.kind) {
      case Kind::binary: now.binary(p[0], p[1], p[2], columns); break;
      case Kind::select: now.select(p[0], p[1], p[2], p[3], columns); break;
      default: now.unary(p[0], p[1], columns);
    }
    for (std::size_t i = 0; i < count; ++i) p[i] += operands_[o[i]].row_step;
  }
}

}  // namespace

std::unique_ptr<BoundUnit> bind_pass(const Tape& tape,
                                     const Plan& plan,
                                     const Unit& unit,
                                     Instance& instance) {
  return std::make_unique<PassUnit>(tape, plan, unit, instance);
}

}  // namespace nyala::graph
