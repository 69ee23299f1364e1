#include <nyala/autograd/graph/plan.hpp>

#include <algorithm>
#include <memory>
#include <unordered_map>

#include <nyala/autograd/graph/arena.hpp>
#include <nyala/autograd/graph/grouping.hpp>
#include <nyala/core/kernels/matmul.hpp>

namespace nyala::graph {
namespace {

using Base = Place::Base;

std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

// The most elements of a tile, the least, and how many slots of the largest elements fit then: what
// wants more lies in the arena.
constexpr std::int64_t kMostTile = 2048;
constexpr std::int64_t kLeast = 128;
constexpr std::size_t kMostSlots = kScratchBytes / (kLeast * 8);

std::int64_t bytes_of(const Spec& spec) {
  return spec.shape.num_elements() * static_cast<std::int64_t>(size_of(spec.dtype));
}

// ---- which values are looks at others ----

bool is_view(const Plan& plan, const Step& step) {
  return plan.root(step.outputs[0]) != step.outputs[0];
}

// A view of a view is one of the root.
void find_views(const Tape& tape, Plan& plan) {
  plan.views.resize(tape.values.size());
  for (std::size_t i = 0; i < tape.values.size(); ++i)
    plan.views[i] = {static_cast<ValueId>(i), 0, contiguous_strides(tape.values[i].spec.shape)};
  for (const Step& step : tape.steps) {
    const OpDef& def = step.op.def();
    if (def.view == nullptr) continue;
    const View from = plan.view(step.inputs[0]);
    const Spec& spec = tape[step.inputs[0]].spec;
    const auto view = def.view(step.op.options(), spec, from.strides);
    if (!view) continue;
    const std::int64_t offset = view->offset * static_cast<std::int64_t>(size_of(spec.dtype));
    plan.views[at(step.outputs[0])] = {from.root, from.offset + offset, view->strides};
  }
}

// ---- the order of steps, and what is updated in place ----

class Planner {
 public:
  Planner(const Tape& tape, Plan& plan) : tape_(tape), plan_(plan) {}

  // Products of the steps named in `alone` run by themselves. False, and another one named, where a
  // product found no step to run together with.
  bool run(std::vector<bool>& alone) {
    find_views(tape_, plan_);
    passes_.reserve(tape_.steps.size());
    for (std::size_t i = 0; i < tape_.steps.size(); ++i) {
      passes_.push_back(pass_of(tape_, plan_, tape_.steps[i]));
      if (alone[i]) passes_[i].reset();
    }
    place_sources();
    find_outputs();
    order_steps();
    choose_in_place();
    form_units();
    if (leaves_alone(alone)) return false;
    find_lives();
    shape_tiles();
    place_results();
    return true;
  }

 private:
  void place_sources();
  void find_outputs();
  void order_steps();
  void let_makers_wait(std::vector<bool>& waits) const;
  std::vector<std::size_t> gather(const std::vector<std::size_t>& steps) const;
  void choose_in_place();
  void form_units();
  bool leaves_alone(std::vector<bool>& alone) const;
  void find_lives();
  void shape_tiles();
  void prepare(Unit& unit, const Step& step);
  void place_results();

  std::size_t variable_index(const Variable& variable);
  bool may_be_in_place(const Assignment& assignment) const;
  bool reads_by_element(std::size_t step, ValueId root) const;
  std::int64_t assign_scratch(Unit& unit);
  bool is_pointwise(std::size_t step) const {
    return passes_[step] && passes_[step]->reducing == Reducing::no;
  }
  bool is_product(std::size_t step) const {
    return passes_[step] && passes_[step]->product != nullptr;
  }
  bool may_write_over(std::size_t step) const {
    return (is_pointwise(step) && !is_product(step)) || tape_.steps[step].op.def().in_place;
  }
  bool may_throw(std::size_t step) const {
    return !passes_[step] && !may_write_over(step) && !is_view(plan_, tape_.steps[step]);
  }
  Place& place(ValueId root) { return plan_.places[at(root)]; }

  const Tape& tape_;
  Plan& plan_;
  std::vector<std::optional<Pass>> passes_;
  std::vector<std::size_t> order_;
  std::vector<ValueId> initial_;  // of each variable: the value it starts with, or -1
  std::unordered_map<std::uint64_t, std::size_t> variable_indices_;  // by the variable's id
  std::unordered_multimap<ValueId, std::size_t> assigned_to_;  // by value: variables it is given to
  std::vector<std::size_t> num_assigned_;  // of each root: how many assignments are views of it
  std::vector<bool> is_output_;            // of each root: whether an output is a view of it
  std::vector<std::size_t> last_in_unit_;  // of each root: the last step of the unit that reads it
  // When each root is made and last used. Time goes on with each unit, and with each step of a
  // small one.
  std::vector<std::size_t> made_, last_used_;
};

std::size_t Planner::variable_index(const Variable& variable) {
  const auto [place, is_new] = variable_indices_.try_emplace(variable.id(), plan_.variables.size());
  if (is_new) {
    plan_.variables.push_back(variable);
    initial_.push_back(-1);
  }
  return place->second;
}

void Planner::place_sources() {
  plan_.places.resize(tape_.values.size());
  for (std::size_t i = 0; i < tape_.values.size(); ++i) {
    const Value& value = tape_.values[i];
    Place& place = plan_.places[i];
    switch (value.kind) {
      case Value::Kind::step: break;
      case Value::Kind::input: place = {Base::input, value.input, 0}; break;
      case Value::Kind::constant: place = {Base::constant, i, 0}; break;
      case Value::Kind::variable: {
        place = {Base::variable, variable_index(value.variable), 0};
        initial_[place.index] = static_cast<ValueId>(i);
        break;
      }
    }
  }
  num_assigned_.resize(tape_.values.size());
  for (const auto& [variable, id] : tape_.assigned) {
    plan_.assignments.push_back({variable_index(variable), id, false});
    assigned_to_.emplace(id, plan_.assignments.back().variable);
    ++num_assigned_[at(plan_.root(id))];
  }
}

void Planner::find_outputs() {
  is_output_.resize(tape_.values.size());
  for (ValueId id : tape_.outputs) {
    const ValueId root = plan_.root(id);
    is_output_[at(root)] = true;
    if (place(root).base != Base::none) continue;
    place(root) = {Base::output, plan_.output_roots.size(), 0};
    plan_.output_roots.push_back(root);
  }
}

// Apart from the order, whether the producer of a variable's new value may write over the old one.
bool Planner::may_be_in_place(const Assignment& assignment) const {
  const ValueId id = assignment.value;
  const ValueId old = initial_[assignment.variable];
  if (plan_.root(id) != id || plan_.place(id).base != Base::none) return false;
  if (num_assigned_[at(id)] > 1) return false;
  return old < 0 || (num_assigned_[at(old)] == 0 && !is_output_[at(old)]);
}

// Steps that may write over a variable, and all that depend on them, go to the end: whatever may
// throw comes before.
void Planner::order_steps() {
  std::vector<bool> late(tape_.values.size());
  for (const Assignment& assignment : plan_.assignments) {
    if (may_be_in_place(assignment)) late[at(assignment.value)] = true;
  }
  std::vector<bool> waits(tape_.steps.size());
  bool effect_waits = false;
  for (std::size_t i = 0; i < tape_.steps.size(); ++i) {
    const Step& step = tape_.steps[i];
    const auto is_late = [&](ValueId id) { return late[at(id)]; };
    waits[i] = std::any_of(step.inputs.begin(), step.inputs.end(), is_late) ||
               (may_write_over(i) && is_late(step.outputs[0]));
    // Effects keep their order.
    const bool has_effects = step.op.def().effects;
    waits[i] = waits[i] || (has_effects && effect_waits);
    effect_waits |= has_effects && waits[i];
    for (ValueId id : step.outputs) late[at(id)] = waits[i];
  }
  let_makers_wait(waits);
  std::vector<std::size_t> first, last;
  for (std::size_t i = 0; i < tape_.steps.size(); ++i) (waits[i] ? last : first).push_back(i);
  order_ = gather(first);
  last = gather(last);
  order_.insert(order_.end(), last.begin(), last.end());
}

// Large results that only steps at the end read are made there, tile by tile where they are read.
void Planner::let_makers_wait(std::vector<bool>& waits) const {
  std::vector<bool> is_wanted(tape_.values.size()), is_wanted_early(tape_.values.size());
  for (ValueId id : tape_.outputs) is_wanted_early[at(id)] = true;
  for (const Assignment& assignment : plan_.assignments)
    is_wanted_early[at(assignment.value)] = true;
  for (std::size_t i = tape_.steps.size(); i-- > 0;) {
    const Step& step = tape_.steps[i];
    const ValueId made = step.outputs[0];
    const bool is_large = is_pointwise(i) && !passes_[i]->is_small();
    if ((is_large || is_view(plan_, step)) && is_wanted[at(made)] && !is_wanted_early[at(made)])
      waits[i] = true;
    for (ValueId id : step.inputs) {
      is_wanted[at(id)] = true;
      if (!waits[i]) is_wanted_early[at(id)] = true;
    }
  }
}

// The steps in an order in which more of them run together: of those that are ready, one that joins
// the last unit comes first; then those of no pass, then passes over small arrays, whose results
// the large ones may want.
std::vector<std::size_t> Planner::gather(const std::vector<std::size_t>& steps) const {
  // By value: the step that makes it. By step: how many others it waits for, and who waits for it.
  std::vector<std::ptrdiff_t> maker(tape_.values.size(), -1);
  std::vector<std::size_t> waits(steps.size(), 0);
  std::vector<std::vector<std::size_t>> followers(steps.size());
  std::vector<std::vector<std::size_t>> readers(plan_.variables.size());
  const auto let_wait = [&](std::size_t first, std::size_t then) {
    followers[first].push_back(then);
    ++waits[then];
  };
  std::optional<std::size_t> last_effect;
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const Step& step = tape_.steps[steps[k]];
    if (step.op.def().effects) {
      if (last_effect) let_wait(*last_effect, k);
      last_effect = k;
    }
    for (ValueId id : step.inputs) {
      if (maker[at(id)] >= 0) let_wait(static_cast<std::size_t>(maker[at(id)]), k);
      const Place& from = plan_.place(plan_.root(id));
      if (from.base == Base::variable) readers[from.index].push_back(k);
    }
    for (ValueId id : step.outputs) maker[at(id)] = static_cast<std::ptrdiff_t>(k);
    // What reads a variable comes before what may write over it.
    const auto [first, last] = assigned_to_.equal_range(step.outputs[0]);
    for (auto assigned = first; assigned != last; ++assigned) {
      for (std::size_t reader : readers[assigned->second])
        if (reader != k) let_wait(reader, k);
    }
  }
  std::vector<std::size_t> order;
  order.reserve(steps.size());
  Grouping grouping(tape_, plan_, passes_, assigned_to_);
  ReadySteps ready(grouping, steps);
  for (std::size_t k = 0; k < steps.size(); ++k)
    if (waits[k] == 0) ready.add(k);
  while (!ready.empty()) {
    const std::size_t k = ready.take();
    order.push_back(steps[k]);
    if (!is_view(plan_, tape_.steps[steps[k]])) grouping.add(steps[k]);
    for (std::size_t follower : followers[k]) {
      if (--waits[follower] == 0) ready.add(follower);
    }
  }
  return order;
}

// A new value may lie where the old one does if no step that reads the old one comes after the step
// that makes it, which itself reads the old one element by element, and nothing throws from there
// on.
void Planner::choose_in_place() {
  constexpr std::ptrdiff_t kNever = -1;
  std::vector<std::ptrdiff_t> made_at(tape_.values.size(), kNever);
  std::vector<std::ptrdiff_t> last_read(tape_.values.size(), kNever);
  std::ptrdiff_t last_throw = kNever;
  for (std::size_t now = 0; now < order_.size(); ++now) {
    const Step& step = tape_.steps[order_[now]];
    made_at[at(step.outputs[0])] = static_cast<std::ptrdiff_t>(now);
    if (may_throw(order_[now])) last_throw = static_cast<std::ptrdiff_t>(now);
    if (is_view(plan_, step)) continue;
    for (ValueId id : step.inputs) last_read[at(plan_.root(id))] = static_cast<std::ptrdiff_t>(now);
  }
  for (Assignment& assignment : plan_.assignments) {
    const std::ptrdiff_t made = made_at[at(assignment.value)];
    if (made == kNever || !may_be_in_place(assignment) || last_throw > made) continue;
    const std::size_t maker = order_[static_cast<std::size_t>(made)];
    const ValueId old = initial_[assignment.variable];
    if (!may_write_over(maker) || (old >= 0 && last_read[at(old)] > made)) continue;
    if (old >= 0 && !reads_by_element(maker, old)) continue;
    assignment.in_place = true;
    place(assignment.value) = {Base::variable, assignment.variable, 0};
  }
}

// Whether a step reads each element of a root, if at all, only for the same element of its result.
bool Planner::reads_by_element(std::size_t i, ValueId root) const {
  const Step& step = tape_.steps[i];
  for (std::size_t k = 0; k < step.inputs.size(); ++k) {
    if (plan_.root(step.inputs[k]) != root) continue;
    const bool fits =
        passes_[i] ? passes_[i]->readings[k] == Reading::full : k == 0 && step.inputs[0] == root;
    if (!fits) return false;
  }
  return true;
}

// ---- units ----

void Planner::form_units() {
  Grouping grouping(tape_, plan_, passes_, assigned_to_);
  for (std::size_t i : order_) {
    if (!is_view(plan_, tape_.steps[i])) grouping.add(i);
  }
  plan_.units = grouping.take_units();
}

bool Planner::leaves_alone(std::vector<bool>& alone) const {
  bool any = false;
  std::vector<const Unit*> read_in(tape_.values.size());
  for (const Unit& unit : plan_.units) {
    if (!unit.has_product) continue;
    for (std::size_t i : unit.steps) {
      for (ValueId id : tape_.steps[i].inputs) read_in[at(plan_.root(id))] = &unit;
    }
    for (std::size_t i : unit.steps) {
      if (is_product(i) && read_in[at(tape_.steps[i].outputs[0])] != &unit) any = alone[i] = true;
    }
  }
  return any;
}

void Planner::find_lives() {
  made_.assign(tape_.values.size(), 0);
  last_used_.assign(tape_.values.size(), 0);
  std::size_t now = 0;
  for (const Unit& unit : plan_.units) {
    for (std::size_t i : unit.steps) {
      if (unit.kind == Unit::Kind::small) ++now;
      for (ValueId id : tape_.steps[i].inputs) last_used_[at(plan_.root(id))] = now;
      for (ValueId id : tape_.steps[i].outputs) made_[at(id)] = last_used_[at(id)] = now;
    }
    ++now;
  }
  for (const Assignment& assignment : plan_.assignments)
    last_used_[at(plan_.root(assignment.value))] = now;
}

// Values that live in one unit of tiles only share slots of scratch, each as large as a tile. Gives
// the largest item's size.
std::int64_t Planner::assign_scratch(Unit& unit) {
  std::size_t item = 1;
  std::vector<std::size_t> free;
  std::vector<std::size_t>& last_use = last_in_unit_;
  last_use.resize(tape_.values.size());
  for (std::size_t k = 0; k < unit.steps.size(); ++k) {
    for (ValueId id : tape_.steps[unit.steps[k]].inputs) last_use[at(plan_.root(id))] = k;
  }
  const std::size_t now = made_[at(tape_.steps[unit.steps[0]].outputs[0])];
  for (std::size_t k = 0; k < unit.steps.size(); ++k) {
    const Step& step = tape_.steps[unit.steps[k]];
    const ValueId made = step.outputs[0];
    const std::size_t made_item = size_of(tape_[made].spec.dtype);
    // An output may take the place of an input that ends here, if its elements are as large.
    std::vector<std::size_t> free_later;
    for (ValueId id : step.inputs) {
      const ValueId root = plan_.root(id);
      const Place& from = place(root);
      if (from.base != Base::scratch || made_[at(root)] != now || last_use[at(root)] != k) continue;
      const auto is_free = [&](const std::vector<std::size_t>& list) {
        return std::find(list.begin(), list.end(), from.index) != list.end();
      };
      if (is_free(free) || is_free(free_later)) continue;
      const bool fits = size_of(tape_[root].spec.dtype) == made_item;
      (fits ? free : free_later).push_back(from.index);
    }
    Place& to = place(made);
    if (to.base == Base::none && last_used_[at(made)] == now && is_pointwise(unit.steps[k]) &&
        (!free.empty() || unit.num_slots < kMostSlots)) {
      if (free.empty()) {
        to = {Base::scratch, unit.num_slots++, 0};
      } else {
        to = {Base::scratch, free.back(), 0};
        free.pop_back();
      }
      item = std::max(item, made_item);
    }
    free.insert(free.end(), free_later.begin(), free_later.end());
  }
  return static_cast<std::int64_t>(item);
}

void Planner::shape_tiles() {
  for (Unit& unit : plan_.units) {
    if (unit.kind != Unit::Kind::tiles) continue;
    const std::int64_t item = assign_scratch(unit);
    const std::int64_t slots = std::max<std::int64_t>(static_cast<std::int64_t>(unit.num_slots), 1);
    const std::int64_t tile =
        std::clamp(kScratchBytes / (slots * item) / 64 * 64, kLeast, kMostTile);
    if (unit.has_product) {
      // Two blocks of the loops that multiply, or more; whole rows, if they fit, so that what is
      // read beside them lies in one piece.
      const std::int64_t most = kScratchBytes / (slots * item);
      const std::int64_t least = most >= 256 ? 16 : 8;
      unit.tile_columns = std::min(unit.columns, most / least / 16 * 16);
      const std::int64_t down = std::min(most, kMostTile) / unit.tile_columns / 8 * 8;
      unit.tile_rows = std::min(unit.rows, std::max(down, least));
    } else {
      unit.tile_columns = std::min(unit.columns, tile);
      unit.tile_rows = unit.columns > tile
                           ? 1
                           : std::min(unit.rows, std::max<std::int64_t>(tile / unit.columns, 1));
    }
    unit.slot_bytes = padded_bytes(unit.tile_rows * unit.tile_columns * item);
  }
}

// ---- memory ----

void Planner::prepare(Unit& unit, const Step& step) {
  const auto prepare = step.op.def().prepare;
  if (prepare == nullptr) return;
  const Tensors inputs = bare_tensors(tape_, plan_, step.inputs);
  const Tensors outputs = bare_tensors(tape_, plan_, step.outputs);
  Workspace workspace;
  unit.kernel = prepare(step.op.options(),
                        {{inputs.data(), inputs.size()}, {outputs.data(), outputs.size()}},
                        workspace);
  unit.workspace_bytes = workspace.bytes();
}

void Planner::place_results() {
  Arena arena;
  for (Unit& unit : plan_.units) {
    unit.parts.resize(unit.steps.size());
    for (std::size_t k = 0; k < unit.steps.size(); ++k) {
      const Step& step = tape_.steps[unit.steps[k]];
      for (ValueId id : step.outputs) {
        if (place(id).base != Base::none) continue;
        place(id).base = Base::arena;
        arena.add(bytes_of(tape_[id].spec), made_[at(id)], last_used_[at(id)], &place(id).offset);
      }
      if (unit.kind == Unit::Kind::step) prepare(unit, step);
      if (unit.workspace_bytes > 0) {
        const std::size_t now = made_[at(step.outputs[0])];
        arena.add(unit.workspace_bytes, now, now, &unit.workspace);
      }
      if (unit.kind != Unit::Kind::tiles) continue;
      const std::int64_t parts = unit.num_parts(passes_[unit.steps[k]]->reducing);
      const std::size_t now = made_[at(step.outputs[0])];
      if (parts > 1)
        arena.add(parts * bytes_of(tape_[step.outputs[0]].spec), now, now, &unit.parts[k]);
    }
  }
  plan_.arena_bytes = arena.pack();
}

}  // namespace

Plan make_plan(const Tape& tape) {
  std::vector<bool> alone(tape.steps.size());
  for (;;) {
    Plan plan;
    if (Planner(tape, plan).run(alone)) return plan;
  }
}

}  // namespace nyala::graph
