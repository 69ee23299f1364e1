// One step of training, testing and prediction: what is traced, and how it is run.
#include <algorithm>
#include <mutex>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/core/parallel.hpp>
#include <nyala/models/training/trainer_state.hpp>

namespace nyala {
namespace {

enum StepKind : int { kTrain, kTest, kPredict };

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

void check_weight_of_all(const Tensor& weight) {
  if (weight.rank() < 2 || (weight.rank() == 2 && weight.shape()[1] == 1)) return;
  throw ValueError(
      "For a model with multiple outputs, when providing a single `sample_weight` array, it "
      "should only have one scalar score per sample (i.e. shape `(num_samples,)`). If you want "
      "to use non-scalar sample weights, pass a `sample_weight` argument with one array per "
      "model output.");
}

// As they were given, or in the order of the model's names, which are put into `room`.
const Tensors& in_order(const Data& data,
                        const std::vector<std::string>& names,
                        const char* what,
                        Tensors& room) {
  if (!data.is_named()) return data.tensors();
  return room = data.in_order(names, what);
}

// The tensors of a feed part by part: those that are not there are undefined.
template <class FeedShape>
StepInputs step_inputs(const FeedShape& shape, Inputs<Tensor> tensors) {
  StepInputs data;
  std::size_t place = 0, next = 0;
  const std::array<std::vector<Tensor>*, 3> parts{&data.x, &data.y, &data.sample_weight};
  for (std::size_t part = 0; part < parts.size(); ++part) {
    for (std::size_t i = 0; i < shape.sizes[part]; ++i, ++place) {
      const auto& missing = shape.missing;
      const bool is_there = std::find(missing.begin(), missing.end(), place) == missing.end();
      parts[part]->push_back(is_there ? tensors[next++] : Tensor());
    }
  }
  if (std::none_of(data.y.begin(), data.y.end(), [](const Tensor& t) { return t.defined(); }))
    data.y.clear();
  return data;
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

Trainer::Feed Trainer::feed(const Parts& batch, const char* who, bool with_targets) const {
  const ModelNames& names = programs_->names;
  const auto refuse = [&](const std::string& what) {
    throw ValueError(layer_.label() + ": " + who + " was given " + what);
  };
  Feed feed;
  Tensors room;
  const Tensor none;
  const Tensors& x = in_order(batch.x, names.inputs, "input", room);
  if (x.empty()) refuse("no input");
  if (names.inputs_are_dict && !batch.x.is_named() &&
      (!batch.x.is_single() || x.size() != 1 || names.inputs.size() != 1)) {
    refuse(std::string(batch.x.is_single() ? "one tensor" : "a list") +
           ", but its inputs are a dict with the keys " + detail::python_list(names.inputs) +
           "; give data by key");
  }
  if (!names.inputs.empty() && x.size() != names.inputs.size()) {
    refuse(std::to_string(x.size()) + " inputs, expected " + std::to_string(names.inputs.size()));
  }
  for (const Tensor& input : x) {
    if (!input.defined()) refuse("an undefined tensor");
    feed.add(Feed::kInputs, input);
  }
  if (!with_targets) return feed;

  const std::size_t outputs = programs_->num_outputs;
  const Tensors& y = in_order(batch.y, names.outputs, "output", room);
  if (y.size() > outputs) {
    refuse(std::to_string(y.size()) + " targets for " + std::to_string(outputs) + " outputs");
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    const bool is_there = i < y.size() && y[i].defined();
    if (!is_there && (compiled_->loss.uses(i) || compiled_->metrics.uses(i)))
      refuse("no target for output " + std::to_string(i) + ", which has a loss or a metric");
    feed.add(Feed::kTargets, is_there ? y[i] : none);
  }
  if (batch.sample_weight.empty()) return feed;
  const Tensors& weights = in_order(batch.sample_weight, names.outputs, "output", room);
  const bool one_for_all = weights.size() == 1 && outputs > 1;
  if (one_for_all) check_weight_of_all(weights[0]);
  if (!one_for_all && weights.size() != outputs) {
    refuse(std::to_string(weights.size()) + " tensors of sample weights for " +
           std::to_string(outputs) + " outputs");
  }
  for (std::size_t i = 0; i < outputs; ++i) feed.add(Feed::kWeights, weights[one_for_all ? 0 : i]);
  return feed;
}

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
  for (const Tensor& tensor : feed(batch, "a step", false).tensors)
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

std::vector<Tensor> Trainer::call(int step, const StepInputs& data) {
  const AddedLosses added;
  if (step == kPredict) return functions_->predict_step(data);
  programs_->reports[static_cast<std::size_t>(step)].is_default = false;  // until that one runs
  return logged(step, step == kTrain ? functions_->train_step(data) : functions_->test_step(data));
}

// Notes what a step reports by name; its programs give the values.
std::vector<Tensor> Trainer::logged(int step, StepLogs&& logs) {
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
  std::vector<std::string>& known = programs_->reports[static_cast<std::size_t>(step)].names;
  if (!known.empty() && known != names) {
    throw ValueError(layer_.label() + ": a step reported " + detail::python_list(names) +
                     ", before that " + detail::python_list(known));
  }
  known = std::move(names);
  return values;
}

graph::Program Trainer::program(int step, const Feed& feed) {
  const auto variant = feed.shape.numbers();
  const graph::ProgramKey key{.kind = static_cast<std::uint64_t>(step),
                              .variant = {variant.data(), variant.size()},
                              .inputs = as_inputs(feed.tensors)};
  if (graph::Program known = programs_->cache.find(key)) return known;
  return programs_->cache.add(key, [&](const std::vector<Tensor>& tensors) {
    return call(step, step_inputs(feed.shape, Inputs<Tensor>(tensors)));
  });
}

Tensors Trainer::run(int step, const Feed& feed) {
  const DenormalGuard guard;
  const Inputs<Tensor> inputs = as_inputs(feed.tensors);
  Tensors outputs;
  if (compiled_ != nullptr && compiled_->args.run_eagerly)
    outputs = as_tensors(call(step, step_inputs(feed.shape, inputs)));
  else
    program(step, feed).replay(inputs, outputs);
  if (step == kPredict) return outputs;
  programs_->last_step = step;
  programs_->reports[static_cast<std::size_t>(step)].values = std::move(outputs);
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
  programs_->reports[kTrain].is_default = true;
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
  programs_->reports[kTest].is_default = true;
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
  return program(kTrain, feed(batch, "train_program", true));
}
graph::Program Trainer::predict_program(const Data& x) {
  const Data none = Data();
  const Parts batch(x, none, none);
  prepare(batch, false);
  return program(kPredict, feed(batch, "predict_program", false));
}

void Trainer::train_batch(const Parts& batch) { run(kTrain, feed(batch, "fit", true)); }
void Trainer::test_batch(const Parts& batch) { run(kTest, feed(batch, "evaluate", true)); }
Tensors Trainer::predict_batch(const Parts& batch) {
  return run(kPredict, feed(batch, "predict", false));
}

}  // namespace nyala
