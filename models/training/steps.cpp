// One step of training, testing and prediction: what is traced, and how it is run.
#include <algorithm>
#include <mutex>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/core/parallel.hpp>
#include <nyala/models/training/trainer_state.hpp>

namespace nyala {
namespace {

// What traced steps depend on beside the variables' values.
std::vector<std::uint64_t> layout_of(const BaseLayer& layer) {
  std::vector<std::uint64_t> layout{layer.trainable()};
  for (const auto& module : layer.submodules()) {
    layout.push_back(reinterpret_cast<std::uintptr_t>(module.get()));
    layout.push_back(module->trainable());
  }
  for (const Variable& variable : layer.variables()) {
    layout.push_back(variable.id());
    layout.push_back(variable.trainable());
  }
  return layout;
}

Inputs<Tensor> as_inputs(const Tensors& tensors) { return {tensors.data(), tensors.size()}; }
Tensors as_tensors(const std::vector<Tensor>& tensors) {
  Tensors all;
  for (const Tensor& tensor : tensors) all.push_back(tensor);
  return all;
}

// What layers add to the loss in the step that runs on this thread.
thread_local const LossCollector* t_added = nullptr;

class AddedLosses {
 public:
  AddedLosses() : outer_(std::exchange(t_added, &collector_)) {}
  ~AddedLosses() { t_added = outer_; }
  AddedLosses(const AddedLosses&) = delete;
  AddedLosses& operator=(const AddedLosses&) = delete;

 private:
  LossCollector collector_;
  const LossCollector* outer_;
};

}  // namespace

// Building runs the layer, whose code may come back here: a Sequential that gets its graph calls
// `invalidate`. So this is one lock for all trainers, which a thread may take again, and no other
// one is held meanwhile.
void Trainer::build_layer(const Parts& batch) {
  static std::recursive_mutex building;
  const std::lock_guard lock(building);
  if (programs_->num_outputs != 0 && layer_.built()) return;
  ModelNames& names = programs_->names;
  names = names_ ? names_() : ModelNames();
  if (layer_.built() && !names.outputs.empty()) {
    programs_->num_outputs = names.outputs.size();
    return;
  }
  std::vector<Tensor> abstract;
  for (const Tensor& tensor : flatten(batch, "a step", false).tensors)
    abstract.push_back(Tensor::abstract(tensor.shape(), tensor.dtype()));
  const LossCollector collector;
  programs_->num_outputs = layer_.apply(Inputs<Tensor>(abstract), {.training = false}).size();
}

// What is read by other threads without a lock (the names, the variables) is written only when it
// differs.
void Trainer::update_state(bool for_training) {
  Programs& state = *programs_;
  const std::uint64_t version = detail::structure_version();
  if (ModelNames names = names_ ? names_() : ModelNames(); names != state.names)
    state.names = std::move(names);
  std::vector<std::uint64_t> layout = layout_of(layer_);
  if (layout != state.layout) {
    std::vector<Variable> trainable = layer_.trainable_variables();
    const std::lock_guard lock(state.mutex);
    state.layout = std::move(layout);
    state.cache.clear();
    state.reports = {};
    state.trainable = std::move(trainable);
    state.optimizer_ready = false;
  }
  if (compiled_ != nullptr) compiled_->resolve(state.names, state.num_outputs);
  if (for_training && !state.optimizer_ready) {
    functions_->build_optimizers(state.trainable);
    state.optimizer_ready = true;
  }
  state.version = version;
}

void Trainer::prepare(const Parts& batch, bool for_training) {
  const auto is_ready = [&] {
    return programs_->version == detail::structure_version() &&
           (!for_training || programs_->optimizer_ready);
  };
  if (is_ready()) return;
  if (programs_->num_outputs == 0) build_layer(batch);
  const std::lock_guard lock(programs_->preparing);
  if (!is_ready()) update_state(for_training);
}

void Trainer::invalidate() {
  const std::lock_guard lock(programs_->mutex);
  programs_->version = 0;
  programs_->layout.clear();
  programs_->cache.clear();
  programs_->reports = {};
  programs_->num_outputs = 0;
}

std::vector<Tensor> Trainer::call(StepKind kind, const StepInputs& data) {
  const AddedLosses added;
  if (kind == StepKind::predict) return functions_->predict_step(data);
  StepReport& report = programs_->report(kind);
  report.is_default = false;  // until that one runs
  return logged(
      report, kind == StepKind::train ? functions_->train_step(data) : functions_->test_step(data));
}

// Notes what a step reports by name; its programs give the values.
std::vector<Tensor> Trainer::logged(StepReport& report, StepLogs&& logs) const {
  std::vector<std::string> names;
  std::vector<Tensor> values;
  for (auto& [name, value] : logs) {
    if (!value.defined() || value.rank() != 0) {
      throw ShapeError(layer_.label() + ": a step reported \"" + name + "\" as " +
                       (value.defined() ? "a tensor of shape " + value.shape().str()
                                        : std::string("an undefined tensor")) +
                       ", expected one number");
    }
    if (std::find(names.begin(), names.end(), name) != names.end())
      throw ValueError(layer_.label() + ": a step reported \"" + name + "\" twice");
    names.push_back(name);
    values.push_back(std::move(value));
  }
  // Programs of other signatures, traced before, report under these names too.
  std::vector<std::string>& known = report.names;
  if (!known.empty() && known != names) {
    throw ValueError(layer_.label() + ": a step reported " + detail::python_list(names) +
                     ", before that " + detail::python_list(known));
  }
  known = std::move(names);
  return values;
}

graph::Program Trainer::program(StepKind kind, const FlatInputs& flat) {
  const auto signature = flat.signature.numbers();
  const graph::ProgramKey key{.kind = static_cast<std::uint64_t>(kind),
                              .variant = {signature.data(), signature.size()},
                              .inputs = as_inputs(flat.tensors)};
  if (graph::Program known = programs_->cache.find(key)) return known;
  return programs_->cache.add(key, [&](const std::vector<Tensor>& tensors) {
    return call(kind, flat.signature.inputs(Inputs<Tensor>(tensors)));
  });
}

Tensors Trainer::run(StepKind kind, const FlatInputs& flat) {
  const DenormalGuard guard;
  const Inputs<Tensor> inputs = as_inputs(flat.tensors);
  Tensors outputs;
  if (compiled_ != nullptr && compiled_->args.run_eagerly)
    outputs = as_tensors(call(kind, flat.signature.inputs(inputs)));
  else
    program(kind, flat).replay(inputs, outputs);
  if (kind == StepKind::predict) return outputs;
  programs_->last_step = kind;
  programs_->report(kind).values = std::move(outputs);
  return {};
}

Tensor Trainer::default_compute_loss(const StepInputs& data, const std::vector<Tensor>& y_pred) {
  std::vector<Tensor> losses;
  Tensor total =
      need_compiled("compute_loss").loss.compute(data.y, y_pred, data.sample_weight, losses);
  std::vector<Tensor> penalties;
  if (t_added != nullptr) penalties = t_added->losses();
  for (const Tensor& penalty : layer_.regularization_losses()) penalties.push_back(penalty);
  for (const Tensor& penalty : penalties) {
    const Tensor scalar = ops::sum(ops::cast(penalty, floatx()));
    total = total.defined() ? total + scalar : scalar;
  }
  if (!total.defined())
    throw ValueError("No loss to compute. Provide a `loss` argument in `compile()`.");
  compiled_->losses = std::move(losses);
  return total;
}

// Counts a step: the loss, its parts and the metrics of `compile`.
void Trainer::track(const StepInputs& data,
                    const std::vector<Tensor>& y_pred,
                    const Tensor& loss) const {
  const std::int64_t batch = data.batch_size();
  compiled_->loss_tracker.update(loss, batch);
  compiled_->loss.track(compiled_->losses, batch);
  compiled_->metrics.update(data.y, y_pred, data.sample_weight);
  compiled_->losses.clear();
}

StepLogs Trainer::default_train_step(const StepInputs& data) {
  need_compiled("train_step");
  const std::vector<Variable>& trainable = programs_->trainable;
  const optimizers::Optimizer& optimizer = compiled_->args.optimizer;
  programs_->report(StepKind::train).is_default = true;
  compiled_->losses.clear();
  std::vector<Tensor> y_pred;
  std::vector<IndexedSlices> gradients;
  Tensor loss;
  {
    GradientTape tape;
    y_pred = layer_.apply(Inputs<Tensor>(data.x), {.training = true});
    loss = functions_->compute_loss(data, y_pred, true);
    if (!trainable.empty())
      gradients = tape.indexed_gradients(optimizer.scale_loss(loss), trainable);
  }
  if (!trainable.empty()) {
    gradients = functions_->process_gradients(std::move(gradients), trainable);
    optimizer.apply_indexed(gradients, trainable);
  }
  track(data, y_pred, loss);
  return {};
}

StepLogs Trainer::default_test_step(const StepInputs& data) {
  need_compiled("test_step");
  programs_->report(StepKind::test).is_default = true;
  compiled_->losses.clear();
  const std::vector<Tensor> y_pred = layer_.apply(Inputs<Tensor>(data.x), {.training = false});
  track(data, y_pred, functions_->compute_loss(data, y_pred, false));
  return {};
}

std::vector<Tensor> Trainer::default_predict_step(const StepInputs& data) {
  return layer_.apply(Inputs<Tensor>(data.x), {.training = false});
}

graph::Program Trainer::train_program(const Data& x, const Data& y, const Data& weight) {
  need_compiled("train_program");
  const Parts batch(x, y, weight);
  prepare(batch, true);
  return program(StepKind::train, flatten(batch, "train_program", true));
}
graph::Program Trainer::predict_program(const Data& x) {
  const Data none = Data();
  const Parts batch(x, none, none);
  prepare(batch, false);
  return program(StepKind::predict, flatten(batch, "predict_program", false));
}

void Trainer::train_batch(const Parts& batch) { run(StepKind::train, flatten(batch, "fit", true)); }
void Trainer::test_batch(const Parts& batch) {
  run(StepKind::test, flatten(batch, "evaluate", true));
}
Tensors Trainer::predict_batch(const Parts& batch) {
  return run(StepKind::predict, flatten(batch, "predict", false));
}

}  // namespace nyala
