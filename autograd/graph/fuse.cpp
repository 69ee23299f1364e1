// The third phase: which steps run as one.
#include <algorithm>

#include <nyala/autograd/graph/grouping.hpp>

namespace nyala::graph {
namespace {

std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

// Takes from products of tiled groups whose tiles no step of the group reads their LoopStep. False
// where there are none.
bool separate_unread_products(const Tape& tape,
                              const Views& views,
                              const std::vector<Group>& groups,
                              LoopSteps& loops) {
  bool any = false;
  std::vector<const Group*> read_in(tape.values.size());
  for (const Group& group : groups) {
    if (!group.has_product) continue;
    for (std::size_t i : group.steps) {
      for (ValueId id : tape.steps[i].inputs) read_in[at(views.root(id))] = &group;
    }
    for (std::size_t i : group.steps) {
      if (loops[i]->product == nullptr || read_in[at(tape.steps[i].outputs[0])] == &group) continue;
      loops[i].reset();
      any = true;
    }
  }
  return any;
}

}  // namespace

std::optional<std::vector<Group>> fuse_steps(const Tape& tape,
                                             const Views& views,
                                             const Order& order,
                                             LoopSteps& loops) {
  Grouping grouping(tape, views, loops);
  for (std::size_t i : order.steps) {
    if (!views.is_view(tape.steps[i])) grouping.add(i);
  }
  std::vector<Group> groups = grouping.take_groups();
  if (separate_unread_products(tape, views, groups, loops)) return {};
  for (Group& group : groups) {
    if (group.kind == Group::Kind::single) continue;
    for (std::size_t i : group.steps) group.loop.push_back(*loops[i]);
  }
  return groups;
}

}  // namespace nyala::graph
