#include <nyala/models/session.hpp>

#include <algorithm>
#include <iterator>

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

std::vector<Tensor> run_call(const Call& call,
                             const std::vector<Tensor>& given,
                             const Complete& complete) {
  BaseLayer& layer = *call.node->layer;
  if (call.windowed == nullptr && call.stepped == nullptr)
    return layer.apply(call.node->arguments, given, false);
  const Tensor x = ops::cast(given[0], layer.compute_dtype());
  if (call.windowed != nullptr) {
    if (complete.inputs == 1 && call.window.history() > 0)
      return {run_step(call, x, complete.count > 0)};
    return {run_block(call, x, complete)};
  }
  StreamResult result =
      call.stepped->call_block(x, std::vector<Tensor>(call.states.begin(), call.states.end()));
  for (std::size_t i = 0; i < call.states.size(); ++i) call.states[i].assign(result.states[i]);
  return std::move(result.outputs);
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
  void read_shapes(Inputs<Tensor> block);
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

void Session::State::read_shapes(Inputs<Tensor> block) {
  if (block.size() != plan.inputs.size()) {
    throw ValueError("Session: received " + std::to_string(block.size()) + " inputs, expected " +
                     std::to_string(plan.inputs.size()));
  }
  const bool is_one = is_step(0, block[0]);
  const std::int64_t count = is_one ? 1 : block[0].shape()[1];
  for (std::size_t i = 1; i < block.size(); ++i) {
    if (is_step(i, block[i]) == is_one && (is_one || block[i].shape()[1] == count)) continue;
    throw ShapeError("Session: inputs have different numbers of steps: " + block[0].shape().str() +
                     " and " + block[i].shape().str());
  }
  one = is_one;
  steps = count;
}

// What a program depends on beside the shapes of its inputs.
void Session::State::set_variant() {
  variant.clear();
  for (const Call& call : plan.calls) {
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
    values[plan.inputs[i]] = one ? ops::expand_dims(x, 1) : x;
  }
  std::vector<Tensor> given;
  for (const Call& call : plan.calls) {
    given.clear();
    for (const std::size_t input : call.inputs) given.push_back(values[input]);
    if (!given[0].defined()) continue;  // no step of it is complete
    Complete complete;
    if (call.windowed != nullptr) complete = complete_in(plan, call, num_steps, steps);
    std::vector<Tensor> results = run_call(call, given, complete);
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
