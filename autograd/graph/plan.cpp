#include <nyala/autograd/graph/plan.hpp>

#include <algorithm>
#include <memory>

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

void find_views(const Tape& tape, Plan& plan) {
  std::int64_t most = 0;
  plan.views.resize(tape.values.size());
  for (std::size_t i = 0; i < tape.values.size(); ++i) {
    const Spec& spec = tape.values[i].spec;
    plan.views[i] = {static_cast<ValueId>(i), 0, contiguous_strides(spec.shape)};
    most = std::max(most, bytes_of(spec));
  }
  // Ops that may share elements are tried on memory that stands for any root.
  const auto size = static_cast<std::size_t>(most) + 64;
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(size);
  for (const Step& step : tape.steps) {
    const OpDef& def = step.op.def();
    if (!def.aliases || step.inputs.size() != 1) continue;
    const View from = plan.view(step.inputs[0]);
    const Tensor input =
        bare_tensor(tape[step.inputs[0]].spec, from.strides, memory.get() + from.offset);
    Tensor output;
    def.forward(step.op.options(), Inputs<Tensor>(&input, 1), std::span<Tensor>(&output, 1));
    const auto* data = static_cast<const std::byte*>(output.data());
    if (data < memory.get() || data >= memory.get() + size) continue;
    plan.views[at(step.outputs[0])] = {from.root, data - memory.get(), output.strides()};
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
  void place_results();

  std::size_t variable_index(const Variable& variable);
  bool may_be_in_place(const Assignment& assignment) const;
  bool joins(std::size_t step, const Unit& unit) const;
  void add(std::size_t step, std::vector<Unit>& units) const;
  std::int64_t assign_scratch(Unit& unit);
  bool is_pointwise(std::size_t step) const {
    return passes_[step] && passes_[step]->reducing == Reducing::no;
  }
  bool is_product(std::size_t step) const {
    return passes_[step] && passes_[step]->product != nullptr;
  }
  bool reads(std::size_t step, ValueId root) const {
    const std::vector<ValueId>& inputs = tape_.steps[step].inputs;
    return std::any_of(
        inputs.begin(), inputs.end(), [&](ValueId id) { return plan_.root(id) == root; });
  }
  bool writes_what_it_reads(std::size_t step, const Unit& unit) const;
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
  // When each root is made and last used. Time goes on with each unit, and with each step of a
  // small one.
  std::vector<std::size_t> made_, last_used_;
};

std::size_t Planner::variable_index(const Variable& variable) {
  for (std::size_t i = 0; i < plan_.variables.size(); ++i) {
    if (plan_.variables[i].is(variable)) return i;
  }
  plan_.variables.push_back(variable);
  initial_.push_back(-1);
  return plan_.variables.size() - 1;
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
  for (const auto& [variable, id] : tape_.assigned)
    plan_.assignments.push_back({variable_index(variable), id, false});
}

void Planner::find_outputs() {
  for (ValueId id : tape_.outputs) {
    const ValueId root = plan_.root(id);
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
  for (const Assignment& other : plan_.assignments) {
    if (&other == &assignment) continue;
    if (plan_.root(other.value) == id || plan_.root(other.value) == old) return false;
  }
  return std::none_of(tape_.outputs.begin(), tape_.outputs.end(), [&](ValueId output) {
    return plan_.root(output) == old;
  });
}

// Steps that may write over a variable, and all that depend on them, go to the end: whatever may
// throw comes before.
void Planner::order_steps() {
  std::vector<bool> late(tape_.values.size());
  for (const Assignment& assignment : plan_.assignments) {
    if (may_be_in_place(assignment)) late[at(assignment.value)] = true;
  }
  std::vector<bool> waits(tape_.steps.size());
  for (std::size_t i = 0; i < tape_.steps.size(); ++i) {
    const Step& step = tape_.steps[i];
    const auto is_late = [&](ValueId id) { return late[at(id)]; };
    waits[i] = std::any_of(step.inputs.begin(), step.inputs.end(), is_late) ||
               (may_write_over(i) && is_late(step.outputs[0]));
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
  for (std::size_t k = 0; k < steps.size(); ++k) {
    const Step& step = tape_.steps[steps[k]];
    for (ValueId id : step.inputs) {
      if (maker[at(id)] >= 0) let_wait(static_cast<std::size_t>(maker[at(id)]), k);
      const Place& from = plan_.place(plan_.root(id));
      if (from.base == Base::variable) readers[from.index].push_back(k);
    }
    for (ValueId id : step.outputs) maker[at(id)] = static_cast<std::ptrdiff_t>(k);
    // What reads a variable comes before what may write over it.
    for (const Assignment& assignment : plan_.assignments) {
      if (assignment.value != step.outputs[0]) continue;
      for (std::size_t reader : readers[assignment.variable])
        if (reader != k) let_wait(reader, k);
    }
  }
  std::vector<std::size_t> order, ready;
  for (std::size_t k = 0; k < steps.size(); ++k)
    if (waits[k] == 0) ready.push_back(k);
  std::vector<Unit> units;
  while (!ready.empty()) {
    const auto find = [&](auto&& fits) { return std::find_if(ready.begin(), ready.end(), fits); };
    auto next = find([&](std::size_t k) {
      return is_view(plan_, tape_.steps[steps[k]]) ||
             (!units.empty() && joins(steps[k], units.back()));
    });
    if (next == ready.end()) next = find([&](std::size_t k) { return !passes_[steps[k]]; });
    if (next == ready.end())
      next = find([&](std::size_t k) { return passes_[steps[k]]->is_small(); });
    if (next == ready.end()) next = ready.begin();
    const std::size_t k = *next;
    ready.erase(next);
    order.push_back(steps[k]);
    if (!is_view(plan_, tape_.steps[steps[k]])) add(steps[k], units);
    for (std::size_t follower : followers[k]) {
      if (--waits[follower] > 0) continue;
      ready.insert(std::lower_bound(ready.begin(), ready.end(), follower), follower);
    }
  }
  return order;
}

void Planner::choose_in_place() {
  for (Assignment& assignment : plan_.assignments) {
    if (!may_be_in_place(assignment)) continue;
    const ValueId old = initial_[assignment.variable];
    bool made = false, fits = true;
    for (std::size_t i : order_) {
      const Step& step = tape_.steps[i];
      const bool makes = step.outputs[0] == assignment.value;
      fits &= !makes || may_write_over(i);
      fits &= !made || !may_throw(i);
      for (std::size_t k = 0; k < step.inputs.size(); ++k) {
        if (old < 0 || plan_.root(step.inputs[k]) != old || is_view(plan_, step)) continue;
        fits &= !made;
        if (makes && fits)
          fits &= passes_[i] ? passes_[i]->readings[k] == Reading::full
                             : k == 0 && step.inputs[0] == old;
      }
      made |= makes;
    }
    if (!made || !fits) continue;
    assignment.in_place = true;
    place(assignment.value) = {Base::variable, assignment.variable, 0};
  }
}

// ---- units ----

// Whether a step may run with those of a unit.
bool Planner::joins(std::size_t i, const Unit& unit) const {
  const std::optional<Pass>& pass = passes_[i];
  if (!pass || unit.kind == Unit::Kind::step) return false;
  if (unit.kind == Unit::Kind::small) return pass->is_small();
  const bool is_split = unit.columns != unit.rows * unit.columns;
  if (pass->size != unit.rows * unit.columns) return false;
  if (pass->columns != 0 && is_split && pass->columns != unit.columns) return false;
  const auto reads_from = [&](std::size_t other) {
    return reads(i, tape_.steps[other].outputs[0]);
  };
  if (pass->product) {
    return std::all_of(unit.steps.begin(), unit.steps.end(), [&](std::size_t other) {
      return is_product(other) && !reads_from(other);
    });
  }
  if (unit.has_product && (pass->reducing == Reducing::to_one || writes_what_it_reads(i, unit)))
    return false;
  // A reduction ends a chain; what it makes is there when the unit has ended.
  if (pass->reducing != Reducing::no)
    return std::any_of(unit.steps.begin(), unit.steps.end(), reads_from);
  return std::none_of(unit.steps.begin(), unit.steps.end(), [&](std::size_t other) {
    return passes_[other]->reducing != Reducing::no && reads_from(other);
  });
}

// Whether a step may write over a variable that a product of the unit reads.
bool Planner::writes_what_it_reads(std::size_t i, const Unit& unit) const {
  return std::any_of(plan_.assignments.begin(), plan_.assignments.end(), [&](const auto& a) {
    if (a.value != tape_.steps[i].outputs[0]) return false;
    return std::any_of(unit.steps.begin(), unit.steps.end(), [&](std::size_t other) {
      const std::vector<ValueId>& inputs = tape_.steps[other].inputs;
      return is_product(other) && std::any_of(inputs.begin(), inputs.end(), [&](ValueId id) {
               const Place& from = plan_.place(plan_.root(id));
               return from.base == Base::variable && from.index == a.variable;
             });
    });
  });
}

// To the last unit, or as a new one.
void Planner::add(std::size_t i, std::vector<Unit>& units) const {
  const std::optional<Pass>& pass = passes_[i];
  const bool is_new = units.empty() || !joins(i, units.back());
  if (is_new) units.emplace_back();
  Unit& unit = units.back();
  unit.steps.push_back(i);
  if (!pass) return;
  unit.has_product |= pass->product != nullptr;
  if (is_new && pass->is_small()) unit.kind = Unit::Kind::small;
  if (is_new && !pass->is_small() && pass->reducing == Reducing::no) unit.kind = Unit::Kind::tiles;
  if (unit.kind != Unit::Kind::tiles) return;
  if (is_new) unit.columns = pass->size;
  if (pass->columns != 0) unit.columns = pass->columns;
  unit.rows = pass->size / unit.columns;
}

void Planner::form_units() {
  for (std::size_t i : order_) {
    if (!is_view(plan_, tape_.steps[i])) add(i, plan_.units);
  }
}

bool Planner::leaves_alone(std::vector<bool>& alone) const {
  bool any = false;
  for (const Unit& unit : plan_.units) {
    for (std::size_t i : unit.steps) {
      if (!is_product(i)) continue;
      const bool is_read =
          std::any_of(unit.steps.begin(), unit.steps.end(), [&](std::size_t other) {
            return reads(other, tape_.steps[i].outputs[0]);
          });
      if (!is_read) any = alone[i] = true;
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
  std::vector<std::size_t> last_use(tape_.values.size(), 0);
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

// Blocks of memory that are needed from one unit to another, packed into one arena: the largest
// first, each at the lowest place that is free for as long as it lives.
class Arena {
 public:
  void add(std::int64_t bytes, std::size_t from, std::size_t to, std::int64_t* offset) {
    blocks_.push_back({padded_bytes(bytes), from, to, offset});
  }
  std::int64_t pack() {
    std::stable_sort(blocks_.begin(), blocks_.end(), [](const Block& a, const Block& b) {
      return a.bytes > b.bytes;
    });
    std::int64_t total = 0;
    std::vector<const Block*> placed;  // by offset
    for (const Block& block : blocks_) {
      std::int64_t offset = 0;
      for (const Block* other : placed) {
        if (other->to < block.from || block.to < other->from) continue;
        if (*other->offset >= offset + block.bytes) break;
        offset = std::max(offset, *other->offset + other->bytes);
      }
      *block.offset = offset;
      total = std::max(total, offset + block.bytes);
      const auto behind = std::upper_bound(
          placed.begin(), placed.end(), offset, [](std::int64_t value, const Block* other) {
            return value < *other->offset;
          });
      placed.insert(behind, &block);
    }
    return total;
  }

 private:
  struct Block {
    std::int64_t bytes;
    std::size_t from, to;
    std::int64_t* offset;
  };
  std::vector<Block> blocks_;
};

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
