#pragma once
/// The planner: four functions, each from the tape and what came before to a value. They match
/// traits of ops (core/op_def.hpp), never names. Not installed.
#include <optional>
#include <unordered_map>
#include <vector>

#include <nyala/autograd/graph/plan.hpp>

namespace nyala::graph {

/// Of each step: how it would run in a fused loop; nothing where it runs by itself.
using LoopSteps = std::vector<std::optional<LoopStep>>;

/// Which values share memory with which, and which memory is there outside the arena.
struct Views {
  std::vector<View> of;           // of each value
  std::vector<MemorySlot> slots;  // of each root: inputs, constants, variables and outputs
  std::vector<Variable> variables;
  std::vector<ValueId> initial;  // of each variable: the value it starts with, or -1
  std::vector<ValueId> output_roots;
  std::vector<bool> is_output;            // of each root: whether an output is a view of it
  std::vector<std::size_t> num_assigned;  // of each root: how many assignments are views of it
  std::vector<Assignment> assignments;    // none in place yet
  std::unordered_multimap<ValueId, std::size_t> assigned_to;  // by value: its variables

  ValueId root(ValueId id) const { return of[static_cast<std::size_t>(id)].root; }
  const MemorySlot& slot(ValueId root) const { return slots[static_cast<std::size_t>(root)]; }
  bool is_view(const Step& step) const { return root(step.outputs[0]) != step.outputs[0]; }
};
Views find_views(const Tape& tape);

LoopSteps find_loop_steps(const Tape& tape, const Views& views);

/// The steps in the order that they run in, and which assignments are in place.
struct Order {
  std::vector<std::size_t> steps;
  std::vector<Assignment> assignments;
};
Order order_steps(const Tape& tape, const Views& views, const LoopSteps& loops);

/// The groups, in order. Products that found no step to run together with lose their LoopStep; then
/// there are none, and order and groups are to be made anew.
std::optional<std::vector<Group>> fuse_steps(const Tape& tape,
                                             const Views& views,
                                             const Order& order,
                                             LoopSteps& loops);

/// Where all is stored: tiles, scratch, the arena with its workspaces, and the kernels bound to
/// them.
Plan place_values(const Tape& tape, Views views, Order order, std::vector<Group> groups);

}  // namespace nyala::graph
