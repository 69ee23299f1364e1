// The fourth phase: tiles, scratch, the arena, and the kernels of single steps.
#include <algorithm>

#include <nyala/autograd/graph/arena.hpp>
#include <nyala/autograd/graph/phases.hpp>

namespace nyala::graph {
namespace {

using Base = MemorySlot::Base;

std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

// The most elements of a tile, the least, and how many slots of the largest elements fit then;
// values beyond that are stored in the arena.
constexpr std::int64_t kMostTile = 2048;
constexpr std::int64_t kLeastTile = 128;
constexpr std::size_t kMostSlots = kScratchBytes / (kLeastTile * 8);

std::int64_t bytes_of(const Spec& spec) {
  return spec.shape.num_elements() * static_cast<std::int64_t>(size_of(spec.dtype));
}

// When each root is made and last used. Time goes on with each group, and with each step of a small
// one.
struct LiveRanges {
  std::vector<std::size_t> made, last_used;

  LiveRanges(const Tape& tape, const Plan& plan)
      : made(tape.values.size()), last_used(tape.values.size()) {
    std::size_t now = 0;
    for (const Group& group : plan.groups) {
      for (std::size_t i : group.steps) {
        if (group.kind == Group::Kind::small) ++now;
        for (ValueId id : tape.steps[i].inputs) last_used[at(plan.root(id))] = now;
        for (ValueId id : tape.steps[i].outputs) made[at(id)] = last_used[at(id)] = now;
      }
      ++now;
    }
    for (const Assignment& assignment : plan.assignments)
      last_used[at(plan.root(assignment.value))] = now;
  }
};

class Placer {
 public:
  Placer(const Tape& tape, Plan& plan)
      : tape_(tape), plan_(plan), live_(tape, plan), last_in_group_(tape.values.size()) {}

  void run() {
    for (Group& group : plan_.groups) {
      if (group.kind == Group::Kind::tiled) shape_tiles(group, assign_scratch(group));
      if (group.kind == Group::Kind::single) prepare(group);
    }
    Arena arena;
    for (Group& group : plan_.groups) place_results(group, arena);
    plan_.arena_bytes = arena.pack();
  }

 private:
  std::int64_t assign_scratch(Group& group);
  static void shape_tiles(Group& group, std::int64_t item);
  void prepare(Group& group) const;
  void place_results(Group& group, Arena& arena);
  MemorySlot& slot(ValueId root) { return plan_.slots[at(root)]; }

  const Tape& tape_;
  Plan& plan_;
  const LiveRanges live_;
  std::vector<std::size_t>
      last_in_group_;  // of each root: the last step of the group that reads it
};

// Values that are live in one tiled group only share slots of scratch, each as large as a tile.
// Gives the largest item's size.
std::int64_t Placer::assign_scratch(Group& group) {
  std::size_t item = 1;
  std::vector<std::size_t> free;
  for (std::size_t k = 0; k < group.steps.size(); ++k) {
    for (ValueId id : tape_.steps[group.steps[k]].inputs) last_in_group_[at(plan_.root(id))] = k;
  }
  const std::size_t now = live_.made[at(tape_.steps[group.steps[0]].outputs[0])];
  for (std::size_t k = 0; k < group.steps.size(); ++k) {
    const Step& step = tape_.steps[group.steps[k]];
    const ValueId made = step.outputs[0];
    const std::size_t made_item = size_of(tape_[made].spec.dtype);
    // An output may take the slot of an input that ends here, if its elements are as large.
    std::vector<std::size_t> free_later;
    for (ValueId id : step.inputs) {
      const ValueId root = plan_.root(id);
      const MemorySlot& from = slot(root);
      const bool ends_here = live_.made[at(root)] == now && last_in_group_[at(root)] == k;
      if (from.base != Base::scratch || !ends_here) continue;
      const auto is_free = [&](const std::vector<std::size_t>& list) {
        return std::find(list.begin(), list.end(), from.index) != list.end();
      };
      if (is_free(free) || is_free(free_later)) continue;
      const bool fits = size_of(tape_[root].spec.dtype) == made_item;
      (fits ? free : free_later).push_back(from.index);
    }
    MemorySlot& to = slot(made);
    if (to.base == Base::none && live_.last_used[at(made)] == now &&
        group.loop[k].reduction == ReductionKind::no &&
        (!free.empty() || group.num_slots < kMostSlots)) {
      if (free.empty()) {
        to = {Base::scratch, group.num_slots++, 0};
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

void Placer::shape_tiles(Group& group, std::int64_t item) {
  const std::int64_t slots = std::max<std::int64_t>(static_cast<std::int64_t>(group.num_slots), 1);
  const std::int64_t tile =
      std::clamp(kScratchBytes / (slots * item) / 64 * 64, kLeastTile, kMostTile);
  if (group.has_product) {
    // Two blocks of the loops that multiply, or more; whole rows, if they fit, so that what is read
    // beside them is contiguous.
    const std::int64_t most = kScratchBytes / (slots * item);
    const std::int64_t least = most >= 256 ? 16 : 8;
    group.tile_columns = std::min(group.columns, most / least / 16 * 16);
    const std::int64_t down = std::min(most, kMostTile) / group.tile_columns / 8 * 8;
    group.tile_rows = std::min(group.rows, std::max(down, least));
  } else {
    group.tile_columns = std::min(group.columns, tile);
    group.tile_rows = group.columns > tile
                          ? 1
                          : std::min(group.rows, std::max<std::int64_t>(tile / group.columns, 1));
  }
  group.slot_bytes = padded_bytes(group.tile_rows * group.tile_columns * item);
}

void Placer::prepare(Group& group) const {
  const Step& step = tape_.steps[group.steps[0]];
  const auto prepare = step.op.def().prepare;
  if (prepare == nullptr) return;
  const Tensors inputs = bare_tensors(tape_, plan_.views, step.inputs);
  const Tensors outputs = bare_tensors(tape_, plan_.views, step.outputs);
  Workspace workspace;
  group.kernel = prepare(step.op.options(),
                         {{inputs.data(), inputs.size()}, {outputs.data(), outputs.size()}},
                         workspace);
  group.workspace_bytes = workspace.bytes();
}

void Placer::place_results(Group& group, Arena& arena) {
  group.partials.resize(group.steps.size());
  for (std::size_t k = 0; k < group.steps.size(); ++k) {
    const Step& step = tape_.steps[group.steps[k]];
    for (ValueId id : step.outputs) {
      if (slot(id).base != Base::none) continue;
      slot(id).base = Base::arena;
      arena.add(
          bytes_of(tape_[id].spec), live_.made[at(id)], live_.last_used[at(id)], &slot(id).offset);
    }
    const std::size_t now = live_.made[at(step.outputs[0])];
    if (group.workspace_bytes > 0) arena.add(group.workspace_bytes, now, now, &group.workspace);
    if (group.kind != Group::Kind::tiled) continue;
    const std::int64_t partials = group.num_partials(group.loop[k].reduction);
    if (partials > 1)
      arena.add(partials * bytes_of(tape_[step.outputs[0]].spec), now, now, &group.partials[k]);
  }
}

}  // namespace

Plan place_values(const Tape& tape, Views views, Order order, std::vector<Group> groups) {
  Plan plan;
  plan.views = std::move(views.of);
  plan.slots = std::move(views.slots);
  plan.variables = std::move(views.variables);
  plan.output_roots = std::move(views.output_roots);
  plan.assignments = std::move(order.assignments);
  plan.groups = std::move(groups);
  for (const Assignment& assignment : plan.assignments) {
    if (assignment.in_place)
      plan.slots[at(assignment.value)] = {Base::variable, assignment.variable, 0};
  }
  Placer(tape, plan).run();
  return plan;
}

}  // namespace nyala::graph
