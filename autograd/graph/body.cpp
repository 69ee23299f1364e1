#include <nyala/autograd/graph/body.hpp>

#include <algorithm>
#include <atomic>

#include <nyala/core/kernels/elementwise.hpp>

namespace nyala::graph {
namespace {

std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

// A tape's values as tensors: those of its inputs, its constants, and those that steps make.
std::vector<Tensor> sources_of(const Tape& tape, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> values(tape.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Value& value = tape.values[i];
    if (value.kind == Value::Kind::input) values[i] = inputs[value.input];
    if (value.kind == Value::Kind::constant) values[i] = value.constant;
  }
  return values;
}

void make_step(const Step& step, std::vector<Tensor>& values) {
  Tensors inputs;
  for (const ValueId id : step.inputs) inputs.push_back(values[at(id)]);
  const Tensors outputs = run_any(step.op, Inputs<Tensor>(inputs.data(), inputs.size()));
  for (std::size_t i = 0; i < outputs.size(); ++i) values[at(step.outputs[i])] = outputs[i];
}

// Splits a closure's steps: what varies from run to run becomes a tape, the rest is done at once.
class Splitter {
 public:
  Splitter(const Closure& closure, const std::vector<std::size_t>& varying)
      : from_(closure.tape), varies_(from_.values.size()), to_(from_.values.size(), -1) {
    for (std::size_t k = 0; k < varying.size(); ++k) {
      for (std::size_t i = 0; i < varies_.size(); ++i) {
        const Value& value = from_.values[i];
        if (value.kind != Value::Kind::input || value.input != varying[k]) continue;
        varies_[i] = true;
        to_[i] = add({.kind = Value::Kind::input, .spec = value.spec, .input = k});
      }
    }
  }

  BoundBody split(const std::vector<Tensor>& inputs,
                  const std::vector<ValueId>& outputs,
                  std::size_t num_varying) {
    values_ = sources_of(from_, inputs);
    num_varying_ = num_varying;
    for (const Step& step : from_.steps) {
      const bool varies = std::any_of(
          step.inputs.begin(), step.inputs.end(), [&](ValueId id) { return varies_[at(id)]; });
      if (!varies) {
        make_step(step, values_);
        continue;
      }
      Step copy{step.op, {}, {}};
      for (const ValueId id : step.inputs) copy.inputs.push_back(place_of(id));
      for (const ValueId id : step.outputs) {
        varies_[at(id)] = true;
        copy.outputs.push_back(to_[at(id)] = add({.spec = from_[id].spec}));
      }
      tape_.steps.push_back(std::move(copy));
    }
    for (const ValueId id : outputs) tape_.outputs.push_back(place_of(id));
    return {std::make_shared<const Body>(std::move(tape_)), std::move(fixed_)};
  }

 private:
  ValueId add(Value value) {
    tape_.values.push_back(std::move(value));
    return static_cast<ValueId>(tape_.values.size() - 1);
  }
  ValueId place_of(ValueId id) {
    ValueId& place = to_[at(id)];
    if (place >= 0) return place;
    if (from_[id].kind == Value::Kind::constant) return place = add(from_[id]);
    const Tensor& value = values_[at(id)];
    fixed_.push_back(value);
    return place = add({.kind = Value::Kind::input,
                        .spec = value.spec(),
                        .input = num_varying_ + fixed_.size() - 1});
  }

  const Tape& from_;
  Tape tape_;
  std::vector<bool> varies_;
  std::vector<ValueId> to_;  // where each value is on the new tape, or -1
  std::vector<Tensor> values_, fixed_;
  std::size_t num_varying_ = 0;
};

}  // namespace

std::vector<ValueId> input_ids(const Tape& tape) {
  std::vector<ValueId> ids;
  for (std::size_t i = 0; i < tape.values.size(); ++i) {
    const Value& value = tape.values[i];
    if (value.kind != Value::Kind::input) continue;
    ids.resize(std::max(ids.size(), value.input + 1));
    ids[value.input] = static_cast<ValueId>(i);
  }
  return ids;
}

void copy_to(void* to, const Tensor& from) {
  kernels::copy(from.dtype(), from.shape(), {from.data(), from.strides().data()}, to);
}

std::vector<Tensor> replay_tape(const Tape& tape, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> values = sources_of(tape, inputs);
  for (const Step& step : tape.steps) make_step(step, values);
  std::vector<Tensor> outputs;
  for (const ValueId id : tape.outputs) outputs.push_back(values[at(id)]);
  return outputs;
}

Tape part_of(const Tape& tape,
             std::size_t first,
             std::size_t end,
             const std::vector<ValueId>& inputs,
             const std::vector<ValueId>& outputs) {
  Tape part;
  std::vector<ValueId> to(tape.values.size(), -1);
  const auto add = [&](ValueId id, Value value) {
    part.values.push_back(std::move(value));
    return to[at(id)] = static_cast<ValueId>(part.values.size() - 1);
  };
  const auto place_of = [&](ValueId id) {
    return to[at(id)] >= 0 ? to[at(id)] : add(id, tape[id]);  // a constant
  };
  for (std::size_t i = 0; i < inputs.size(); ++i)
    add(inputs[i], {.kind = Value::Kind::input, .spec = tape[inputs[i]].spec, .input = i});
  for (std::size_t i = first; i < end; ++i) {
    Step step{tape.steps[i].op, {}, {}};
    for (const ValueId id : tape.steps[i].inputs) step.inputs.push_back(place_of(id));
    for (const ValueId id : tape.steps[i].outputs)
      step.outputs.push_back(add(id, {.spec = tape[id].spec}));
    part.steps.push_back(std::move(step));
  }
  for (const ValueId id : outputs) part.outputs.push_back(place_of(id));
  return part;
}

BoundBody bind_closure(const Closure& closure,
                       const std::vector<std::size_t>& varying,
                       const std::vector<Tensor>& inputs,
                       const std::vector<ValueId>& outputs) {
  return Splitter(closure, varying).split(inputs, outputs, varying.size());
}

Body::Body(Tape tape) : tape_(std::move(tape)) {
  static std::atomic<std::int64_t> count{0};
  id_ = count.fetch_add(1, std::memory_order_relaxed);
  for (const ValueId id : input_ids(tape_)) inputs_.push_back(tape_[id].spec);
  for (const ValueId id : tape_.outputs) outputs_.push_back(tape_[id].spec);
}

const Program& Body::program() const {
  std::call_once(once_, [&] {
    const auto f = [&](const std::vector<Tensor>& inputs) { return replay_tape(tape_, inputs); };
    program_ = Program(f, inputs_);
  });
  return program_;
}

}  // namespace nyala::graph
