#include <nyala/autograd/tape.hpp>

#include <algorithm>

#include <nyala/autograd/tape_log.hpp>

namespace nyala {

using detail::Record;
using detail::TapeLog;

// A tensor or a variable, as it entered the log.
struct GradientTape::Source {
  std::int64_t node = -1;
  std::uint16_t output = 0;
  Spec spec;

  static Source of(const Tensor& tensor) {
    std::int64_t node = TapeLog::mine().node_of(tensor);
    if (node < 0 && tensor.impl()->variable != 0)
      node = TapeLog::mine().node_of_variable(tensor.impl()->variable);
    return {node, node < 0 ? std::uint16_t{0} : tensor.impl()->output, tensor.spec()};
  }
  static Source of(const Variable& variable) {
    const std::int64_t node = TapeLog::mine().node_of_variable(variable.id());
    if (node >= 0) return {node, 0, {variable.shape(), variable.dtype()}};
    return of(variable.value());
  }
};

namespace {

// What flows back into each record: a gradient for each of its outputs.
class Adjoints {
 public:
  Adjoints(std::int64_t begin, std::int64_t end)
      : begin_(begin), range_(static_cast<std::size_t>(end - begin)) {}

  Tensors& at(std::int64_t node) {
    if (node >= begin_) return range_[static_cast<std::size_t>(node - begin_)];
    return before_[node];  // a watched tensor from before the tape began
  }
  void add(std::int64_t node, std::uint16_t output, const Tensor& gradient) {
    Tensors& slots = at(node);
    if (slots.size() <= output) slots.resize(std::size_t{output} + 1);
    slots[output] = slots[output].defined() ? slots[output] + gradient : gradient;
  }
  Tensor get(std::int64_t node, std::uint16_t output) {
    Tensors& slots = at(node);
    return slots.size() > output ? slots[output] : Tensor();
  }

 private:
  std::int64_t begin_;
  std::vector<Tensors> range_;
  std::unordered_map<std::int64_t, Tensors> before_;
};

// Which records lead from a source: only these are walked back.
class Paths {
 public:
  Paths(TapeLog& log,
        std::int64_t begin,
        std::int64_t end,
        const std::vector<std::int64_t>& sources)
      : begin_(begin), on_path_(static_cast<std::size_t>(std::max<std::int64_t>(end - begin, 0))) {
    for (std::int64_t node : sources) {
      if (node >= begin && node < end)
        on_path_[static_cast<std::size_t>(node - begin)] = true;
      else if (node >= 0)
        before_.push_back(node);
    }
    for (std::int64_t node = begin; node < end; ++node) {
      for (std::int64_t input : log.at(node).nodes) {
        if (holds(input)) on_path_[static_cast<std::size_t>(node - begin)] = true;
      }
    }
  }
  bool holds(std::int64_t node) const {
    if (node < 0) return false;
    if (node >= begin_) return on_path_[static_cast<std::size_t>(node - begin_)];
    return std::find(before_.begin(), before_.end(), node) != before_.end();
  }

 private:
  std::int64_t begin_;
  std::vector<bool> on_path_;
  std::vector<std::int64_t> before_;
};

void fill_missing(const Record& record, Tensors& dys) {
  dys.resize(record.outputs.size());
  for (std::size_t i = 0; i < dys.size(); ++i) {
    if (!dys[i].defined()) dys[i] = ops::zeros_like(record.outputs[i]);
  }
}

// Whether the call gathered rows of its first input; then these join the slices.
bool add_rows(const Record& record, const Tensor& dy, const bool* wanted, IndexedSlices& slices) {
  const OpDef& def = record.op.def();
  if (def.indexed_vjp == nullptr) return false;
  const Saved saved(Inputs<Tensor>(record.inputs.data(), record.inputs.size()),
                    Inputs<Tensor>(record.outputs.data(), record.outputs.size()),
                    wanted);
  Tensor values;
  Tensor indices;
  if (!def.indexed_vjp(record.op.options(), saved, dy, values, indices)) return false;
  const auto join = [](Tensor& all, const Tensor& more) {
    all = all.defined() ? ops::concatenate({all, more}, {.axis = 0}) : more;
  };
  join(slices.values, values);
  join(slices.indices, indices);
  return true;
}

Grads backward(const Record& record, Tensors& dys, const bool* wanted) {
  fill_missing(record, dys);
  if (record.custom != nullptr) {
    Grads grads;
    for (Tensor& gradient : (*record.custom)(dys[0])) grads.push_back(gradient);
    if (grads.size() != record.inputs.size()) {
      throw ValueError("custom_gradient: received " + std::to_string(grads.size()) +
                       " gradients for " + std::to_string(record.inputs.size()) + " inputs");
    }
    return grads;
  }
  const OpDef& def = record.op.def();
  if (!def.differentiable) throw ValueError("op \"" + std::string(def.name) + "\" has no gradient");
  const Saved saved(Inputs<Tensor>(record.inputs.data(), record.inputs.size()),
                    Inputs<Tensor>(record.outputs.data(), record.outputs.size()),
                    wanted);
  return def.vjp(record.op.options(), saved, Inputs<Tensor>(dys.data(), dys.size()));
}

}  // namespace

GradientTape::GradientTape(const TapeArgs& args) : args_(args) { start(); }

GradientTape::~GradientTape() {
  stop();
  TapeLog::mine().tape_ended();
}

void GradientTape::start() {
  TapeLog::mine().tape_started();
  begin_ = TapeLog::mine().end();
  end_ = -1;
  used_ = false;
}

void GradientTape::stop() {
  if (end_ >= 0) return;
  end_ = TapeLog::mine().end();
  TapeLog::mine().tape_paused();
}

void GradientTape::reset() {
  stop();
  TapeLog::mine().tape_ended();
  start();
}

void GradientTape::watch(const Tensor& tensor) {
  if (!is_floating(tensor.dtype())) {
    throw TypeError("GradientTape: received a tensor of dtype " +
                    std::string(name_of(tensor.dtype())) + " to watch, expected a floating one");
  }
  TapeLog::mine().watch(tensor);
}

void GradientTape::watch(const Variable& variable) {
  if (variable.trainable())
    TapeLog::mine().watch_variable(variable.id());
  else
    watch(variable.value());
}

std::vector<std::uint64_t> GradientTape::watched_variable_ids() const {
  return TapeLog::mine().variables();
}

std::vector<Tensor> GradientTape::run(const std::vector<Tensor>& targets,
                                      const std::vector<Source>& sources,
                                      const GradientArgs& args,
                                      std::vector<IndexedSlices>* indexed) {
  if (used_ && !args_.persistent)
    throw StateError("GradientTape: gradient was called twice; make the tape persistent for that");
  if (!args.output_gradients.empty() && args.output_gradients.size() != targets.size()) {
    throw ValueError("GradientTape: received " + std::to_string(args.output_gradients.size()) +
                     " output gradients for " + std::to_string(targets.size()) + " targets");
  }
  used_ = true;
  if (!args_.persistent) stop();
  TapeLog& log = TapeLog::mine();
  const std::int64_t end = end_ >= 0 ? end_ : log.end();
  std::vector<std::int64_t> nodes;
  nodes.reserve(sources.size());
  for (const Source& source : sources) nodes.push_back(source.node);
  const Paths paths(log, begin_, end, nodes);
  Adjoints adjoints(begin_, end);

  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Tensor& target = targets[i];
    if (!is_floating(target.dtype())) {
      throw TypeError("GradientTape: the target has dtype " + std::string(name_of(target.dtype())) +
                      ", expected a floating one");
    }
    const Source place = Source::of(target);
    if (place.node < 0 || place.node >= end) continue;
    const Tensor seed =
        args.output_gradients.empty() ? ops::ones_like(target) : args.output_gradients[i];
    if (seed.shape() != target.shape()) {
      throw ShapeError("GradientTape: received an output gradient of shape " + seed.shape().str() +
                       " for a target of shape " + target.shape().str());
    }
    adjoints.add(place.node, place.output, seed);
  }
  for (std::int64_t node = end - 1; node >= begin_; --node) {
    Record& record = log.at(node);
    if ((!record.has_op && record.custom == nullptr) || !paths.holds(node) ||
        adjoints.at(node).empty())
      continue;
    const bool is_source = std::find(nodes.begin(), nodes.end(), node) != nodes.end();
    Tensors dys = is_source ? adjoints.at(node) : std::move(adjoints.at(node));
    SmallVector<bool, 4> wanted(record.nodes.size());
    bool any = false;
    for (std::size_t i = 0; i < wanted.size(); ++i) any |= wanted[i] = paths.holds(record.nodes[i]);
    if (!any) continue;  // a source computed from nothing of interest
    const auto source = std::find(nodes.begin(), nodes.end(), record.nodes[0]);
    const bool is_taken = indexed != nullptr && record.has_op && wanted[0] &&
                          source != nodes.end() &&
                          add_rows(record,
                                   dys[0],
                                   wanted.data(),
                                   (*indexed)[static_cast<std::size_t>(source - nodes.begin())]);
    const Grads grads = is_taken ? Grads() : backward(record, dys, wanted.data());
    for (std::size_t i = 0; i < grads.size(); ++i) {
      if (!wanted[i] || !grads[i].defined()) continue;
      adjoints.add(record.nodes[i], record.slots[i], grads[i]);
    }
    // Nobody asks for it again: give its memory back while the walk goes on.
    if (!args_.persistent && log.has_one_tape()) {
      record.inputs.clear();
      record.outputs.clear();
    }
  }
  std::vector<Tensor> results;
  for (const Source& source : sources) {
    Tensor gradient = source.node < 0 ? Tensor() : adjoints.get(source.node, source.output);
    if (!gradient.defined() && args.unconnected_gradients == UnconnectedGradients::zero) {
      gradient = ops::zeros(source.spec.shape, {source.spec.dtype});
    }
    results.push_back(gradient);
  }
  return results;
}

Tensor GradientTape::gradient(const Tensor& target,
                              const Variable& source,
                              const GradientArgs& args) {
  return run({target}, {Source::of(source)}, args, nullptr)[0];
}
Tensor GradientTape::gradient(const Tensor& target,
                              const Tensor& source,
                              const GradientArgs& args) {
  return run({target}, {Source::of(source)}, args, nullptr)[0];
}
std::vector<Tensor> GradientTape::gradient(const Tensor& target,
                                           const std::vector<Variable>& sources,
                                           const GradientArgs& args) {
  return gradient(std::vector<Tensor>{target}, sources, args);
}
std::vector<Tensor> GradientTape::gradient(const Tensor& target,
                                           const std::vector<Tensor>& sources,
                                           const GradientArgs& args) {
  return gradient(std::vector<Tensor>{target}, sources, args);
}
std::vector<Tensor> GradientTape::gradient(const std::vector<Tensor>& targets,
                                           const std::vector<Variable>& sources,
                                           const GradientArgs& args) {
  std::vector<Source> places;
  places.reserve(sources.size());
  for (const Variable& source : sources) places.push_back(Source::of(source));
  return run(targets, places, args, nullptr);
}
std::vector<Tensor> GradientTape::gradient(const std::vector<Tensor>& targets,
                                           const std::vector<Tensor>& sources,
                                           const GradientArgs& args) {
  std::vector<Source> places;
  places.reserve(sources.size());
  for (const Tensor& source : sources) places.push_back(Source::of(source));
  return run(targets, places, args, nullptr);
}

IndexedSlices GradientTape::indexed_gradient(const Tensor& target, const Variable& source) {
  const IndexedSlices slices = indexed_gradients(target, {source})[0];
  if (!slices.values.defined())
    throw ValueError("indexed_gradient: the target does not depend on variable \"" + source.name() +
                     "\"");
  if (!slices.is_indexed()) {
    throw ValueError("indexed_gradient: variable \"" + source.name() +
                     "\" was used otherwise than by gathering its rows");
  }
  return slices;
}

std::vector<IndexedSlices> GradientTape::indexed_gradients(const Tensor& target,
                                                           const std::vector<Variable>& sources) {
  std::vector<Source> places;
  for (const Variable& source : sources) places.push_back(Source::of(source));
  std::vector<IndexedSlices> gradients(sources.size());
  const std::vector<Tensor> whole = run({target}, places, {}, &gradients);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    IndexedSlices& gradient = gradients[i];
    gradient.dense_shape = sources[i].shape();
    if (!whole[i].defined()) continue;
    gradient.values = gradient.is_indexed() ? whole[i] + gradient.to_dense() : whole[i];
    gradient.indices = Tensor();
  }
  return gradients;
}

Tensor GradientTape::jacobian_of(const Tensor& target, const Source& source) {
  if (!args_.persistent && used_)
    throw StateError("GradientTape: jacobian after gradient; make the tape persistent for that");
  const bool persistent = std::exchange(args_.persistent, true);
  const std::int64_t count = target.size();
  std::vector<Tensor> rows;
  for (std::int64_t i = 0; i < count; ++i) {
    const Tensor seed =
        ops::reshape(ops::cast(ops::equal(ops::arange(count), i), target.dtype()), target.shape());
    rows.push_back(run({target}, {source}, {{seed}, UnconnectedGradients::zero}, nullptr)[0]);
  }
  args_.persistent = persistent;
  if (!persistent) stop();
  Shape shape = target.shape();
  for (std::int64_t size : source.spec.shape) shape.push_back(size);
  if (rows.empty()) return ops::zeros(shape, {source.spec.dtype});
  return ops::reshape(ops::stack(rows), shape);
}

Tensor GradientTape::jacobian(const Tensor& target, const Variable& source) {
  return jacobian_of(target, Source::of(source));
}
Tensor GradientTape::jacobian(const Tensor& target, const Tensor& source) {
  return jacobian_of(target, Source::of(source));
}

Tensor GradientTape::batch_jacobian(const Tensor& target, const Tensor& source) {
  if (target.rank() == 0 || source.rank() == 0 || target.shape()[0] != source.shape()[0]) {
    throw ShapeError("batch_jacobian: received shapes " + target.shape().str() + " and " +
                     source.shape().str() + ", expected the same batch size");
  }
  const Tensor all = jacobian(target, source);
  std::vector<Tensor> rows;
  for (std::int64_t i = 0; i < target.shape()[0]; ++i) {
    // The gradient of row i of the target with respect to row i of the source.
    rows.push_back(ops::moveaxis(all[i], target.rank() - 1, 0)[i]);
  }
  return ops::stack(rows);
}

Tensor IndexedSlices::to_dense() const {
  return is_indexed() ? ops::scatter_add(indices, values, dense_shape) : values;
}

GradientTape::Pause::Pause() : saved_(detail::listeners().tape) {
  detail::listeners().tape = nullptr;
}
GradientTape::Pause::~Pause() { detail::listeners().tape = saved_; }

Tensor custom_gradient(const std::function<CustomGradient(const std::vector<Tensor>&)>& f,
                       const std::vector<Tensor>& inputs) {
  CustomGradient result;
  {
    const GradientTape::Pause pause;
    result = f(inputs);
  }
  TapeLog& log = TapeLog::mine();
  const bool watched = detail::listeners().tape != nullptr &&
                       std::any_of(inputs.begin(), inputs.end(), [](const Tensor& input) {
                         return detail::is_watched(detail::listeners(), input);
                       });
  if (!watched) return result.value;
  // An op, not a plain alias: a program being traced must know the new tensor too.
  Tensor output;
  {
    const GradientTape::Pause pause;
    output = ops::reshape(result.value, result.value.shape());
  }
  log.record_custom(inputs, output, std::move(result.gradient));
  return output;
}

}  // namespace nyala
