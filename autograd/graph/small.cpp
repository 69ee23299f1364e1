// Pointwise steps and reductions on small arrays, just one after another.
#include <algorithm>

#include <nyala/autograd/graph/support.hpp>

namespace nyala::graph {
namespace {

// How many elements a loop over all of a small step's arrays may run over: up to where the arena's
// next block begins. Whole vectors are stored and read back faster than partials of them.
std::int64_t padded_count(const Tape& tape,
                          const Plan& plan,
                          const Step& step,
                          const LoopStep& loop) {
  std::int64_t count = loop.size + kArenaAlignment;
  const auto limit = [&](ValueId id) {
    const View& view = plan.view(id);
    const std::int64_t item = item_of(tape, id);
    if (!is_floating(tape[id].spec.dtype)) count = loop.size;  // not all bits make a bool
    const bool is_whole =
        view.offset == 0 && tape[view.root].spec.shape.num_elements() == loop.size;
    const bool is_padded = plan.slot(view.root).base == MemorySlot::Base::arena && is_whole;
    count = std::min(count, is_padded ? padded_bytes(loop.size * item) / item : loop.size);
  };
  for (std::size_t i = 0; i < step.inputs.size(); ++i) {
    if (loop.inputs[i] == Access::full) limit(step.inputs[i]);
  }
  limit(step.outputs[0]);
  return count;
}

// Steps on small arrays.
class SmallGroup final : public BoundGroup {
 public:
  SmallGroup(const Tape& tape, const Plan& plan, const Group& group, Instance& instance) {
    std::vector<Instruction> all;
    for (std::size_t k = 0; k < group.steps.size(); ++k)
      all.push_back(instruction(tape, plan, tape.steps[group.steps[k]], group.loop[k]));
    fuse_updates(all);
    steps_.resize(all.size());
    for (std::size_t k = 0; k < all.size(); ++k) {
      steps_[k].now = all[k];
      for (std::size_t i = 0; i < all[k].num_operands; ++i)
        instance.point(&steps_[k].at[i], all[k].operands[i]);
    }
  }

  void run() override {
    for (const BoundInstruction& step : steps_)
      execute(step.now, step.at.data(), step.now.rows, step.now.count);
  }

 private:
  // Its operands are values.
  static Instruction instruction(const Tape& tape,
                                 const Plan& plan,
                                 const Step& step,
                                 const LoopStep& loop) {
    Instruction now = instruction_of(tape, step, loop);
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      now.operands[i] = step.inputs[i];
      now.row_steps[i] = row_step(loop.inputs[i], item_of(tape, step.inputs[i]), now.count);
    }
    const ValueId made = step.outputs[0];
    now.operands[now.num_inputs] = made;
    const bool is_column = loop.reduction == ReductionKind::to_column;
    now.row_steps[now.num_inputs] =
        row_step(is_column ? Access::column : Access::full, item_of(tape, made), now.count);
    if (!now.by_rows && now.reduction == ReductionKind::no) {
      now.rows = 1;
      now.count = padded_count(tape, plan, step, loop);
    }
    return now;
  }

  struct BoundInstruction {
    Instruction now;
    std::array<std::byte*, kMostOperands> at;
  };
  std::vector<BoundInstruction> steps_;
};

}  // namespace

std::unique_ptr<BoundGroup> bind_small(const Tape& tape,
                                       const Plan& plan,
                                       const Group& group,
                                       Instance& instance) {
  return std::make_unique<SmallGroup>(tape, plan, group, instance);
}

}  // namespace nyala::graph
