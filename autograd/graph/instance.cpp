#include <nyala/autograd/graph/instance.hpp>

#include <nyala/autograd/graph/support.hpp>
#include <nyala/core/kernels/elementwise.hpp>

namespace nyala::graph {
namespace {

using Base = MemorySlot::Base;

// An op that prepares no kernel, on tensors that point to where its values are stored.
class ForwardGroup final : public BoundGroup {
 public:
  ForwardGroup(const Tape& tape, const Plan& plan, const Group& group, Instance& instance)
      : op_(tape.steps[group.steps[0]].op) {
    const Step& step = tape.steps[group.steps[0]];
    inputs_ = bare_tensors(tape, plan.views, step.inputs);
    outputs_ = bare_tensors(tape, plan.views, step.outputs);
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      instance.point(&inputs_[i].impl()->data, step.inputs[i]);
    for (std::size_t i = 0; i < outputs_.size(); ++i)
      instance.point(&outputs_[i].impl()->data, step.outputs[i]);
  }

  void run() override {
    op_.def().forward(op_.options(),
                      {inputs_.data(), inputs_.size()},
                      std::span<Tensor>(outputs_.data(), outputs_.size()));
  }

 private:
  const AnyOp& op_;
  Tensors inputs_, outputs_;
};

// The kernel that an op prepared.
class KernelGroup final : public BoundGroup {
 public:
  KernelGroup(const Tape& tape, const Group& group, Instance& instance) : kernel_(group.kernel) {
    const Step& step = tape.steps[group.steps[0]];
    inputs_.resize(step.inputs.size());
    outputs_.resize(step.outputs.size());
    for (std::size_t i = 0; i < inputs_.size(); ++i) instance.point(&inputs_[i], step.inputs[i]);
    for (std::size_t i = 0; i < outputs_.size(); ++i) instance.point(&outputs_[i], step.outputs[i]);
    if (group.workspace_bytes > 0) workspace_ = instance.arena() + group.workspace;
  }
  void run() override {
    kernel_(const_cast<const void* const*>(reinterpret_cast<void**>(inputs_.data())),
            reinterpret_cast<void* const*>(outputs_.data()),
            workspace_);
  }

 private:
  const Kernel& kernel_;
  std::byte* workspace_ = nullptr;
  std::vector<std::byte*> inputs_, outputs_;
};

void give_private_copy(const Variable& variable, Tensor& stored) {
  Tensor copy = stored.clone();
  detail::mark_value(copy, variable);
  stored = std::move(copy);
}

}  // namespace

std::unique_ptr<BoundGroup> bind_single(const Tape& tape,
                                        const Plan& plan,
                                        const Group& group,
                                        Instance& instance) {
  if (group.kernel) return std::make_unique<KernelGroup>(tape, group, instance);
  return std::make_unique<ForwardGroup>(tape, plan, group, instance);
}

Instance::Instance(const Tape& tape, const Plan& plan)
    : tape_(tape),
      plan_(plan),
      arena_(Tensor::empty({plan.arena_bytes}, DType::uint8)),
      outputs_(plan.output_roots.size()),
      results_(plan.output_roots.size()) {
  for (const Value& value : tape.values) {
    if (value.kind == Value::Kind::input) inputs_.emplace_back();
  }
  dense_.resize(inputs_.size());
  for (const Variable& variable : plan.variables)
    variables_.push_back({&detail::stored_value(variable), {}});
  for (const Assignment& assignment : plan.assignments) {
    variables_[assignment.variable].is_written |= assignment.in_place;
    if (!assignment.in_place) copied_.push_back({&assignment, {}, {}});
  }
  for (const Group& group : plan.groups) {
    const auto bind = group.kind == Group::Kind::single  ? bind_single
                      : group.kind == Group::Kind::small ? bind_small
                                                         : bind_tiled;
    groups_.push_back(bind(tape, plan, group, *this));
  }
}

void Instance::point(std::byte** pointer, ValueId id) {
  const View& view = plan_.view(id);
  const MemorySlot& slot = plan_.slot(view.root);
  switch (slot.base) {
    case Base::none:
    case Base::scratch: *pointer = nullptr; break;
    case Base::arena: *pointer = arena() + slot.offset + view.offset; break;
    case Base::constant: *pointer = tape_[view.root].constant.impl()->data + view.offset; break;
    case Base::input: inputs_[slot.index].add(pointer, view.offset); break;
    case Base::variable: variables_[slot.index].memory.add(pointer, view.offset); break;
    case Base::output: outputs_[slot.index].add(pointer, view.offset); break;
  }
}

void Instance::point_variables() {
  for (Held& held : variables_) {
    if (held.is_written && !detail::is_private(*held.stored)) [[unlikely]] {
      const auto index = static_cast<std::size_t>(&held - variables_.data());
      give_private_copy(plan_.variables[index], *held.stored);
    }
    held.memory.move_to(held.stored->impl()->data);
  }
}

void Instance::point_inputs(Inputs<Tensor> inputs) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs[i].is_contiguous()) {
      inputs_[i].move_to(inputs[i].impl()->data);
      continue;
    }
    dense_[i] = inputs[i].contiguous();
    has_dense_ = true;
    inputs_[i].move_to(dense_[i].impl()->data);
  }
}

// An output that nobody holds any more is written anew.
void Instance::point_outputs() {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    Tensor& result = results_[i];
    if (!result.defined() || !result.impl()->storage->refs.unique()) {
      const Spec& spec = tape_[plan_.output_roots[i]].spec;
      result = Tensor::empty(spec.shape, spec.dtype);
    }
    outputs_[i].move_to(result.impl()->data);
  }
}

// A tensor of its own: not the variable's or the caller's, which a mask or a tape must not touch.
Tensor Instance::output(ValueId id, Inputs<Tensor> inputs) const {
  const View& view = plan_.view(id);
  const MemorySlot& slot = plan_.slot(view.root);
  const Spec& spec = tape_[id].spec;
  const std::int64_t offset = view.offset / static_cast<std::int64_t>(size_of(spec.dtype));
  const auto view_of = [&](const Tensor& tensor) {
    return Tensor::strided(tensor, spec.shape, view.strides, offset);
  };
  switch (slot.base) {
    case Base::input:
      return view_of(dense_[slot.index].defined() ? dense_[slot.index] : inputs[slot.index]);
    case Base::variable: return view_of(detail::stored_value(plan_.variables[slot.index]));
    case Base::constant: return view_of(tape_[view.root].constant);
    default: return view_of(results_[slot.index]);
  }
}

void Instance::append_outputs(Inputs<Tensor> inputs, Tensors& outputs) const {
  const std::vector<std::size_t>& undefined = tape_.undefined_outputs;
  std::size_t position = 0, next = 0;
  const auto append_undefined = [&] {
    for (; next < undefined.size() && undefined[next] == position; ++next, ++position)
      outputs.push_back(Tensor());
  };
  for (ValueId id : tape_.outputs) {
    append_undefined();
    outputs.push_back(output(id, inputs));
    ++position;
  }
  append_undefined();
}

Tensor Instance::value_of(const Assignment& assignment) {
  const View& view = plan_.view(assignment.value);
  const MemorySlot& slot = plan_.slot(view.root);
  std::byte* data = nullptr;
  switch (slot.base) {
    case Base::arena: data = arena() + slot.offset; break;
    case Base::constant: data = tape_[view.root].constant.impl()->data; break;
    case Base::input: data = const_cast<std::byte*>(inputs_[slot.index].data()); break;
    case Base::output: data = results_[slot.index].impl()->data; break;
    default: data = const_cast<std::byte*>(variables_[slot.index].memory.data());
  }
  return detail::bare_tensor(tape_[assignment.value].spec, view.strides, data + view.offset);
}

// All that an assignment asks memory for, before anything is written. The old value of another
// variable is copied at once: it stands in the end as it is now.
void Instance::prepare_assignments() {
  for (Copied& copied : copied_) {
    const Assignment& assignment = *copied.assignment;
    copied.from = value_of(assignment);
    copied.is_copied_early = plan_.slot(plan_.root(assignment.value)).base == Base::variable;
    const Variable& variable = plan_.variables[assignment.variable];
    if (copied.is_copied_early)
      copied.fresh = copied.from.clone();
    else if (!detail::is_private(detail::stored_value(variable)))
      copied.fresh = Tensor::empty(copied.from.shape(), copied.from.dtype());
    else
      continue;
    detail::mark_value(copied.fresh, variable);
  }
}

void Instance::assign() {
  for (Copied& copied : copied_) {
    Tensor& stored = detail::stored_value(plan_.variables[copied.assignment->variable]);
    Tensor& to = copied.fresh.defined() ? copied.fresh : stored;
    if (!copied.is_copied_early) {
      kernels::copy(copied.from.dtype(),
                    copied.from.shape(),
                    {copied.from.data(), copied.from.strides().data()},
                    to.mutable_data());
    }
    if (copied.fresh.defined()) stored = std::exchange(copied.fresh, Tensor());
  }
}

void Instance::run(Inputs<Tensor> inputs, Tensors& outputs) {
  const std::size_t before = outputs.size();
  try {
    point_variables();
    point_inputs(inputs);
    point_outputs();
    append_outputs(inputs, outputs);
    if (!copied_.empty()) prepare_assignments();
    for (const auto& group : groups_) group->run();
  } catch (...) {
    outputs.resize(before);
    throw;
  }
  if (!copied_.empty()) assign();
  if (!has_dense_) return;
  for (Tensor& copy : dense_) copy = Tensor();
  has_dense_ = false;
}

}  // namespace nyala::graph
