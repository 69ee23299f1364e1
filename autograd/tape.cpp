#include <nyala/autograd/tape.hpp>

#include <algorithm>
#include <unordered_map>

#include <nyala/autograd/backward.hpp>
#include <nyala/autograd/guard.hpp>
#include <nyala/autograd/tape_log.hpp>

namespace nyala {

using detail::Adjoints;
using detail::Paths;
using detail::Record;
using detail::TapeLog;

// A tensor or a variable, as it entered the log.
struct GradientTape::Source {
  std::int64_t node = -1;
  std::uint16_t output = 0;
  Spec spec;
};

namespace {

[[noreturn]] void throw_undefined(const char* call, const char* role, const char* what) {
  throw StateError("GradientTape: " + std::string(call) + " was given an undefined " + what +
                   " as " + role);
}

void expect_defined(const Tensor& tensor, const char* call, const char* role) {
  if (!tensor.defined()) throw_undefined(call, role, "tensor");
}
void expect_defined(const Variable& variable, const char* call, const char* role) {
  if (!variable.defined()) throw_undefined(call, role, "variable");
}

// What flows into a target: ones where nothing was given.
Tensor seed_of(const Tensor& target, const GradientArgs& args, std::size_t i) {
  if (args.output_gradients.empty() || !args.output_gradients[i].defined())
    return ops::ones_like(target);
  return args.output_gradients[i];
}

void check_targets(const std::vector<Tensor>& targets, const GradientArgs& args, const char* call) {
  if (!args.output_gradients.empty() && args.output_gradients.size() != targets.size()) {
    throw ValueError("GradientTape: received " + std::to_string(args.output_gradients.size()) +
                     " output gradients for " + std::to_string(targets.size()) + " targets");
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Tensor& target = targets[i];
    expect_defined(target, call, "target");
    if (!is_floating(target.dtype())) {
      throw TypeError("GradientTape: the target has dtype " + std::string(name_of(target.dtype())) +
                      ", expected a floating one");
    }
    if (args.output_gradients.empty() || !args.output_gradients[i].defined()) continue;
    const Tensor& seed = args.output_gradients[i];
    if (seed.shape() != target.shape()) {
      throw ShapeError("GradientTape: received an output gradient of shape " + seed.shape().str() +
                       " for a target of shape " + target.shape().str());
    }
    if (seed.dtype() != target.dtype()) {
      throw TypeError("GradientTape: received an output gradient of dtype " +
                      std::string(name_of(seed.dtype())) + " for a target of dtype " +
                      std::string(name_of(target.dtype())));
    }
  }
}

}  // namespace

GradientTape::GradientTape(const TapeArgs& args) : args_(args) { start(); }

GradientTape::~GradientTape() {
  // On another thread there is nothing to end: the log is the recording thread's.
  if (!TapeLog::mine().is_of_thread(begin_)) return;
  stop();
  TapeLog::mine().tape_ended();
}

void GradientTape::expect_thread(const char* call) const {
  if (TapeLog::mine().is_of_thread(begin_)) return;
  throw StateError("GradientTape: " + std::string(call) +
                   " was called from another thread than the one that records");
}
void GradientTape::expect_unused(const char* call) const {
  expect_thread(call);
  if (!used_ || args_.persistent) return;
  throw StateError("GradientTape: " + std::string(call) +
                   " after gradient; make the tape persistent for more than one call");
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
  expect_thread("reset");
  stop();
  TapeLog::mine().tape_ended();
  start();
  watched_.clear();
}

void GradientTape::watch(const Tensor& tensor) {
  expect_thread("watch");
  expect_defined(tensor, "watch", "argument");
  if (!is_floating(tensor.dtype())) {
    throw TypeError("GradientTape: received a tensor of dtype " +
                    std::string(name_of(tensor.dtype())) + " to watch, expected a floating one");
  }
  detail::guard_memory([&] {
    // The value of a trainable variable stands for the variable.
    if (const std::uint64_t variable = tensor.impl()->variable; variable != 0)
      watch_variable(variable);
    else
      TapeLog::mine().watch(tensor);
  });
}

void GradientTape::watch(const Variable& variable) {
  expect_thread("watch");
  expect_defined(variable, "watch", "argument");
  if (!variable.trainable()) return watch(variable.value());
  detail::guard_memory([&] { watch_variable(variable.id()); });
}

void GradientTape::watch_variable(std::uint64_t id) {
  if (!args_.watch_accessed_variables) watched_.push_back(id);
  TapeLog::mine().watch_variable(id);
}

std::vector<std::uint64_t> GradientTape::watched_variable_ids() const {
  expect_thread("watched_variable_ids");
  return args_.watch_accessed_variables ? TapeLog::mine().variables() : watched_;
}

GradientTape::Source GradientTape::source_of(const Tensor& tensor) {
  const detail::TensorImpl& impl = *tensor.impl();
  const std::int64_t node = TapeLog::mine().node_of(tensor);
  if (node >= 0) return {node, impl.output, tensor.spec()};
  if (impl.variable == 0) return {-1, 0, tensor.spec()};
  return {node_of_variable(impl.variable), 0, tensor.spec()};
}

GradientTape::Source GradientTape::source_of(const Variable& variable) {
  const Spec spec{variable.shape(), variable.dtype()};
  if (variable.trainable()) return {node_of_variable(variable.id()), 0, spec};
  Source source = source_of(variable.value());
  if (source.node < 0) source.node = TapeLog::mine().node_of_variable(variable.id());
  return source;
}

// A variable that no op has read so far is watched now: its value may be a target itself.
std::int64_t GradientTape::node_of_variable(std::uint64_t id) {
  if (!args_.watch_accessed_variables &&
      std::find(watched_.begin(), watched_.end(), id) == watched_.end())
    return -1;
  return end_ < 0 ? TapeLog::mine().watch_variable(id) : TapeLog::mine().node_of_variable(id);
}

template <class T>
std::vector<GradientTape::Source> GradientTape::sources_of(const std::vector<T>& all,
                                                           const char* call) {
  expect_unused(call);
  for (const T& one : all) expect_defined(one, call, "source");
  std::vector<Source> sources;
  sources.reserve(all.size());
  for (const T& one : all) sources.push_back(source_of(one));
  return sources;
}

std::vector<Tensor> GradientTape::run(const std::vector<Tensor>& targets,
                                      const std::vector<Source>& sources,
                                      const GradientArgs& args,
                                      std::vector<IndexedSlices>* indexed) {
  check_targets(targets, args, indexed == nullptr ? "gradient" : "indexed_gradients");
  std::vector<Source> places;
  places.reserve(targets.size());
  for (const Tensor& target : targets) places.push_back(source_of(target));
  used_ = true;
  if (!args_.persistent) stop();
  TapeLog& log = TapeLog::mine();
  const std::int64_t end = end_ >= 0 ? end_ : log.end();
  std::vector<std::int64_t> nodes;
  std::unordered_map<std::int64_t, std::size_t> numbers;  // of each source's node: the first source
  nodes.reserve(sources.size());
  for (const Source& source : sources) {
    numbers.try_emplace(source.node, nodes.size());
    nodes.push_back(source.node);
  }
  const Paths paths(log, begin_, end, nodes);
  Adjoints adjoints(begin_, end);

  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Source& place = places[i];
    if (place.node < 0 || place.node >= end) continue;
    adjoints.add(place.node, place.output, seed_of(targets[i], args, i));
  }
  for (std::int64_t node = end - 1; node >= begin_; --node) {
    Record& record = log.at(node);
    if ((!record.has_op && record.custom == nullptr) || !paths.holds(node) ||
        adjoints.at(node).empty())
      continue;
    const bool is_source = numbers.count(node) > 0;
    Tensors dys = is_source ? adjoints.at(node) : std::move(adjoints.at(node));
    SmallVector<bool, 4> wanted(record.nodes.size());
    bool any = false;
    for (std::size_t i = 0; i < wanted.size(); ++i) any |= wanted[i] = paths.holds(record.nodes[i]);
    if (!any) continue;  // a source computed from nothing of interest
    const auto source = indexed != nullptr ? numbers.find(record.nodes[0]) : numbers.end();
    const bool is_taken = source != numbers.end() && record.has_op && wanted[0] &&
                          add_rows(record, dys[0], wanted.data(), (*indexed)[source->second]);
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

template <class T>
std::vector<Tensor> GradientTape::gradients(const std::vector<Tensor>& targets,
                                            const std::vector<T>& sources,
                                            const GradientArgs& args) {
  return detail::guard_memory(
      [&] { return run(targets, sources_of(sources, "gradient"), args, nullptr); });
}

Tensor GradientTape::gradient(const Tensor& target,
                              const Variable& source,
                              const GradientArgs& args) {
  return detail::guard_memory([&] { return gradients<Variable>({target}, {source}, args)[0]; });
}
Tensor GradientTape::gradient(const Tensor& target,
                              const Tensor& source,
                              const GradientArgs& args) {
  return detail::guard_memory([&] { return gradients<Tensor>({target}, {source}, args)[0]; });
}
std::vector<Tensor> GradientTape::gradient(const Tensor& target,
                                           const std::vector<Variable>& sources,
                                           const GradientArgs& args) {
  return detail::guard_memory([&] { return gradients({target}, sources, args); });
}
std::vector<Tensor> GradientTape::gradient(const Tensor& target,
                                           const std::vector<Tensor>& sources,
                                           const GradientArgs& args) {
  return detail::guard_memory([&] { return gradients({target}, sources, args); });
}
std::vector<Tensor> GradientTape::gradient(const std::vector<Tensor>& targets,
                                           const std::vector<Variable>& sources,
                                           const GradientArgs& args) {
  return gradients(targets, sources, args);
}
std::vector<Tensor> GradientTape::gradient(const std::vector<Tensor>& targets,
                                           const std::vector<Tensor>& sources,
                                           const GradientArgs& args) {
  return gradients(targets, sources, args);
}

IndexedSlices GradientTape::indexed_gradient(const Tensor& target, const Variable& source) {
  IndexedSlices slices = indexed_gradients(target, {source})[0];
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
  return detail::guard_memory([&] {
    const std::vector<Source> places = sources_of(sources, "indexed_gradients");
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
  });
}

namespace {

// Keeps a tape open for a gradient of each element; closes it as `gradient` would, after a throw
// too.
class PersistentFor {
 public:
  explicit PersistentFor(bool& persistent) : persistent_(persistent), saved_(persistent) {
    persistent_ = true;
  }
  ~PersistentFor() { persistent_ = saved_; }
  PersistentFor(const PersistentFor&) = delete;
  PersistentFor& operator=(const PersistentFor&) = delete;

 private:
  bool& persistent_;
  bool saved_;
};

}  // namespace

template <class T>
Tensor GradientTape::jacobian_of(const Tensor& target, const T& of, const char* call) {
  return detail::guard_memory([&] {
    const Source source = sources_of<T>({of}, call)[0];
    check_targets({target}, {}, call);
    const std::int64_t count = target.size();
    std::vector<Tensor> rows;
    {
      const PersistentFor persistent(args_.persistent);
      for (std::int64_t i = 0; i < count; ++i) {
        const Tensor seed = ops::reshape(
            ops::cast(ops::equal(ops::arange(count), i), target.dtype()), target.shape());
        rows.push_back(run({target}, {source}, {{seed}, UnconnectedGradients::zero}, nullptr)[0]);
      }
    }
    used_ = true;
    if (!args_.persistent) stop();
    Shape shape = target.shape();
    for (std::int64_t size : source.spec.shape) shape.push_back(size);
    if (rows.empty()) return ops::zeros(shape, {source.spec.dtype});
    return ops::reshape(ops::stack(rows), shape);
  });
}

Tensor GradientTape::jacobian(const Tensor& target, const Variable& source) {
  return jacobian_of(target, source, "jacobian");
}
Tensor GradientTape::jacobian(const Tensor& target, const Tensor& source) {
  return jacobian_of(target, source, "jacobian");
}

Tensor GradientTape::batch_jacobian(const Tensor& target, const Tensor& source) {
  expect_unused("batch_jacobian");
  expect_defined(target, "batch_jacobian", "target");
  expect_defined(source, "batch_jacobian", "source");
  if (target.rank() == 0 || source.rank() == 0 || target.shape()[0] != source.shape()[0]) {
    throw ShapeError("batch_jacobian: received shapes " + target.shape().str() + " and " +
                     source.shape().str() + ", expected the same batch size");
  }
  return detail::guard_memory([&] {
    const Tensor all = jacobian(target, source);
    std::vector<Tensor> rows;
    for (std::int64_t i = 0; i < target.shape()[0]; ++i) {
      // The gradient of row i of the target with respect to row i of the source.
      rows.push_back(ops::moveaxis(all[i], target.rank() - 1, 0)[i]);
    }
    return ops::stack(rows);
  });
}

Tensor IndexedSlices::to_dense() const {
  return is_indexed() ? ops::scatter_add(indices, values, dense_shape) : values;
}

GradientTape::Pause::Pause() : saved_(detail::listeners().tape) {
  detail::listeners().tape = nullptr;
}
GradientTape::Pause::~Pause() { detail::listeners().tape = saved_; }

}  // namespace nyala
