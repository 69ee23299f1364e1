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

class TiledGroup final : public BoundGroup {
 public:
  TiledGroup(const Tape& tape, const Plan& plan, const Group& group, Instance& instance)
      : group_(group) {
    for (std::size_t k = 0; k < group.steps.size(); ++k) add(tape, plan, k);
    fuse_updates(instructions_);
    find_prefetched();
    pointers_.resize(operands_.size());
    for (std::size_t i = 0; i < operands_.size(); ++i) {
      if (operands_[i].partials < 0)
        instance.point(&pointers_[i], operands_[i].value);
      else
        pointers_[i] = instance.arena() + operands_[i].partials;
    }
  }

  void run() override {
    for (Product& product : products_) {
      if (product.part.packed_b)
        kernels::pack_columns(
            product.whole, pointers_[product.right], product.packed.mutable_data());
    }
    const std::int64_t across = group_.tiles_across();
    const std::int64_t tile = group_.tile_rows * group_.tile_columns;
    const std::int64_t grain = std::max<std::int64_t>(kParallelWork / (tile * weight_), 1);
    parallel_for(across * group_.tiles_down(), grain, [&](std::int64_t begin, std::int64_t end) {
      run_tiles(across, begin, end);
    });
    for (const FinalReduction& last : final_reductions_) finish(last);
  }

 private:
  struct Operand {
    ValueId value;
    std::int64_t row_step = 0;                    // of what is in tiles: from one row to the next
    std::int64_t tile_down = 0, tile_across = 0;  // bytes from one tile to the next
    std::int64_t scratch = -1;                    // where in the scratch, for what is there
    std::int64_t partials = -1;                   // where in the arena, for partials of a reduction
  };
  // A product, what a tile is of it, and where its right operand is packed for all tiles.
  struct Product {
    kernels::MatmulPlan whole, part;
    std::size_t right;
    Tensor packed;
  };
  // A reduction's partials, and where they are put together.
  struct FinalReduction {
    Instruction how;
    std::int32_t partials, result;
  };

  void add(const Tape& tape, const Plan& plan, std::size_t k);
  void add_product(const Tape& tape, const Plan& plan, const Step& step, const LoopStep& loop);
  void find_prefetched();
  void multiply(const Instruction& now,
                std::byte* const* own,
                std::byte* const* at,
                std::int64_t rows,
                std::int64_t columns) const;
  std::int32_t number(const Operand& operand);
  Operand operand(const Tape& tape, const Plan& plan, ValueId id, Access access) const;
  void add_reduction(const Tape& tape, std::size_t k, Instruction now);
  void run_tiles(std::int64_t across, std::int64_t begin, std::int64_t end) const;
  void finish(const FinalReduction& last) const;

  const Group& group_;
  std::int64_t weight_ = 0;
  std::vector<Instruction> instructions_;
  std::vector<Product> products_;
  std::vector<std::int32_t> prefetched_;  // operands that the first product fetches
  std::int64_t prefetched_row_ = 0;       // bytes of theirs in a row
  std::vector<FinalReduction> final_reductions_;
  std::vector<Operand> operands_;
  std::unordered_multimap<ValueId, std::int32_t> numbers_;  // of operands, by value
  std::vector<std::byte*> pointers_;                        // of each operand, to its first element
};

TiledGroup::Operand TiledGroup::operand(const Tape& tape,
                                        const Plan& plan,
                                        ValueId id,
                                        Access access) const {
  const std::int64_t item = item_of(tape, id);
  const MemorySlot& slot = plan.slot(plan.root(id));
  Operand operand{id};
  if (slot.base == MemorySlot::Base::scratch) {
    operand.scratch = static_cast<std::int64_t>(slot.index) * group_.slot_bytes;
    operand.row_step = item * group_.tile_columns;
    return operand;
  }
  operand.row_step = row_step(access, item, group_.columns);
  operand.tile_down = operand.row_step * group_.tile_rows;
  operand.tile_across = column_step(access, item) * group_.tile_columns;
  return operand;
}

std::int32_t TiledGroup::number(const Operand& operand) {
  const auto [first, last] = numbers_.equal_range(operand.value);
  for (auto known = first; known != last; ++known) {
    const Operand& other = operands_[static_cast<std::size_t>(known->second)];
    if (other.row_step == operand.row_step && other.tile_across == operand.tile_across &&
        other.partials == operand.partials)
      return known->second;
  }
  const auto number = static_cast<std::int32_t>(operands_.size());
  operands_.push_back(operand);
  numbers_.emplace(operand.value, number);
  return number;
}

void TiledGroup::add(const Tape& tape, const Plan& plan, std::size_t k) {
  const Step& step = tape.steps[group_.steps[k]];
  const LoopStep& loop = group_.loop[k];
  if (loop.product) return add_product(tape, plan, step, loop);
  Instruction now = instruction_of(tape, step, loop);
  now.by_rows |= group_.has_split_rows();
  weight_ += is_slow(step.op.def().pointwise) ? kSlowFactor : 1;
  const auto set = [&](std::size_t i, const Operand& operand) {
    now.operands[i] = number(operand);
    now.row_steps[i] = operand.row_step;
  };
  for (std::size_t i = 0; i < step.inputs.size(); ++i)
    set(i, operand(tape, plan, step.inputs[i], loop.inputs[i]));
  if (loop.reduction != ReductionKind::no) return add_reduction(tape, k, now);
  set(now.num_inputs, operand(tape, plan, step.outputs[0], Access::full));
  instructions_.push_back(now);
}

// Its operands are rows of the left matrix and columns of the right one.
void TiledGroup::add_product(const Tape& tape,
                             const Plan& plan,
                             const Step& step,
                             const LoopStep& loop) {
  constexpr std::int64_t kAdditions = 8;  // multiply-adds that take as long as a cheap step
  const kernels::MatmulPlan& whole = *loop.product;
  const std::int64_t item = item_of(tape, step.outputs[0]);
  weight_ += std::max<std::int64_t>(whole.k / kAdditions, 1);
  Instruction now;
  now.product = static_cast<std::int16_t>(products_.size());
  now.num_inputs = static_cast<std::uint8_t>(step.inputs.size());
  now.num_operands = static_cast<std::uint8_t>(now.num_inputs + 1);
  const std::int64_t down = whole.a.row * item * group_.tile_rows;
  const std::int64_t across = item * group_.tile_columns;
  now.operands[0] = number({step.inputs[0], whole.a.row * item, down, 0});
  for (std::size_t i = 1; i < step.inputs.size(); ++i)
    now.operands[i] = number({step.inputs[i], 0, 0, across});
  const Operand out = operand(tape, plan, step.outputs[0], Access::full);
  now.operands[now.num_inputs] = number(out);
  // Packing pays where many tiles read the same columns, and these are long.
  constexpr std::int64_t many = 256, deep = 64;
  const bool packed =
      !whole.blas && whole.m >= many && whole.k >= deep && group_.tile_columns == group_.columns;
  products_.push_back(
      {whole,
       kernels::part_of(whole, group_.tile_rows, group_.tile_columns, out.row_step / item, packed),
       static_cast<std::size_t>(now.operands[1]),
       packed ? Tensor::empty({kernels::packed_size(whole)}, whole.dtype) : Tensor()});
  instructions_.push_back(now);
}

// Arrays that are far away and contiguous are prefetched while the first product keeps the
// multipliers busy; the loops over packed columns do that.
void TiledGroup::find_prefetched() {
  constexpr std::int64_t far = 1 << 19;
  if (products_.empty() || !products_[0].part.packed_b) return;
  for (const Instruction& now : instructions_) {
    for (std::size_t i = 0; i < now.num_inputs && now.product < 0; ++i) {
      const std::int32_t number = now.operands[i];
      const Operand& from = operands_[static_cast<std::size_t>(number)];
      const bool is_far = from.scratch < 0 && from.tile_across != 0 && from.row_step != 0 &&
                          from.row_step * group_.rows >= far;
      if (!is_far || prefetched_.size() == kMostOperands) continue;
      if (std::find(prefetched_.begin(), prefetched_.end(), number) == prefetched_.end())
        prefetched_.push_back(number);
      prefetched_row_ = std::max(prefetched_row_, from.row_step);
    }
  }
}

void TiledGroup::multiply(const Instruction& now,
                          std::byte* const* own,
                          std::byte* const* at,
                          std::int64_t rows,
                          std::int64_t columns) const {
  const Product& product = products_[static_cast<std::size_t>(now.product)];
  kernels::MatmulPlan part = product.part;
  part.m = rows;
  part.n = columns;
  std::array<std::byte*, kMostOperands> arrays;
  kernels::Ahead ahead{arrays.data(), 0, rows * prefetched_row_};
  if (now.product == 0 && !prefetched_.empty()) {
    for (std::int32_t number : prefetched_)
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
void TiledGroup::add_reduction(const Tape& tape, std::size_t k, Instruction now) {
  const ValueId made = tape.steps[group_.steps[k]].outputs[0];
  const std::int64_t item = item_of(tape, made);
  const std::int64_t across = group_.tiles_across();
  const bool in_parts = group_.num_partials(now.reduction) > 1;
  Operand out{made};
  if (in_parts) out.partials = group_.partials[k];
  switch (now.reduction) {
    case ReductionKind::to_column:
      out.row_step = across * item;
      out.tile_down = out.row_step * group_.tile_rows;
      out.tile_across = item;
      break;
    case ReductionKind::to_row:
      out.tile_down = group_.columns * item;
      out.tile_across = group_.tile_columns * item;
      break;
    default: out.tile_down = across * item; out.tile_across = item;
  }
  now.operands[1] = number(out);
  now.row_steps[1] = out.row_step;
  instructions_.push_back(now);
  if (in_parts) final_reductions_.push_back({now, now.operands[1], number(Operand{made})});
}

void TiledGroup::finish(const FinalReduction& last) const {
  const Instruction& how = last.how;
  const auto item = static_cast<std::int64_t>(size_of(how.dtype));
  const std::byte* partials = pointers_[static_cast<std::size_t>(last.partials)];
  std::byte* out = pointers_[static_cast<std::size_t>(last.result)];
  const std::int64_t count = group_.num_partials(how.reduction);
  switch (how.reduction) {
    case ReductionKind::to_one: how.row(partials, count, out); break;
    case ReductionKind::to_column:
      for (std::int64_t i = 0; i < group_.rows; ++i)
        how.row(partials + i * count * item, count, out + i * item);
      break;
    default: reduce_to_row(how, partials, count, group_.columns, group_.columns, out);
  }
}

void TiledGroup::run_tiles(std::int64_t across, std::int64_t begin, std::int64_t end) const {
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
    const std::int64_t rows = std::min(group_.tile_rows, group_.rows - down * group_.tile_rows);
    const std::int64_t columns =
        std::min(group_.tile_columns, group_.columns - right * group_.tile_columns);
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

std::unique_ptr<BoundGroup> bind_tiled(const Tape& tape,
                                       const Plan& plan,
                                       const Group& group,
                                       Instance& instance) {
  return std::make_unique<TiledGroup>(tape, plan, group, instance);
}

}  // namespace nyala::graph
