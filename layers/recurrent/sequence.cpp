// A cell over the steps of a sequence: by one op where the cell allows it, else
// step by step.
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

SequenceResult run_steps(const Layer& cell,
                         const Tensor& steps,
                         std::vector<Tensor> states,
                         const std::vector<Tensor>& constants,
                         const Tensor& kept,
                         bool training,
                         const SequenceOptions& options) {
  std::vector<Tensor> outputs;
  for (std::int64_t t = 0; t < steps.shape()[0]; ++t) {
    std::vector<Tensor> inputs = {steps[t]};
    inputs.insert(inputs.end(), states.begin(), states.end());
    inputs.insert(inputs.end(), constants.begin(), constants.end());
    std::vector<Tensor> next = cell->apply(inputs, {.training = training});
    if (next.size() != states.size() + 1) {
      throw ValueError(cell->label() + " gave " + std::to_string(next.size()) +
                       " tensors, expected an output and " + std::to_string(states.size()) +
                       " states");
    }
    if (kept.defined()) {
      const bool repeats = !options.zero_output_for_mask && !outputs.empty();
      next[0] = choose(kept[t], next[0], repeats ? outputs.back() : ops::zeros_like(next[0]));
      for (std::size_t i = 0; i < states.size(); ++i)
        next[i + 1] = choose(kept[t], next[i + 1], states[i]);
    }
    outputs.push_back(next[0]);
    states.assign(next.begin() + 1, next.end());
  }
  const Tensor last = outputs.back();
  return {options.return_sequences ? ops::stack(outputs, 1) : Tensor(), last, std::move(states)};
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

Tensor batch_of(double value, std::int64_t batch, const Shape& shape, DType dtype) {
  Shape full = shape;
  full.insert(0, batch);
  if (batch == None) return Tensor::abstract(full, dtype);
  return ops::full(full, value, {.dtype = dtype});
}

SequenceResult run_sequence(const Layer& cell,
                            const Tensor& x,
                            const std::vector<Tensor>& given_states,
                            bool given,
                            const Tensor& mask,
                            bool training,
                            const SequenceOptions& options) {
  std::vector<Tensor> states;
  for (const Tensor& state : given_states) states.push_back(ops::cast(state, cell.compute_dtype()));
  if (x.is_abstract() && !x.shape().is_known()) return run_shapes(cell, x, states, training);
  Tensor steps = time_first(x);
  if (options.go_backwards) steps = ops::flip(steps, 0);
  const Tensor kept = steps_kept(mask, options);
  const std::vector<Tensor> constants = cell_of(cell, "").constants(steps[0], training);
  if (const auto* known = dynamic_cast<const SequenceCell*>(&*cell)) {
    if (const auto whole = known->whole_sequence(training)) {
      // Its only constant is what drops inputs.
      if (!constants.empty()) steps = steps * constants[0];
      return run_whole(*whole, steps, states, given, kept, options);
    }
  }
  return run_steps(cell, steps, states, constants, kept, training, options);
}

}  // namespace nyala::layers
