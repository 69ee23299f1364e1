// The second phase: the order of steps, and which variables are written in place.
#include <algorithm>

#include <nyala/autograd/graph/grouping.hpp>

namespace nyala::graph {
namespace {

using Base = MemorySlot::Base;

std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

class Orderer {
 public:
  Orderer(const Tape& tape, const Views& views, const LoopSteps& loops)
      : tape_(tape), views_(views), loops_(loops) {}

  Order run() {
    std::vector<bool> waits = find_late_steps();
    delay_producers(waits);
    std::vector<std::size_t> first, last;
    for (std::size_t i = 0; i < tape_.steps.size(); ++i) (waits[i] ? last : first).push_back(i);
    Order order{gather(first), views_.assignments};
    last = gather(last);
    order.steps.insert(order.steps.end(), last.begin(), last.end());
    choose_in_place(order);
    return order;
  }

 private:
  std::vector<bool> find_late_steps() const;
  void delay_producers(std::vector<bool>& waits) const;
  std::vector<std::size_t> gather(const std::vector<std::size_t>& steps) const;
  void choose_in_place(Order& order) const;
  bool may_be_in_place(const Assignment& assignment) const;
  bool reads_by_element(std::size_t step, ValueId root) const;

  bool is_pointwise(std::size_t step) const {
    return loops_[step] && loops_[step]->reduction == ReductionKind::no &&
           loops_[step]->product == nullptr;
  }
  bool may_write_over(std::size_t step) const {
    return is_pointwise(step) || tape_.steps[step].op.def().in_place;
  }
  bool may_throw(std::size_t step) const {
    return !loops_[step] && !may_write_over(step) && !views_.is_view(tape_.steps[step]);
  }

  const Tape& tape_;
  const Views& views_;
  const LoopSteps& loops_;
};

// Apart from the order, whether the producer of a variable's new value may write over the old one.
bool Orderer::may_be_in_place(const Assignment& assignment) const {
  const ValueId id = assignment.value;
  const ValueId old = views_.initial[assignment.variable];
  if (views_.root(id) != id || views_.slot(id).base != Base::none) return false;
  if (views_.num_assigned[at(id)] > 1) return false;
  return old < 0 || (views_.num_assigned[at(old)] == 0 && !views_.is_output[at(old)]);
}

// Steps that may write over a variable, and all that depend on them, go to the end: whatever may
// throw comes before. Effects keep their order, so that those after a late one are late too.
std::vector<bool> Orderer::find_late_steps() const {
  std::vector<bool> late(tape_.values.size());
  for (const Assignment& assignment : views_.assignments) {
    if (may_be_in_place(assignment)) late[at(assignment.value)] = true;
  }
  std::vector<bool> waits(tape_.steps.size());
  bool effect_waits = false;
  for (std::size_t i = 0; i < tape_.steps.size(); ++i) {
    const Step& step = tape_.steps[i];
    const bool has_effects = step.op.def().effects;
    const auto is_late = [&](ValueId id) { return late[at(id)]; };
    waits[i] = std::any_of(step.inputs.begin(), step.inputs.end(), is_late) ||
               (may_write_over(i) && is_late(step.outputs[0])) || (has_effects && effect_waits);
    effect_waits |= has_effects && waits[i];
    for (ValueId id : step.outputs) late[at(id)] = waits[i];
  }
  return waits;
}

// Large results that only late steps read are made late too, tile by tile where they are read.
void Orderer::delay_producers(std::vector<bool>& waits) const {
  std::vector<bool> is_wanted(tape_.values.size()), is_wanted_early(tape_.values.size());
  for (ValueId id : tape_.outputs) is_wanted_early[at(id)] = true;
  for (const Assignment& assignment : views_.assignments)
    is_wanted_early[at(assignment.value)] = true;
  for (std::size_t i = tape_.steps.size(); i-- > 0;) {
    const Step& step = tape_.steps[i];
    const ValueId made = step.outputs[0];
    const bool is_large =
        loops_[i] && loops_[i]->reduction == ReductionKind::no && !loops_[i]->is_small();
    if ((is_large || views_.is_view(step)) && is_wanted[at(made)] && !is_wanted_early[at(made)])
      waits[i] = true;
    for (ValueId id : step.inputs) {
      is_wanted[at(id)] = true;
      if (!waits[i]) is_wanted_early[at(id)] = true;
    }
  }
}

// Which steps wait for which others of a list, by their places in it.
struct Dependencies {
  std::vector<std::size_t> num_awaited;
  std::vector<std::vector<std::size_t>> followers;

  explicit Dependencies(std::size_t size) : num_awaited(size), followers(size) {}
  void add(std::size_t first, std::size_t then) {
    followers[first].push_back(then);
    ++num_awaited[then];
  }
};

Dependencies find_dependencies(const Tape& tape,
                               const Views& views,
                               const std::vector<std::size_t>& steps) {
  Dependencies found(steps.size());
  std::vector<std::ptrdiff_t> maker(tape.values.size(), -1);
  std::vector<std::vector<std::size_t>> readers(views.variables.size());
  std::optional<std::size_t> last_effect;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const Step& step = tape.steps[steps[k]];
    if (step.op.def().effects) {
      if (last_effect) found.add(*last_effect, k);
      last_effect = k;
    }
    for (ValueId id : step.inputs) {
      if (maker[at(id)] >= 0) found.add(static_cast<std::size_t>(maker[at(id)]), k);
      const MemorySlot& from = views.slot(views.root(id));
      if (from.base == Base::variable) readers[from.index].push_back(k);
    }
    for (ValueId id : step.outputs) maker[at(id)] = static_cast<std::ptrdiff_t>(k);
    // What reads a variable comes before what may write over it.
    const auto [first, last] = views.assigned_to.equal_range(step.outputs[0]);
    for (auto assigned = first; assigned != last; ++assigned) {
      for (std::size_t reader : readers[assigned->second])
        if (reader != k) found.add(reader, k);
    }
  }
  return found;
}

// The steps in an order in which more of them run together: of those that are ready, one that joins
// the last group comes first; then those that run by themselves, then steps on small arrays, whose
// results the large ones may want.
std::vector<std::size_t> Orderer::gather(const std::vector<std::size_t>& steps) const {
  Dependencies waits = find_dependencies(tape_, views_, steps);
  std::vector<std::size_t> order;
  order.reserve(steps.size());
  Grouping grouping(tape_, views_, loops_);
  ReadySteps ready(grouping, steps);
  for (std::size_t k = 0; k < steps.size(); ++k)
    if (waits.num_awaited[k] == 0) ready.add(k);
  while (!ready.empty()) {
    const std::size_t k = ready.take();
    order.push_back(steps[k]);
    if (!views_.is_view(tape_.steps[steps[k]])) grouping.add(steps[k]);
    for (std::size_t follower : waits.followers[k]) {
      if (--waits.num_awaited[follower] == 0) ready.add(follower);
    }
  }
  return order;
}

// A new value may be stored where the old one is if no step that reads the old one comes after the
// step that makes it, which itself reads the old one element by element, and nothing throws from
// there on.
void Orderer::choose_in_place(Order& order) const {
  constexpr std::ptrdiff_t kNever = -1;
  std::vector<std::ptrdiff_t> made_at(tape_.values.size(), kNever);
  std::vector<std::ptrdiff_t> last_read(tape_.values.size(), kNever);
  std::ptrdiff_t last_throw = kNever;
  for (std::size_t now = 0; now < order.steps.size(); ++now) {
    const std::size_t i = order.steps[now];
    const Step& step = tape_.steps[i];
    made_at[at(step.outputs[0])] = static_cast<std::ptrdiff_t>(now);
    if (may_throw(i)) last_throw = static_cast<std::ptrdiff_t>(now);
    if (views_.is_view(step)) continue;
    for (ValueId id : step.inputs)
      last_read[at(views_.root(id))] = static_cast<std::ptrdiff_t>(now);
  }
  for (Assignment& assignment : order.assignments) {
    const std::ptrdiff_t made = made_at[at(assignment.value)];
    if (made == kNever || !may_be_in_place(assignment) || last_throw > made) continue;
    const std::size_t maker = order.steps[static_cast<std::size_t>(made)];
    const ValueId old = views_.initial[assignment.variable];
    if (!may_write_over(maker) || (old >= 0 && last_read[at(old)] > made)) continue;
    assignment.in_place = old < 0 || reads_by_element(maker, old);
  }
}

// Whether a step reads each element of a root, if at all, only for the same element of its result.
bool Orderer::reads_by_element(std::size_t i, ValueId root) const {
  const Step& step = tape_.steps[i];
  for (std::size_t k = 0; k < step.inputs.size(); ++k) {
    if (views_.root(step.inputs[k]) != root) continue;
    const bool fits =
        loops_[i] ? loops_[i]->inputs[k] == Access::full : k == 0 && step.inputs[0] == root;
    if (!fits) return false;
  }
  return true;
}

}  // namespace

Order order_steps(const Tape& tape, const Views& views, const LoopSteps& loops) {
  return Orderer(tape, views, loops).run();
}

}  // namespace nyala::graph
