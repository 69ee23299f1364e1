#include <algorithm>
#include <unordered_set>

#include <nyala/autograd/control_flow/scan_op.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/core/ops.hpp>

namespace nyala::detail {
namespace {

using graph::Tape;
using graph::ValueId;
using Places = std::vector<std::size_t>;

// What flows back into an output of a step (into an input, where it `is_input`).
struct Flow {
  std::size_t index;
  Tensor dy;
  bool is_input = false;
};

// The gradients of one step by these inputs, zeros for those that nothing depends on.
std::vector<Tensor> step_gradients(const Tape& step,
                                   const std::vector<Tensor>& inputs,
                                   std::initializer_list<const Places*> by,
                                   const std::vector<Flow>& flows,
                                   std::vector<Tensor>* made = nullptr) {
  GradientTape tape;
  std::vector<Tensor> sources, targets;
  for (const Places* places : by) {
    for (const std::size_t i : *places) {
      tape.watch(inputs[i]);
      sources.push_back(inputs[i]);
    }
  }
  const std::vector<Tensor> outputs = graph::replay_tape(step, inputs);
  if (made != nullptr) *made = outputs;
  GradientArgs args{.unconnected_gradients = UnconnectedGradients::zero};
  for (const Flow& flow : flows) {
    targets.push_back(flow.is_input ? inputs[flow.index] : outputs[flow.index]);
    args.output_gradients.push_back(flow.dy);
  }
  return tape.gradient(targets, sources, args);
}

// Gradients by the carry, by xs and by what stays the same, as a step of the scan back gives them:
// the last ones are added to the sums that `carry` holds behind the first ones.
ScanResult split_gradients(const std::vector<Tensor>& grads,
                           std::size_t num_carried,
                           std::size_t num_along,
                           const std::vector<Tensor>& carry) {
  const auto along = grads.begin() + static_cast<std::ptrdiff_t>(num_carried);
  const auto fixed = along + static_cast<std::ptrdiff_t>(num_along);
  ScanResult made{{grads.begin(), along}, {along, fixed}};
  for (auto grad = fixed; grad != grads.end(); ++grad)
    made.carry.push_back(carry[made.carry.size()] + *grad);
  return made;
}

// The gradients of the op, from what a scan back gave.
Grads arranged(std::size_t num_inputs,
               const Places& carried,
               const Places& along,
               const Places& fixed,
               const std::vector<Tensor>& carry,
               const std::vector<Tensor>& results) {
  Grads grads(num_inputs);
  for (std::size_t k = 0; k < carried.size(); ++k) grads[carried[k]] = carry[k];
  for (std::size_t k = 0; k < along.size(); ++k) grads[along[k]] = results[k];
  for (std::size_t k = 0; k < fixed.size(); ++k) grads[fixed[k]] = carry[carried.size() + k];
  return grads;
}

Tensor or_zeros(const Tensor& dy, const Tensor& like) {
  return dy.defined() ? dy : ops::zeros_like(like);
}

}  // namespace

Grads Scan::vjp(const Saved& saved, Inputs<Tensor> dys) const {
  const auto is_defined = [](const Tensor& dy) { return dy.defined(); };
  const bool reads_left = backward != nullptr &&
                          std::none_of(dys.begin() + backward->num_outputs, dys.end(), is_defined);
  return reads_left ? vjp_by_left(saved, dys) : vjp_anew(saved, dys);
}

// A scan the other way over what the steps left.
Grads Scan::vjp_by_left(const Saved& saved, Inputs<Tensor> dys) const {
  const ScanBackward& back = *backward;
  ScanInputs loop{.length = length, .reverse = !reverse};
  for (const std::size_t i : back.carried) loop.carry.push_back(or_zeros(dys[i], saved.input(i)));
  for (const std::size_t i : back.fixed) loop.carry.push_back(ops::zeros_like(saved.input(i)));
  for (const std::size_t i : back.left) loop.xs.push_back(saved.output(i));
  for (const std::size_t i : back.xs) loop.xs.push_back(saved.input(i));
  for (const std::size_t i : back.flowing) loop.xs.push_back(or_zeros(dys[i], saved.output(i)));
  for (const std::size_t i : back.same) loop.fixed.push_back(saved.input(i));
  const Tensors all = run_scan(back.body, loop);
  const Tensor* const results = all.begin() + loop.carry.size();
  return arranged(saved.num_inputs(),
                  back.carried,
                  back.along,
                  back.fixed,
                  {all.begin(), results},
                  {results, all.end()});
}

// The same where steps left nothing, or a gradient flows into what they left: each step is made
// again from the carry before it. The scan carries the gradients by the carry and, for what stays
// the same, their sums; it goes along the carry before each step, xs, and the gradients by results.
Grads Scan::vjp_anew(const Saved& saved, Inputs<Tensor> dys) const {
  const std::size_t first_x = carries(), end_x = first_x + xs(), end = saved.num_inputs();
  const std::size_t first_kept = body->outputs().size();
  const auto is_wanted = [&](std::size_t i) {
    return is_floating(saved.dtype(i)) && (i < first_x || saved.wants(i));
  };
  std::vector<std::size_t> carried, along, fixed;  // inputs that get a gradient
  for (std::size_t i = 0; i < end; ++i) {
    if (is_wanted(i)) (i < first_x ? carried : i < end_x ? along : fixed).push_back(i);
  }
  std::vector<std::size_t> flowing;  // outputs of steps with a gradient; behind them kept carries
  for (std::size_t i = first_x; i < dys.size(); ++i) {
    if (dys[i].defined()) flowing.push_back(i);
  }

  ScanInputs loop{.length = length, .reverse = !reverse};
  for (const std::size_t i : carried) loop.carry.push_back(or_zeros(dys[i], saved.input(i)));
  for (const std::size_t i : fixed) loop.carry.push_back(ops::zeros_like(saved.input(i)));
  const std::vector<Tensor> before = kept_carries(saved);
  loop.xs = before;
  loop.xs.insert(loop.xs.end(), saved.inputs().begin() + first_x, saved.inputs().begin() + end_x);
  for (const std::size_t i : flowing) loop.xs.push_back(dys[i]);
  loop.fixed.assign(saved.inputs().begin() + end_x, saved.inputs().end());

  const auto back = [&](const std::vector<Tensor>& carry,
                        const std::vector<Tensor>& x,
                        const std::vector<Tensor>& same) {
    std::vector<Tensor> inputs(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(end_x));
    inputs.insert(inputs.end(), same.begin(), same.end());
    std::vector<Flow> flows;
    for (std::size_t k = 0; k < carried.size(); ++k) flows.push_back({carried[k], carry[k]});
    for (std::size_t k = 0; k < flowing.size(); ++k) {
      const std::size_t i = flowing[k];
      // The gradient by a kept carry is one by the carry that the step began with.
      const bool is_kept = i >= first_kept;
      flows.push_back({is_kept ? i - first_kept : i, x[end_x + k], is_kept});
    }
    const std::vector<Tensor> grads =
        step_gradients(body->tape(), inputs, {&carried, &along, &fixed}, flows);
    return split_gradients(grads, carried.size(), along.size(), carry);
  };
  const ScanResult all = *scan_as_op(back, loop);
  return arranged(end, carried, along, fixed, all.carry, all.results);
}

// The carry before each step; computed again where the scan did not keep it.
std::vector<Tensor> Scan::kept_carries(const Saved& saved) const {
  const auto behind = static_cast<std::ptrdiff_t>(body->outputs().size());
  if (keeps) return {saved.outputs().begin() + behind, saved.outputs().end()};
  Scan again = *this;
  again.keeps = true;
  const Tensors outputs = run_multi(again, saved.inputs());
  return {outputs.begin() + behind, outputs.end()};
}

namespace {

template <class T>
std::vector<T> part(const std::vector<T>& all, std::size_t begin, std::size_t end) {
  return {all.begin() + static_cast<std::ptrdiff_t>(begin),
          all.begin() + static_cast<std::ptrdiff_t>(end)};
}

// Which inputs of a body get a gradient, and from which of its results gradients flow back.
ScanBackward flows_of(const graph::Body& body,
                      std::size_t num_carries,
                      std::size_t num_xs,
                      const std::vector<bool>& wants) {
  const std::size_t first_fixed = num_carries + num_xs;
  const auto is_float = [](const Spec& spec) { return is_floating(spec.dtype); };
  ScanBackward back{.num_outputs = body.outputs().size()};
  for (std::size_t i = 0; i < body.inputs().size(); ++i) {
    if (!is_float(body.inputs()[i]) || (i >= num_carries && !wants[i])) continue;
    (i < num_carries ? back.carried : i < first_fixed ? back.along : back.fixed).push_back(i);
  }
  for (std::size_t i = num_carries; i < body.outputs().size(); ++i) {
    if (is_float(body.outputs()[i])) back.flowing.push_back(i);
  }
  return back;
}

// What a step and its gradient take: the step's inputs; the gradients by the carry and the sums of
// those by what stays the same; the gradients by results.
std::vector<Spec> inputs_of_both(const graph::Body& body, const ScanBackward& back) {
  std::vector<Spec> specs = body.inputs();
  for (const std::size_t i : back.carried) specs.push_back(body.inputs()[i]);
  for (const std::size_t i : back.fixed) specs.push_back(body.inputs()[i]);
  for (const std::size_t i : back.flowing) specs.push_back(body.outputs()[i]);
  return specs;
}

// The step's outputs, then what its gradient gives.
std::vector<Tensor> run_both(const graph::Body& body,
                             const ScanBackward& back,
                             const std::vector<Tensor>& at) {
  const std::size_t num_inputs = body.inputs().size();
  const std::size_t first_dy = num_inputs + back.carried.size() + back.fixed.size();
  std::vector<Flow> flows;
  for (std::size_t k = 0; k < back.carried.size(); ++k)
    flows.push_back({back.carried[k], at[num_inputs + k]});
  for (std::size_t k = 0; k < back.flowing.size(); ++k)
    flows.push_back({back.flowing[k], at[first_dy + k]});
  std::vector<Tensor> outputs;
  const std::vector<Tensor> grads = step_gradients(body.tape(),
                                                   part(at, 0, num_inputs),
                                                   {&back.carried, &back.along, &back.fixed},
                                                   flows,
                                                   &outputs);
  const ScanResult made = split_gradients(
      grads, back.carried.size(), back.along.size(), part(at, num_inputs, first_dy));
  outputs.insert(outputs.end(), made.carry.begin(), made.carry.end());
  outputs.insert(outputs.end(), made.results.begin(), made.results.end());
  return outputs;
}

// What the steps of a tape from `first_step` on, and its outputs from `first_output` on, read that
// these steps do not make.
std::vector<ValueId> reads_of(const Tape& tape, std::size_t first_step, std::size_t first_output) {
  std::unordered_set<ValueId> known;
  std::vector<ValueId> reads;
  const auto note = [&](ValueId id) {
    if (known.insert(id).second) reads.push_back(id);
  };
  for (std::size_t i = first_step; i < tape.steps.size(); ++i) {
    for (const ValueId id : tape.steps[i].inputs) note(id);
    known.insert(tape.steps[i].outputs.begin(), tape.steps[i].outputs.end());
  }
  for (std::size_t i = first_output; i < tape.outputs.size(); ++i) note(tape.outputs[i]);
  return reads;
}

// The values of a step that its gradient reads: those that the step leaves, and inputs that the
// scan goes along or that stay the same.
struct Crossing {
  std::vector<ValueId> left, xs, same;
};

// Where the inputs of a body begin.
struct Inside {
  std::size_t first_x, first_fixed, end;
};

// What crosses from the steps before `cut` to those behind it, noted in `back`. Of what is left,
// results of the step have a place among those that it `gives`; the rest joins them.
Crossing crossing_of(const Tape& tape,
                     std::size_t cut,
                     const Inside& inputs,
                     ScanBackward& back,
                     std::vector<ValueId>& gives) {
  Crossing crossing;
  const auto first_result = static_cast<std::ptrdiff_t>(inputs.first_x);
  for (const ValueId id : reads_of(tape, cut, back.num_outputs)) {
    const graph::Value& value = tape[id];
    if (value.kind == graph::Value::Kind::constant) continue;
    const bool is_input = value.kind == graph::Value::Kind::input;
    if (is_input && value.input >= inputs.end) continue;  // a gradient
    if (is_input && value.input >= inputs.first_fixed) {
      back.same.push_back(value.input);
      crossing.same.push_back(id);
    } else if (is_input && value.input >= inputs.first_x) {
      back.xs.push_back(value.input);
      crossing.xs.push_back(id);
    } else {
      const auto known = std::find(gives.begin() + first_result, gives.end(), id);
      back.left.push_back(static_cast<std::size_t>(known - gives.begin()));
      if (known == gives.end()) gives.push_back(id);
      crossing.left.push_back(id);
    }
  }
  return crossing;
}

}  // namespace

// One tape holds a step and, behind it, its gradient; it is cut between them. What the gradient
// reads across the cut the step gives as further results.
PreparedScan prepare_scan(const graph::Body& body,
                          std::size_t num_carries,
                          std::size_t num_xs,
                          const std::vector<bool>& wants) {
  const std::size_t num_inputs = body.inputs().size();
  ScanBackward back = flows_of(body, num_carries, num_xs, wants);
  const std::vector<Spec> specs = inputs_of_both(body, back);
  const auto step = [&](const std::vector<Tensor>& at) {
    return graph::replay_tape(body.tape(), part(at, 0, num_inputs));
  };
  const auto both = [&](const std::vector<Tensor>& at) { return run_both(body, back, at); };
  const std::size_t cut = graph::trace_closure(step, specs).tape.steps.size();
  const Tape tape = graph::trace_closure(both, specs).tape;

  std::vector<ValueId> gives = part(tape.outputs, 0, back.num_outputs);
  const Crossing crossing =
      crossing_of(tape, cut, {num_carries, num_carries + num_xs, num_inputs}, back, gives);
  const std::vector<ValueId> inputs = graph::input_ids(tape);
  const std::size_t first_dy = num_inputs + back.carried.size() + back.fixed.size();
  std::vector<ValueId> reads = part(inputs, num_inputs, first_dy);
  const std::vector<ValueId> dys = part(inputs, first_dy, inputs.size());
  for (const auto* some : {&crossing.left, &crossing.xs, &dys, &crossing.same})
    reads.insert(reads.end(), some->begin(), some->end());
  back.body = std::make_shared<const graph::Body>(
      graph::part_of(tape,
                     cut,
                     tape.steps.size(),
                     reads,
                     part(tape.outputs, back.num_outputs, tape.outputs.size())));
  return {std::make_shared<const graph::Body>(
              graph::part_of(tape, 0, cut, part(inputs, 0, num_inputs), gives)),
          std::make_shared<const ScanBackward>(std::move(back))};
}

}  // namespace nyala::detail
