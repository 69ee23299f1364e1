// One step of training, testing and prediction: what is traced, and how it is run.
#include <algorithm>

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

}  // namespace

Trainer::StepData::StepData(const FeedShape& shape, Inputs<Tensor> tensors) {
  std::size_t place = 0, next = 0;
  const std::array<std::vector<Tensor>*, 3> parts{&x, &y, &sample_weight};
  for (std::size_t part = 0; part < parts.size(); ++part) {
    for (std::size_t i = 0; i < shape.sizes[part]; ++i, ++place) {
      const auto& missing = shape.missing;
      const bool is_there = std::find(missing.begin(), missing.end(), place) == missing.end();
      parts[part]->push_back(is_there ? tensors[next++] : Tensor());
    }
  }
}

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

void Trainer::build(const Tensors& x) {
  if (layer_.built() && !programs_->names.outputs.empty()) {
    programs_->num_outputs = programs_->names.outputs.size();
    return;
  }
  std::vector<Tensor> abstract;
  for (const Tensor& tensor : x)
    abstract.push_back(Tensor::abstract(tensor.shape(), tensor.dtype()));
  const LossCollector collector;
  programs_->num_outputs = layer_.apply(Inputs<Tensor>(abstract), {.training = false}).size();
}

void Trainer::prepare(const Parts& batch, bool for_training) {
  const auto is_ready = [&] {
    return programs_->version == detail::structure_version() &&
           (!for_training || programs_->optimizer_ready);
  };
  if (is_ready()) return;
  const std::lock_guard lock(programs_->mutex);
  if (is_ready()) return;
  // Written only when they differ: other threads may be reading them.
  if (ModelNames names = names_ ? names_() : ModelNames(); names != programs_->names)
    programs_->names = std::move(names);
  if (programs_->num_outputs == 0 || !layer_.built()) {
    build(feed(batch, "a step", false).tensors);
  }
  std::vector<std::uint64_t> layout = layout_of(layer_);
  if (layout != programs_->layout) {
    programs_->layout = std::move(layout);
    programs_->cache.clear();
    programs_->trainable = layer_.trainable_variables();
    programs_->optimizer_ready = false;
  }
  if (compiled_ != nullptr) compiled_->resolve(programs_->names.outputs, programs_->num_outputs);
  if (for_training && !programs_->optimizer_ready) {
    if (!programs_->trainable.empty()) compiled_->args.optimizer->build(programs_->trainable);
    programs_->optimizer_ready = true;
  }
  programs_->version = detail::structure_version();
}

void Trainer::invalidate() {
  const std::lock_guard lock(programs_->mutex);
  programs_->version = 0;
  programs_->layout.clear();
  programs_->cache.clear();
  programs_->num_outputs = 0;
}

std::vector<Tensor> Trainer::call(int step, const StepData& data) const {
  return step == kTrain ? train_step(data) : step == kTest ? test_step(data) : predict_step(data);
}

graph::Program Trainer::program(int step, const Feed& feed) {
  const auto variant = feed.shape.numbers();
  const graph::ProgramKey key{.kind = static_cast<std::uint64_t>(step),
                              .variant = {variant.data(), variant.size()},
                              .inputs = as_inputs(feed.tensors)};
  if (graph::Program known = programs_->cache.find(key)) return known;
  return programs_->cache.add(key, [&](const std::vector<Tensor>& tensors) {
    return call(step, StepData(feed.shape, tensors));
  });
}

Tensors Trainer::run(int step, const Feed& feed) {
  const DenormalGuard guard;
  const Inputs<Tensor> inputs = as_inputs(feed.tensors);
  if (compiled_ != nullptr && compiled_->args.run_eagerly)
    return as_tensors(call(step, StepData(feed.shape, inputs)));
  Tensors outputs;
  program(step, feed).replay(inputs, outputs);
  return outputs;
}

Tensor Trainer::compute_loss(const StepData& data,
                             const std::vector<Tensor>& y_pred,
                             const std::vector<Tensor>& added,
                             std::vector<Tensor>& values) const {
  Tensor total = compiled_->loss.compute(data.y, y_pred, data.sample_weight, values);
  std::vector<Tensor> penalties = added;
  for (const Tensor& penalty : layer_.regularization_losses()) penalties.push_back(penalty);
  for (const Tensor& penalty : penalties) {
    const Tensor scalar = ops::sum(ops::cast(penalty, floatx()));
    total = total.defined() ? total + scalar : scalar;
  }
  if (!total.defined())
    throw ValueError("No loss to compute. Provide a `loss` argument in `compile()`.");
  return total;
}

std::vector<Tensor> Trainer::train_step(const StepData& data) const {
  const std::vector<Variable>& trainable = programs_->trainable;
  const optimizers::Optimizer& optimizer = compiled_->args.optimizer;
  std::vector<Tensor> values;
  std::vector<Tensor> y_pred;
  std::vector<IndexedSlices> gradients;
  Tensor loss;
  {
    GradientTape tape;
    const LossCollector collector;
    y_pred = layer_.apply(data.x, {.training = true});
    loss = compute_loss(data, y_pred, collector.losses(), values);
    if (!trainable.empty())
      gradients = tape.indexed_gradients(optimizer->scale_loss(loss), trainable);
  }
  if (!trainable.empty()) optimizer->apply_indexed(gradients, trainable);
  const std::int64_t batch = data.x[0].shape()[0];
  compiled_->loss_tracker.update(loss, batch);
  compiled_->loss.track(values, batch);
  compiled_->metrics.update(data.y, y_pred, data.sample_weight);
  return {};
}

std::vector<Tensor> Trainer::test_step(const StepData& data) const {
  const LossCollector collector;
  const std::vector<Tensor> y_pred = layer_.apply(data.x, {.training = false});
  std::vector<Tensor> values;
  const Tensor loss = compute_loss(data, y_pred, collector.losses(), values);
  const std::int64_t batch = data.x[0].shape()[0];
  compiled_->loss_tracker.update(loss, batch);
  compiled_->loss.track(values, batch);
  compiled_->metrics.update(data.y, y_pred, data.sample_weight);
  return {};
}

std::vector<Tensor> Trainer::predict_step(const StepData& data) const {
  const LossCollector collector;
  return layer_.apply(data.x, {.training = false});
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
