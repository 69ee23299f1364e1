// A cell over the steps of a sequence: by one op where the cell allows it, else
// step by step.
#include <functional>
#include <numeric>

#include <nyala/autograd/control_flow.hpp>
#include <nyala/layers/recurrent/base.hpp>

namespace nyala::layers {
namespace {

using ops::transpose;

// (batch, steps, ...) as (steps, batch, ...), and back.
Tensor time_first(const Tensor& x) {
  std::vector<int> order(static_cast<std::size_t>(x.rank()));
  for (int i = 0; i < x.rank(); ++i) order[static_cast<std::size_t>(i)] = i;
  std::swap(order[0], order[1]);
  return transpose(x, order);
}

// Of (batch, ...) tensors: `mask` is (batch).
Tensor choose(const Tensor& mask, const Tensor& x, const Tensor& otherwise) {
  Shape shape = {mask.shape()[0]};
  while (shape.rank() < x.rank()) shape.push_back(1);
  return ops::where(ops::reshape(mask, shape), x, otherwise);
}

// The mask with the time first, bool; undefined for none.
Tensor steps_kept(const Tensor& mask, const SequenceOptions& options) {
  if (!mask.defined()) return {};
  Tensor kept = mask.dtype() == DType::bool_ ? mask : ops::cast(mask, DType::bool_);
  if (kept.rank() == 3) kept = ops::squeeze(kept, -1);
  kept = time_first(kept);
  return options.go_backwards ? ops::flip(kept, 0) : kept;
}

// Outputs, time first, from states that masked steps left alone: those steps
// give zeros, or repeat the output before them, which is zero before the first
// one.
Tensor outputs_of(const Tensor& h, const Tensor& kept, bool given, const SequenceOptions& options) {
  if (!kept.defined() || (!options.zero_output_for_mask && !given)) return h;
  const Tensor gives =
      options.zero_output_for_mask ? kept : ops::cumsum(ops::cast(kept, DType::int32), 0) > 0;
  return ops::where(ops::expand_dims(gives, -1), h, ops::zeros_like(h));
}

SequenceResult run_whole(const WholeSequence& whole,
                         const Tensor& steps,
                         const std::vector<Tensor>& states,
                         bool given,
                         const Tensor& kept,
                         const SequenceOptions& options) {
  Tensor z = ops::matmul(steps, whole.kernel);
  if (whole.bias.defined()) z = z + whole.bias;
  const auto [h, c] = ops::recurrent({.x = z,
                                      .h = states[0],
                                      .kernel = whole.recurrent_kernel,
                                      .c = states.size() > 1 ? states[1] : Tensor(),
                                      .bias = whole.recurrent_bias,
                                      .mask = kept},
                                     whole.kind);
  const Tensor outputs =
      outputs_of(ops::slice(h, std::vector<ops::Range1>{{.start = 1}}), kept, given, options);
  // Without a mask the last output is the last state: its gradient then takes one step less.
  const Tensor last = h[-1];
  SequenceResult result = {time_first(outputs), kept.defined() ? outputs[-1] : last, {last}};
  if (c.defined()) result.states.push_back(c[-1]);
  return result;
}

// What the steps of a cell that runs step by step share.
struct Stepper {
  const Layer& cell;
  const std::vector<Tensor>& constants;
  bool training;
  const SequenceOptions& options;
  bool is_masked;

  bool repeats() const { return is_masked && !options.zero_output_for_mask; }

  // The output and the states after a step.
  std::vector<Tensor> next_of(const Tensor& x, const std::vector<Tensor>& states) const {
    std::vector<Tensor> inputs = {x};
    inputs.insert(inputs.end(), states.begin(), states.end());
    inputs.insert(inputs.end(), constants.begin(), constants.end());
    std::vector<Tensor> next = cell->apply(inputs, {.training = training});
    if (next.size() != states.size() + 1) {
      throw ValueError(cell->label() + " gave " + std::to_string(next.size()) +
                       " tensors, expected an output and " + std::to_string(states.size()) +
                       " states");
    }
    for (std::size_t i = 0; i < states.size(); ++i) {
      Tensor& state = next[i + 1];
      if (state.shape() != states[i].shape()) {
        throw ShapeError(cell->label() + " gave a state of shape " + state.shape().str() +
                         ", expected " + states[i].shape().str());
      }
      state = ops::cast(state, states[i].dtype());
    }
    return next;
  }
  // The carry: the states and, where masked steps repeat it, the output before. Results: the output
  // where it is asked for or is no state, and what the cell adds to the loss.
  ScanResult operator()(const std::vector<Tensor>& carry, const std::vector<Tensor>& x) {
    const std::vector<Tensor> states(carry.begin(), carry.end() - (repeats() ? 1 : 0));
    std::optional<LossCollector> collector;
    if (x[0].is_abstract()) collector.emplace();
    std::vector<Tensor> next = next_of(x[0], states);
    last_is_state = !is_masked && !states.empty() && next[0].is(next[1]);
    if (is_masked) {
      next[0] =
          choose(x[1],
                 next[0],
                 repeats() ? ops::cast(carry.back(), next[0].dtype()) : ops::zeros_like(next[0]));
      for (std::size_t i = 0; i < states.size(); ++i)
        next[i + 1] = choose(x[1], next[i + 1], states[i]);
    }
    ScanResult made{{next.begin() + 1, next.end()}, {}};
    if (repeats()) made.carry.push_back(ops::cast(next[0], carry.back().dtype()));
    if (options.return_sequences || !last_is_state) made.results.push_back(next[0]);
    if (collector && !collector->losses().empty()) {
      const std::vector<Tensor>& losses = collector->losses();
      adds_loss = true;
      made.results.push_back(std::accumulate(losses.begin() + 1, losses.end(), losses[0]));
    }
    return made;
  }

  bool last_is_state = false;
  bool adds_loss = false;
};

// `xs`: the steps, and which of them are kept where not all are.
SequenceResult run_steps(const Layer& cell,
                         const std::vector<Tensor>& xs,
                         std::vector<Tensor> states,
                         const std::vector<Tensor>& constants,
                         bool training,
                         const SequenceOptions& options,
                         const Tensor& before) {
  Stepper stepper{cell, constants, training, options, xs.size() > 1};
  const std::size_t num_states = states.size();
  if (stepper.repeats()) {
    const Shape output = cell_of(cell, "").output_shape();
    const DType dtype = cell.compute_dtype();
    states.push_back(before.defined() ? ops::cast(before, dtype)
                                      : batch_of(0, xs[0].shape()[1], output, dtype));
  }
  ScanResult all = ops::scan(std::ref(stepper), states, xs, {.unroll = options.unroll});
  all.carry.resize(num_states);
  if (stepper.adds_loss) {
    cell->add_loss(ops::sum(all.results.back()));
    all.results.pop_back();
  }
  const Tensor outputs = all.results.empty() ? Tensor() : all.results[0];
  const Tensor last = stepper.last_is_state ? all.carry[0] : outputs[-1];
  return {options.return_sequences ? time_first(outputs) : Tensor(), last, std::move(all.carry)};
}

// For symbols whose sizes are not all known: one step says what all of them
// give.
SequenceResult run_shapes(const Layer& cell,
                          const Tensor& x,
                          const std::vector<Tensor>& states,
                          bool training) {
  Shape step = x.shape();
  step.erase(1);
  std::vector<Tensor> inputs = {Tensor::abstract(step, x.dtype())};
  inputs.insert(inputs.end(), states.begin(), states.end());
  const std::vector<Tensor> next = cell->apply(inputs, {.training = training});
  Shape all = next[0].shape();
  all.insert(1, x.shape()[1]);
  return {Tensor::abstract(all, next[0].dtype()), next[0], {next.begin() + 1, next.end()}};
}

}  // namespace

RecurrentCell& cell_of(const Layer& layer, const std::string& who) {
  auto* cell = layer.defined() ? dynamic_cast<RecurrentCell*>(&*layer) : nullptr;
  if (cell != nullptr) return *cell;
  throw ValueError(who + " received " + (layer.defined() ? layer->label() : "no layer") +
                   " as a cell, expected a layer that is a RecurrentCell");
}

bool repeats_output(const Layer& cell, const SequenceOptions& options) {
  const auto* known = dynamic_cast<const SequenceCell*>(&*cell);
  return !options.zero_output_for_mask && (known == nullptr || !known->whole_sequence(false));
}

Tensor batch_of(double value, std::int64_t batch, const Shape& shape, DType dtype) {
  Shape full = shape;
  full.insert(0, batch);
  if (batch == None) return Tensor::abstract(full, dtype);
  return ops::full(full, value, {.dtype = dtype});
}

SequenceResult run_sequence(const Layer& cell,
                            const SequenceInput& input,
                            bool training,
                            const SequenceOptions& options) {
  const Tensor& x = input.x;
  std::vector<Tensor> states;
  for (const Tensor& state : input.states) states.push_back(ops::cast(state, cell.compute_dtype()));
  if (x.is_abstract() && !x.shape().is_known()) return run_shapes(cell, x, states, training);
  Tensor steps = time_first(x);
  if (options.go_backwards) steps = ops::flip(steps, 0);
  const Tensor kept = steps_kept(input.mask, options);
  const std::vector<Tensor> constants = cell_of(cell, "").constants(steps[0], training);
  if (const auto* known = dynamic_cast<const SequenceCell*>(&*cell)) {
    if (const auto whole = known->whole_sequence(training)) {
      // Its only constant is what drops inputs.
      if (!constants.empty()) steps = steps * constants[0];
      return run_whole(*whole, steps, states, input.given, kept, options);
    }
  }
  std::vector<Tensor> xs = {steps};
  if (kept.defined()) xs.push_back(kept);
  return run_steps(cell, xs, std::move(states), constants, training, options, input.before);
}

}  // namespace nyala::layers
