// The first phase: which values are views of others, and which memory is outside the arena.
#include <nyala/autograd/graph/phases.hpp>

namespace nyala::graph {
namespace {

using Base = MemorySlot::Base;

std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

// A view of a view is one of the root.
std::vector<View> views_of(const Tape& tape) {
  std::vector<View> views(tape.values.size());
  for (std::size_t i = 0; i < tape.values.size(); ++i)
    views[i] = {static_cast<ValueId>(i), 0, contiguous_strides(tape.values[i].spec.shape)};
  for (const Step& step : tape.steps) {
    const OpDef& def = step.op.def();
    if (def.view == nullptr) continue;
    const View& from = views[at(step.inputs[0])];
    const Spec& spec = tape[step.inputs[0]].spec;
    const auto view = def.view(step.op.options(), spec, from.strides);
    if (!view) continue;
    const std::int64_t offset = view->offset * static_cast<std::int64_t>(size_of(spec.dtype));
    views[at(step.outputs[0])] = {from.root, from.offset + offset, view->strides};
  }
  return views;
}

class Finder {
 public:
  explicit Finder(const Tape& tape) : tape_(tape) {}

  Views run() {
    found_.of = views_of(tape_);
    find_sources();
    find_assignments();
    find_outputs();
    return std::move(found_);
  }

 private:
  std::size_t variable_index(const Variable& variable) {
    const auto [known, is_new] = indices_.try_emplace(variable.id(), found_.variables.size());
    if (is_new) {
      found_.variables.push_back(variable);
      found_.initial.push_back(-1);
    }
    return known->second;
  }

  void find_sources() {
    found_.slots.resize(tape_.values.size());
    for (std::size_t i = 0; i < tape_.values.size(); ++i) {
      const Value& value = tape_.values[i];
      MemorySlot& slot = found_.slots[i];
      switch (value.kind) {
        case Value::Kind::step: break;
        case Value::Kind::input: slot = {Base::input, value.input, 0}; break;
        case Value::Kind::constant: slot = {Base::constant, i, 0}; break;
        case Value::Kind::variable: {
          slot = {Base::variable, variable_index(value.variable), 0};
          found_.initial[slot.index] = static_cast<ValueId>(i);
          break;
        }
      }
    }
  }

  void find_assignments() {
    found_.num_assigned.resize(tape_.values.size());
    for (const auto& [variable, id] : tape_.assigned) {
      found_.assignments.push_back({variable_index(variable), id, false});
      found_.assigned_to.emplace(id, found_.assignments.back().variable);
      ++found_.num_assigned[at(found_.root(id))];
    }
  }

  void find_outputs() {
    found_.is_output.resize(tape_.values.size());
    for (ValueId id : tape_.outputs) {
      const ValueId root = found_.root(id);
      found_.is_output[at(root)] = true;
      MemorySlot& slot = found_.slots[at(root)];
      if (slot.base != Base::none) continue;
      slot = {Base::output, found_.output_roots.size(), 0};
      found_.output_roots.push_back(root);
    }
  }

  const Tape& tape_;
  Views found_;
  std::unordered_map<std::uint64_t, std::size_t> indices_;  // of variables, by id
};

}  // namespace

Views find_views(const Tape& tape) { return Finder(tape).run(); }

}  // namespace nyala::graph
