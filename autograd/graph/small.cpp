// Pointwise steps and reductions on small arrays, just one after another.
#include <algorithm>

#include <nyala/autograd/graph/support.hpp>

namespace nyala::graph {
namespace {

// How many elements a loop over all of a small step's arrays may run over: up to where the arena's
// next block begins. Whole vectors are stored and read back faster than parts of them.
std::int64_t padded_count(const Tape& tape, const Plan& plan, const Step& step, const Pass& pass) {
  std::int64_t count = pass.size + kArenaAlignment;
  const auto limit = [&](ValueId id) {
    const View& view = plan.view(id);
    const std::int64_t item = item_of(tape, id);
    if (!is_floating(tape[id].spec.dtype)) count = pass.size;  // not all bits make a bool
    const bool is_whole =
        view.offset == 0 && tape[view.root].spec.shape.num_elements() == pass.size;
    const bool is_padded = plan.place(view.root).base == Place::Base::arena && is_whole;
    count = std::min(count, is_padded ? padded_bytes(pass.size * item) / item : pass.size);
  };
  for (std::size_t i = 0; i < step.inputs.size(); ++i) {
    if (pass.readings[i] == Reading::full) limit(step.inputs[i]);
  }
  limit(step.outputs[0]);
  return count;
}

// Steps on small arrays.
class SmallUnit final : public BoundUnit {
 public:
  SmallUnit(const Tape& tape, const Plan& plan, const Unit& unit, Instance& instance) {
    std::vector<Instruction> all;
    for (std::size_t k : unit.steps) all.push_back(instruction(tape, plan, tape.steps[k]));
    join_adam(all);
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
  static Instruction instruction(const Tape& tape, const Plan& plan, const Step& step) {
    const Pass pass = *pass_of(tape, plan, step);
    Instruction now = instruction_of(tape, step, pass);
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      now.operands[i] = step.inputs[i];
      now.row_steps[i] = row_step(pass.readings[i], item_of(tape, step.inputs[i]), now.count);
    }
    const ValueId made = step.outputs[0];
    now.operands[now.num_inputs] = made;
    const bool is_column = pass.reducing == Reducing::to_column;
    now.row_steps[now.num_inputs] =
        row_step(is_column ? Reading::column : Reading::full, item_of(tape, made), now.count);
    if (!now.by_rows && now.reducing == Reducing::no) {
      now.rows = 1;
      now.count = padded_count(tape, plan, step, pass);
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

std::unique_ptr<BoundUnit> bind_small(const Tape& tape,
                                      const Plan& plan,
                                      const Unit& unit,
                                      Instance& instance) {
  return std::make_unique<SmallUnit>(tape, plan, unit, instance);
}

}  // namespace nyala::graph
