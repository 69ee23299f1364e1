// Products, pointwise steps and the reductions that they end in, run together tile by tile, so that
// the next step reads what one leaves in the cache.
#include <algorithm>
#include <unordered_map>

#include <nyala/autograd/graph/support.hpp>
#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::graph {
namespace {

using Kind = Pointwise::Kind;

// Elements times steps below which a second thread costs more than it brings.
constexpr std::int64_t kParallelWork = 1 << 17;
constexpr std::int64_t kSlowFactor = 8;  // of an exp or log beside an addition

bool is_slow(const Pointwise& pointwise) {
  if (pointwise.kind == Kind::unary)
    return kernels::is_slow(static_cast<kernels::Unary>(pointwise.kernel));
  return pointwise.kind == Kind::binary &&
         kernels::is_slow(static_cast<kernels::Binary>(pointwise.kernel));
}

class TilesUnit final : public BoundUnit {
 public:
  TilesUnit(const Tape& tape, const Plan& plan, const Unit& unit, Instance& instance)
      : unit_(unit) {
    for (std::size_t k = 0; k < unit.steps.size(); ++k) add(tape, plan, k);
    join_adam(instructions_);
    find_ahead();
    pointers_.resize(operands_.size());
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      if (operands_[i].parts < 0)
        instance.point(&pointers_[i], operands_[i].value);
      else
        pointers_[i] = instance.arena() + operands_[i].parts;
    }
  }

  void run() override {
    for (Product& product : products_) {
      if (product.part.packed_b)
        kernels::pack_columns(
            product.whole, pointers_[product.right], product.packed.mutable_data());
    }
    const std::int64_t across = unit_.tiles_across();
    const std::int64_t tile = unit_.tile_rows * unit_.tile_columns;
    const std::int64_t grain = std::max<std::int64_t>(kParallelWork / (tile * weight_), 1);
    parallel_for(across * unit_.tiles_down(), grain, [&](std::int64_t begin, std::int64_t end) {
      run_tiles(across, begin, end);
    });
    for (const Ending& ending : endings_) finish(ending);
  }

 private:
  struct Operand {
    ValueId value;
    std::int64_t row_step = 0;                    // of what lies in tiles: from one row to the next
    std::int64_t tile_down = 0, tile_across = 0;  // bytes from one tile to the next
    std::int64_t scratch = -1;                    // where in the scratch, for what lies there
    std::int64_t parts = -1;                      // where in the arena, for parts of a reduction
  };
  // A product, what a tile is of it, and where its right operand is packed for all tiles.
  struct Product {
    kernels::MatmulPlan whole, part;
    std::size_t right;
    Tensor packed;
  };
  // A reduction's parts, and where they are put together.
  struct Ending {
    Instruction how;
    std::int32_t parts, result;
  };

  void add(const Tape& tape, const Plan& plan, std::size_t k);
  void add_product(const Tape& tape, const Plan& plan, const Step& step, const Pass& pass);
  void find_ahead();
  void multiply(const Instruction& now,
                std::byte* const* own,
                std::byte* const* at,
                std::int64_t rows,
                std::int64_t columns) const;
  std::int32_t number(const Operand& operand);
  Operand operand(const Tape& tape, const Plan& plan, ValueId id, Reading reading) const;
  void add_reduction(const Tape& tape, std::size_t k, Instruction now);
  void run_tiles(std::int64_t across, std::int64_t begin, std::int64_t end) const;
  void finish(const Ending& ending) const;

  const Unit& unit_;
  std::int64_t weight_ = 0;
  std::vector<Instruction> instructions_;
  std::vector<Product> products_;
  std::vector<std::int32_t> ahead_;  // operands that the first product fetches
  std::int64_t ahead_row_ = 0;       // bytes of theirs in a row
  std::vector<Ending> endings_;
  std::vector<Operand> operands_;
  std::unordered_multimap<ValueId, std::int32_t> numbers_;  // of operands, by value
  std::vector<std::byte*> pointers_;                        // of each operand, to its first element
};

TilesUnit::Operand TilesUnit::operand(const Tape& tape,
                                      const Plan& plan,
                                      ValueId id,
                                      Reading reading) const {
  const std::int64_t item = item_of(tape, id);
  const Place& place = plan.place(plan.root(id));
  Operand operand{id};
  if (place.base == Place::Base::scratch) {
    operand.scratch = static_cast<std::int64_t>(place.index) * unit_.slot_bytes;
    operand.row_step = item * unit_.tile_columns;
    return operand;
  }
  operand.row_step = row_step(reading, item, unit_.columns);
  operand.tile_down = operand.row_step * unit_.tile_rows;
  operand.tile_across = column_step(reading, item) * unit_.tile_columns;
  return operand;
}

std::int32_t TilesUnit::number(const Operand& operand) {
  const auto [first, last] = numbers_.equal_range(operand.value);
  for (auto known = first; known != last; ++known) {
    const Operand& other = operands_[static_cast<std::size_t>(known->second)];
    if (other.row_step == operand.row_step && other.tile_across == operand.tile_across &&
        other.parts == operand.parts)
      return known->second;
  }
  const auto number = static_cast<std::int32_t>(operands_.size());
  operands_.push_back(operand);
  numbers_.emplace(operand.value, number);
  return number;
}

void TilesUnit::add(const Tape& tape, const Plan& plan, std::size_t k) {
  const Step& step = tape.steps[unit_.steps[k]];
  const Pass pass = *pass_of(tape, plan, step);
  if (pass.product) return add_product(tape, plan, step, pass);
  Instruction now = instruction_of(tape, step, pass);
  now.by_rows |= unit_.has_split_rows();
  weight_ += is_slow(step.op.def().pointwise) ? kSlowFactor : 1;
  const auto set = [&](std::size_t i, const Operand& operand) {
    now.operands[i] = number(operand);
    now.row_steps[i] = operand.row_step;
  };
  for (std::size_t i = 0; i < step.inputs.size(); ++i)
    set(i, operand(tape, plan, step.inputs[i], pass.readings[i]));
  if (pass.reducing != Reducing::no) return add_reduction(tape, k, now);
  set(now.num_inputs, operand(tape, plan, step.outputs[0], Reading::full));
  instructions_.push_back(now);
}

// Its operands are rows of the left matrix and columns of the right one.
void TilesUnit::add_product(const Tape& tape,
                            const Plan& plan,
                            const Step& step,
                            const Pass& pass) {
  constexpr std::int64_t kAdditions = 8;  // multiply-adds that take as long as a cheap step
  const kernels::MatmulPlan& whole = *pass.product;
  const std::int64_t item = item_of(tape, step.outputs[0]);
  weight_ += std::max<std::int64_t>(whole.k / kAdditions, 1);
  Instruction now;
  now.product = static_cast<std::int16_t>(products_.size());
  now.num_inputs = static_cast<std::uint8_t>(step.inputs.size());
  now.num_operands = static_cast<std::uint8_t>(now.num_inputs + 1);
  const std::int64_t down = whole.a.row * item * unit_.tile_rows;
  const std::int64_t across = item * unit_.tile_columns;
  now.operands[0] = number({step.inputs[0], whole.a.row * item, down, 0});
  for (std::size_t i = 1; i < step.inputs.size(); ++i)
    now.operands[i] = number({step.inputs[i], 0, 0, across});
  const Operand out = operand(tape, plan, step.outputs[0], Reading::full);
  now.operands[now.num_inputs] = number(out);
  // Packing pays where many tiles read the same columns, and these are long.
  constexpr std::int64_t many = 256, deep = 64;
  const bool packed =
      !whole.blas && whole.m >= many && whole.k >= deep && unit_.tile_columns == unit_.columns;
  products_.push_back(
      {whole,
       kernels::part_of(whole, unit_.tile_rows, unit_.tile_columns, out.row_step / item, packed),
       static_cast<std::size_t>(now.operands[1]),
       packed ? Tensor::empty({kernels::packed_size(whole)}, whole.dtype) : Tensor()});
  instructions_.push_back(now);
}

// Arrays that lie far away and in one piece are fetched while the first product keeps the
// multipliers busy; the loops over packed columns do that.
void TilesUnit::find_ahead() {
  constexpr std::int64_t far = 1 << 19;
  if (products_.empty() || !products_[0].part.packed_b) return;
  for (const Instruction& now : instructions_) {
    for (std::size_t i = 0; i < now.num_inputs && now.product < 0; ++i) {
      const std::int32_t number = now.operands[i];
      const Operand& from = operands_[static_cast<std::size_t>(number)];
      const bool is_far = from.scratch < 0 && from.tile_across != 0 && from.row_step != 0 &&
                          from.row_step * unit_.rows >= far;
      if (!is_far || ahead_.size() == kMostOperands) continue;
      if (std::find(ahead_.begin(), ahead_.end(), number) == ahead_.end()) ahead_.push_back(number);
      ahead_row_ = std::max(ahead_row_, from.row_step);
    }
  }
}

void TilesUnit::multiply(const Instruction& now,
                         std::byte* const* own,
                         std::byte* const* at,
                         std::int64_t rows,
                         std::int64_t columns) const {
  const Product& product = products_[static_cast<std::size_t>(now.product)];
  kernels::MatmulPlan part = product.part;
  part.m = rows;
  part.n = columns;
  std::array<std::byte*, kMostOperands> arrays;
  kernels::Ahead ahead{arrays.data(), 0, rows * ahead_row_};
  if (now.product == 0 && !ahead_.empty()) {
    for (std::int32_t number : ahead_)
      arrays[static_cast<std::size_t>(ahead.count++)] = at[static_cast<std::size_t>(number)];
    part.ahead = &ahead;
  }
  part.run_tile(part,
                own[0],
                part.packed_b ? product.packed.data() : own[1],
                now.num_inputs > 2 ? own[2] : nullptr,
                own[now.num_inputs]);
}

// A tile's result: an element for each of its rows, one row, or one element.
void TilesUnit::add_reduction(const Tape& tape, std::size_t k, Instruction now) {
  const ValueId made = tape.steps[unit_.steps[k]].outputs[0];
  const std::int64_t item = item_of(tape, made);
  const std::int64_t across = unit_.tiles_across();
  const bool in_parts = unit_.num_parts(now.reducing) > 1;
  Operand out{made};
  if (in_parts) out.parts = unit_.parts[k];
  switch (now.reducing) {
    case Reducing::to_column:
      out.row_step = across * item;
      out.tile_down = out.row_step * unit_.tile_rows;
      out.tile_across = item;
      break;
    case Reducing::to_row:
      out.tile_down = unit_.columns * item;
      out.tile_across = unit_.tile_columns * item;
      break;
    default: out.tile_down = across * item; out.tile_across = item;
  }
  now.operands[1] = number(out);
  now.row_steps[1] = out.row_step;
  instructions_.push_back(now);
  if (in_parts) endings_.push_back({now, now.operands[1], number(Operand{made})});
}

void TilesUnit::finish(const Ending& ending) const {
  const Instruction& how = ending.how;
  const auto item = static_cast<std::int64_t>(size_of(how.dtype));
  const std::byte* parts = pointers_[static_cast<std::size_t>(ending.parts)];
  std::byte* out = pointers_[static_cast<std::size_t>(ending.result)];
  const std::int64_t count = unit_.num_parts(how.reducing);
  switch (how.reducing) {
    case Reducing::to_one: how.row(parts, count, out); break;
    case Reducing::to_column:
      for (std::int64_t i = 0; i < unit_.rows; ++i)
        how.row(parts + i * count * item, count, out + i * item);
      break;
    default: reduce_to_row(how, parts, count, unit_.columns, unit_.columns, out);
  }
}

void TilesUnit::run_tiles(std::int64_t across, std::int64_t begin, std::int64_t end) const {
  constexpr std::size_t kInline = 64;
  alignas(64) std::array<std::byte, kScratchBytes> scratch;
  std::array<std::byte*, kInline> inline_pointers;
  std::vector<std::byte*> more;
  std::byte** at = inline_pointers.data();
  if (operands_.size() > kInline) {
    more.resize(operands_.size());
    at = more.data();
  }
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    if (operands_[i].scratch >= 0) at[i] = scratch.data() + operands_[i].scratch;
  }
  for (std::int64_t tile = begin; tile < end; ++tile) {
    const std::int64_t down = tile / across, right = tile % across;
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      const Operand& operand = operands_[i];
      if (operand.scratch < 0)
        at[i] = pointers_[i] + down * operand.tile_down + right * operand.tile_across;
    }
    const std::int64_t rows = std::min(unit_.tile_rows, unit_.rows - down * unit_.tile_rows);
    const std::int64_t columns =
        std::min(unit_.tile_columns, unit_.columns - right * unit_.tile_columns);
    for (const Instruction& now : instructions_) {
      std::array<std::byte*, kMostOperands> own;
      for (std::size_t i = 0; i < now.num_operands; ++i)
        own[i] = at[static_cast<std::size_t>(now.operands[i])];
      if (now.product >= 0)
        multiply(now, own.data(), at, rows, columns);
      else
        execute(now, own.data(), rows, columns);
    }
  }
}

}  // namespace

std::unique_ptr<BoundUnit> bind_tiles(const Tape& tape,
                                      const Plan& plan,
                                      const Unit& unit,
                                      Instance& instance) {
  return std::make_unique<TilesUnit>(tape, plan, unit, instance);
}

}  // namespace nyala::graph
