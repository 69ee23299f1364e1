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

std::vector<Tensor> as_vector(const Tensors& tensors) { return {tensors.begin(), tensors.end()}; }
Inputs<Tensor> as_inputs(const Tensors& tensors) { return {tensors.data(), tensors.size()}; }
Tensors as_tensors(const std::vector<Tensor>& tensors) {
  Tensors all;
  for (const Tensor& tensor : tensors) all.push_back(tensor);
  return all;
}

}  // namespace

Tensors Trainer::Feed::flat() const {
  Tensors all;
  for (const Tensors* part : parts()) {
    for (const Tensor& tensor : *part) {
      if (tensor.defined()) all.push_back(tensor);
    }
  }
  return all;
}

Trainer::Feed Trainer::Feed::with(const std::vector<Tensor>& tensors) const {
  Feed other = *this;
  std::size_t next = 0;
  for (auto* part : {&other.x, &other.y, &other.sample_weight}) {
    for (Tensor& tensor : *part) {
      if (tensor.defined()) tensor = tensors[next++];
    }
  }
  return other;
}

Trainer::Programs::Cache::Cache(int kind, const Feed& feed) : step(kind) {
  for (std::size_t i = 0; i < is_there.size(); ++i) {
    for (const Tensor& tensor : *feed.parts()[i]) is_there[i].push_back(tensor.defined());
  }
}

bool Trainer::Programs::Cache::fits(int kind, const Feed& feed) const {
  if (step != kind) return false;
  for (std::size_t i = 0; i < is_there.size(); ++i) {
    const Tensors& part = *feed.parts()[i];
    if (part.size() != is_there[i].size()) return false;
    for (std::size_t k = 0; k < part.size(); ++k) {
      if (part[k].defined() != is_there[i][k]) return false;
    }
  }
  return true;
}

graph::ProgramCache& Trainer::Programs::cache(int step, const Feed& feed) {
  const auto find = [&] {
    Cache* cache = first_cache.load(std::memory_order_acquire);
    while (cache != nullptr && !cache->fits(step, feed)) cache = cache->next.get();
    return cache;
  };
  if (Cache* known = find()) return known->programs;
  const std::lock_guard lock(mutex);
  if (Cache* known = find()) return known->programs;
  auto fresh = std::make_unique<Cache>(step, feed);
  fresh->next = std::move(caches);
  caches = std::move(fresh);
  first_cache.store(caches.get(), std::memory_order_release);
  return caches->programs;
}

void Trainer::Programs::clear_caches() {
  first_cache = nullptr;
  caches = nullptr;
}

Trainer::Feed Trainer::feed(const Parts& batch, const char* who, bool with_targets) const {
  const ModelNames& names = programs_->names;
  const auto refuse = [&](const std::string& what) {
    throw ValueError(layer_.label() + ": " + who + " was given " + what);
  };
  Feed feed;
  feed.x = batch.x.in_order(names.inputs, "input");
  if (feed.x.empty()) refuse("no input");
  if (!names.inputs.empty() && feed.x.size() != names.inputs.size()) {
    refuse(std::to_string(feed.x.size()) + " inputs, expected " +
           std::to_string(names.inputs.size()));
  }
  for (const Tensor& x : feed.x) {
    if (!x.defined()) refuse("an undefined tensor");
  }
  if (!with_targets) return feed;

  const std::size_t outputs = programs_->num_outputs;
  feed.y = batch.y.in_order(names.outputs, "output");
  feed.y.resize(std::max(outputs, feed.y.size()));
  if (feed.y.size() > outputs) {
    refuse(std::to_string(feed.y.size()) + " targets for " + std::to_string(outputs) + " outputs");
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    if (feed.y[i].defined()) continue;
    if (!compiled_->loss.uses(i) && !compiled_->metrics.uses(i)) continue;
    refuse("no target for output " + std::to_string(i) + ", which has a loss or a metric");
  }
  if (batch.sample_weight.empty()) return feed;
  feed.sample_weight = batch.sample_weight.in_order(names.outputs, "output");
  if (feed.sample_weight.size() == 1 && outputs > 1) {
    const Tensor weight = feed.sample_weight[0];
    if (weight.rank() > 2 || (weight.rank() == 2 && weight.shape()[1] != 1)) {
      throw ValueError(
          "For a model with multiple outputs, when providing a single `sample_weight` array, it "
          "should only have one scalar score per sample (i.e. shape `(num_samples,)`). If you want "
          "to use non-scalar sample weights, pass a `sample_weight` argument with one array per "
          "model output.");
    }
    feed.sample_weight = Tensors();
    for (std::size_t i = 0; i < outputs; ++i) feed.sample_weight.push_back(weight);
  }
  if (feed.sample_weight.size() != outputs) {
    refuse(std::to_string(feed.sample_weight.size()) + " tensors of sample weights for " +
           std::to_string(outputs) + " outputs");
  }
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
    build(feed(batch, "a step", false).x);
  }
  std::vector<std::uint64_t> layout = layout_of(layer_);
  if (layout != programs_->layout) {
    programs_->layout = std::move(layout);
    programs_->clear_caches();
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
  programs_->clear_caches();
  programs_->num_outputs = 0;
}

std::vector<Tensor> Trainer::call(int step, const Feed& feed) const {
  return step == kTrain ? train_step(feed) : step == kTest ? test_step(feed) : predict_step(feed);
}

const graph::Program& Trainer::program(int step, const Feed& feed, Inputs<Tensor> inputs) {
  graph::ProgramCache& cache = programs_->cache(step, feed);
  if (const graph::Program* known = cache.find(inputs)) return *known;
  return cache.add(
      [&](const std::vector<Tensor>& tensors) { return call(step, feed.with(tensors)); }, inputs);
}

Tensors Trainer::run(int step, const Feed& feed) {
  const DenormalGuard guard;
  if (compiled_ != nullptr && compiled_->args.run_eagerly) return as_tensors(call(step, feed));
  const Tensors inputs = feed.flat();
  Tensors outputs;
  program(step, feed, as_inputs(inputs)).run(as_inputs(inputs), outputs);
  return outputs;
}

Tensor Trainer::compute_loss(const Feed& feed,
                             const std::vector<Tensor>& y_pred,
                             const std::vector<Tensor>& added,
                             std::vector<Tensor>& values) const {
  Tensor total =
      compiled_->loss.compute(as_vector(feed.y), y_pred, as_vector(feed.sample_weight), values);
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

std::vector<Tensor> Trainer::train_step(const Feed& feed) const {
  const std::vector<Variable>& trainable = programs_->trainable;
  const optimizers::Optimizer& optimizer = compiled_->args.optimizer;
  std::vector<Tensor> values;
  std::vector<Tensor> y_pred;
  std::vector<IndexedSlices> gradients;
  Tensor loss;
  {
    GradientTape tape;
    const LossCollector collector;
    y_pred = layer_.apply(as_inputs(feed.x), {.training = true});
    loss = compute_loss(feed, y_pred, collector.losses(), values);
    if (!trainable.empty())
      gradients = tape.indexed_gradients(optimizer->scale_loss(loss), trainable);
  }
  if (!trainable.empty()) optimizer->apply_indexed(gradients, trainable);
  const std::int64_t batch = feed.x[0].shape()[0];
  compiled_->loss_tracker.update(loss, batch);
  compiled_->loss.track(values, batch);
  compiled_->metrics.update(as_vector(feed.y), y_pred, as_vector(feed.sample_weight));
  return {};
}

std::vector<Tensor> Trainer::test_step(const Feed& feed) const {
  const LossCollector collector;
  const std::vector<Tensor> y_pred = layer_.apply(as_inputs(feed.x), {.training = false});
  std::vector<Tensor> values;
  const Tensor loss = compute_loss(feed, y_pred, collector.losses(), values);
  const std::int64_t batch = feed.x[0].shape()[0];
  compiled_->loss_tracker.update(loss, batch);
  compiled_->loss.track(values, batch);
  compiled_->metrics.update(as_vector(feed.y), y_pred, as_vector(feed.sample_weight));
  return {};
}

std::vector<Tensor> Trainer::predict_step(const Feed& feed) const {
  const LossCollector collector;
  return layer_.apply(as_inputs(feed.x), {.training = false});
}

const graph::Program& Trainer::train_program(const Data& x, const Data& y, const Data& weight) {
  need_compiled("train_program");
  const Parts batch(x, y, weight);
  prepare(batch, true);
  const Feed fed = feed(batch, "train_program", true);
  return program(kTrain, fed, as_inputs(fed.flat()));
}
const graph::Program& Trainer::predict_program(const Data& x) {
  const Data none = Data();
  const Parts batch(x, none, none);
  prepare(batch, false);
  const Feed fed = feed(batch, "predict_program", false);
  return program(kPredict, fed, as_inputs(fed.flat()));
}

void Trainer::train_batch(const Parts& batch) { run(kTrain, feed(batch, "fit", true)); }
void Trainer::test_batch(const Parts& batch) { run(kTest, feed(batch, "evaluate", true)); }
Tensors Trainer::predict_batch(const Parts& batch) {
  return run(kPredict, feed(batch, "predict", false));
}

}  // namespace nyala
