#include <nyala/models/session.hpp>

#include <algorithm>
#include <iterator>
#include <optional>

#include <nyala/autograd/graph/program_cache.hpp>
#include <nyala/autograd/guard.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/core/ops/rows.hpp>
#include <nyala/models/streaming/plan.hpp>

namespace nyala {
namespace {

using streaming::Call;
using streaming::Plan;

// Which outputs of a windowed call a block completes.
struct Complete {
  std::int64_t inputs = 0;  // steps of its input in the block
  std::int64_t first = 0;   // the step at which its first output is complete
  std::int64_t count = 0;
};

Complete complete_in(const Plan& plan, const Call& call, std::int64_t before, std::int64_t steps) {
  const streaming::Timing& in = plan.slots[call.inputs[0]].timing;
  const streaming::Timing& out = plan.slots[call.output].timing;
  const std::int64_t had = in.complete(before), made = out.complete(before);
  Complete result{in.complete(before + steps) - had, 0, out.complete(before + steps) - made};
  const std::int64_t wait = call.window.causal ? 0 : call.window.history();
  if (result.count > 0) result.first = wait + made * call.window.stride - had;
  return result;
}

Tensor time_first(const Tensor& x) { return ops::swapaxes(x, 0, 1); }

Tensor ring_rows(const Call& call, std::int64_t count, std::int64_t distance) {
  const Tensor rows = call.oldest + ops::arange(count) * distance;
  return ops::take_rows(call.states[0], rows % call.window.history());
}

// One step: it takes the place of the oldest one, and its window is gathered from the ring.
Tensor run_step(const Call& call, const Tensor& x, bool completes) {
  Tensor y;
  if (completes) {
    const Tensor before = ring_rows(call, call.window.size - 1, call.window.dilation);
    y = call.windowed->call_windows(ops::concatenate({time_first(before), x}, 1), 1, 1);
  }
  call.states[0].assign(ops::put_rows(call.states[0], call.oldest, time_first(x)));
  call.oldest.assign((call.oldest + 1) % call.window.history());
  return y;
}

// Several steps, behind those of the ring.
Tensor run_block(const Call& call, const Tensor& x, const Complete& complete) {
  const StreamWindow& window = call.window;
  const std::int64_t history = window.history();
  Tensor all = x;
  if (history > 0) {
    all = ops::concatenate({time_first(ring_rows(call, history, 1)), x}, 1);
    call.states[0].assign(time_first(ops::slice_axis(all, 1, complete.inputs, all.shape()[1])));
    call.oldest.assign(ops::zeros_like(call.oldest));
  }
  if (complete.count == 0) return {};
  const std::int64_t length = (complete.count - 1) * window.stride + history + 1;
  return call.windowed->call_windows(
      ops::slice_axis(all, 1, complete.first, complete.first + length),
      static_cast<int>(window.stride),
      static_cast<int>(window.dilation));
}

// A tensor of its own, so that the mask is set on no other one.
Tensor with_mask(const Tensor& x, const Tensor& mask) {
  Tensor masked = ops::reshape(x, x.shape());
  masked.set_mask(mask);
  return masked;
}

// Where `begins`, no step of the sequence has come before.
std::vector<Tensor> run_stepped(const Call& call,
                                const Tensor& x,
                                const std::vector<Tensor>& values,
                                bool begins) {
  std::vector<Tensor> states(call.states.begin(), call.states.end());
  for (std::size_t i = 0; begins && i < call.initial.size(); ++i)
    states.at(i) = ops::cast(values[call.initial[i]], states[i].dtype());
  // As Keras: where states come by name, the mask that the sequence carries is not looked at.
  Tensor own = x;
  if (call.mask)
    own = with_mask(x, values[*call.mask]);
  else if (!call.initial.empty() && x.mask().defined())
    own = with_mask(x, {});
  StreamResult result = call.stepped->call_block(own, states);
  for (std::size_t i = 0; i < call.states.size(); ++i) call.states[i].assign(result.states[i]);
  const Tensor mask = call.mask ? own.mask() : x.mask();
  if (mask.defined() && call.stepped->gives_steps() && call.layer->supports_masking())
    result.outputs[0].set_mask(mask);
  return std::move(result.outputs);
}

std::vector<Tensor> run_call(const Call& call,
                             const std::vector<Tensor>& given,
                             const std::vector<Tensor>& values,
                             const Complete& complete,
                             bool begins) {
  BaseLayer& layer = *call.layer;
  if (call.windowed == nullptr && call.stepped == nullptr)
    return layer.apply(call.node->arguments, given, false);
  Tensor x = ops::cast(given[0], layer.compute_dtype());
  if (call.stepped != nullptr) {
    if (!x.is(given[0]) && given[0].mask().defined()) x.set_mask(given[0].mask());
    return run_stepped(call, x, values, begins);
  }
  if (complete.inputs == 1 && call.window.history() > 0)
    return {run_step(call, x, complete.count > 0)};
  return {run_block(call, x, complete)};
}

}  // namespace

struct Session::State {
  State(const Model& given, std::int64_t size)
      : model(given),
        batch(checked(size)),
        plan(streaming::plan_of(graph_of(given), batch)),
        inputs(given.inputs()) {}

  static const Graph& graph_of(const Model& model) {
    const Graph* graph = model.base("Session").graph();
    if (graph != nullptr) return *graph;
    model.inputs();  // throws for a model that is not built
    throw UnsupportedError(model.base().label() + " has no graph, which a Session runs");
  }
  static std::int64_t checked(std::int64_t batch) {
    if (batch >= 1) return batch;
    throw ValueError("Session: received batch " + std::to_string(batch) + ", expected at least 1");
  }

  // Whether the input is one step without its axis. Throws for a shape that does not fit.
  bool is_step(std::size_t input, const Tensor& x) const;
  void expect_fixed(std::size_t input, const Tensor& x) const;
  void read_shapes(Inputs<Tensor> block);
  bool begins(const Call& call) const {
    return plan.slots[call.inputs[0]].timing.complete(num_steps) == 0;
  }
  void set_variant();
  void run(Inputs<Tensor> block, Tensors& outputs);
  std::vector<Tensor> trace(const std::vector<Tensor>& block) const;

  Model model;
  std::int64_t batch;
  Plan plan;
  std::vector<Symbol> inputs;  // the model may be given others later
  std::int64_t num_steps = 0;
  // Of the block that runs.
  std::int64_t steps = 0;
  bool one = false;
  std::vector<std::uint64_t> variant;
  graph::ProgramCache programs;
};

bool Session::State::is_step(std::size_t input, const Tensor& x) const {
  const Symbol& symbol = inputs[input];
  const Shape& wanted = symbol.shape();
  if (!x.defined()) throw ValueError("Session: received an undefined tensor");
  const int missing = wanted.rank() - x.rank();
  bool fits = (missing == 0 || missing == 1) && x.rank() > 0 && x.shape()[0] == batch;
  for (int axis = 2; fits && axis < wanted.rank(); ++axis)
    fits = wanted[axis] == None || wanted[axis] == x.shape()[axis - missing];
  if (fits && (missing == 1 || x.shape()[1] > 0)) return missing == 1;
  Shape expected = wanted;
  expected[0] = batch;
  expected[1] = None;
  throw ShapeError("Session: input \"" + symbol.node()->layer->name() + "\" received shape " +
                   x.shape().str() + ", expected " + expected.str() + ", or one step of it");
}

void Session::State::expect_fixed(std::size_t input, const Tensor& x) const {
  Shape wanted = inputs[input].shape();
  if (!x.defined()) throw ValueError("Session: received an undefined tensor");
  wanted[0] = batch;
  bool fits = x.rank() == wanted.rank();
  for (int axis = 0; fits && axis < wanted.rank(); ++axis)
    fits = wanted[axis] == None || wanted[axis] == x.shape()[axis];
  if (fits) return;
  throw ShapeError("Session: input \"" + inputs[input].node()->layer->name() +
                   "\" received shape " + x.shape().str() + ", expected " + wanted.str());
}

void Session::State::read_shapes(Inputs<Tensor> block) {
  if (block.size() != plan.inputs.size()) {
    throw ValueError("Session: received " + std::to_string(block.size()) + " inputs, expected " +
                     std::to_string(plan.inputs.size()));
  }
  std::optional<std::size_t> first;
  bool is_one = false;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    if (plan.slots[plan.inputs[i]].is_fixed) {
      expect_fixed(i, block[i]);
      continue;
    }
    const bool lacks_axis = is_step(i, block[i]);
    const std::int64_t own = lacks_axis ? 1 : block[i].shape()[1];
    if (!first) {
      first = i;
      is_one = lacks_axis;
      count = own;
    }
    if (lacks_axis == is_one && own == count) continue;
    throw ShapeError("Session: inputs have different numbers of steps: " +
                     block[*first].shape().str() + " and " + block[i].shape().str());
  }
  one = is_one;
  steps = count;
}

// What a program depends on beside the shapes of its inputs.
void Session::State::set_variant() {
  variant.clear();
  for (const Call& call : plan.calls) {
    if (!call.initial.empty()) variant.push_back(begins(call));
    if (call.windowed == nullptr) continue;
    const Complete complete = complete_in(plan, call, num_steps, steps);
    variant.push_back(static_cast<std::uint64_t>(complete.first));
    variant.push_back(static_cast<std::uint64_t>(complete.count));
  }
}

std::vector<Tensor> Session::State::trace(const std::vector<Tensor>& block) const {
  const LossCollector penalties;  // nothing trains here
  std::vector<Tensor> values(plan.slots.size());
  for (std::size_t i = 0; i < block.size(); ++i) {
    const Tensor x = ops::cast(block[i], inputs[i].dtype());
    const bool lacks_axis = one && plan.slots[plan.inputs[i]].has_steps;
    values[plan.inputs[i]] = lacks_axis ? ops::expand_dims(x, 1) : x;
  }
  std::vector<Tensor> given;
  for (const Call& call : plan.calls) {
    given.clear();
    for (const std::size_t input : call.inputs) given.push_back(values[input]);
    if (!given[0].defined()) continue;  // no step of it is complete
    Complete complete;
    if (call.windowed != nullptr) complete = complete_in(plan, call, num_steps, steps);
    std::vector<Tensor> results = run_call(call, given, values, complete, begins(call));
    std::move(
        results.begin(), results.end(), values.begin() + static_cast<std::ptrdiff_t>(call.output));
  }
  std::vector<Tensor> outputs;
  for (const std::size_t slot : plan.outputs) {
    const bool squeezes = one && plan.slots[slot].has_steps && values[slot].defined();
    outputs.push_back(squeezes ? ops::squeeze(values[slot], 1) : values[slot]);
  }
  return outputs;
}

void Session::State::run(Inputs<Tensor> block, Tensors& outputs) {
  const GradientTape::Pause pause;
  read_shapes(block);
  if (graph::ProgramCache::must_run_directly(block))
    throw StateError("Session: a step cannot be part of a traced function");
  set_variant();
  detail::guard_memory([&] {
    const graph::ProgramKey key{.variant = variant, .inputs = block};
    graph::Program program = programs.find(key);
    if (!program)
      program = programs.add(key, [&](const std::vector<Tensor>& x) { return trace(x); });
    program.replay(block, outputs);
  });
  num_steps += steps;
}

Session::Session(const Model& model, std::int64_t batch)
    : state_(std::make_unique<State>(model, batch)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

Session::State& Session::state(const char* call) const {
  if (state_ != nullptr) return *state_;
  throw StateError(std::string("Session: ") + call + " was called on one that was moved from");
}

Tensor Session::step(const Tensor& x) {
  State& own = state("step");
  if (own.plan.inputs.size() != 1 || own.plan.outputs.size() != 1)
    throw StateError(own.model.base().label() + " has several inputs or outputs; use step_all");
  Tensors outputs;
  own.run(Inputs<Tensor>(&x, 1), outputs);
  return std::move(outputs[0]);
}

std::vector<Tensor> Session::step_all(const std::vector<Tensor>& inputs) {
  Tensors outputs;
  state("step_all").run(inputs, outputs);
  return {std::move_iterator(outputs.begin()), std::move_iterator(outputs.end())};
}

void Session::reset() {
  State& own = state("reset");
  for (const Call& call : own.plan.calls) {
    for (const Variable& kept : call.states) detail::set_zero(kept);
    if (call.oldest.defined()) detail::set_zero(call.oldest);
  }
  own.num_steps = 0;
}

std::int64_t Session::num_steps() const { return state("num_steps").num_steps; }
std::int64_t Session::batch() const { return state("batch").batch; }

}  // namespace nyala
