// Checkpoints of a run of fit: taken from the trainer's state and put back.
#include <nyala/autograd/seed_registry.hpp>
#include <nyala/layers/recurrent/base.hpp>
#include <nyala/models/training/trainer_state.hpp>

namespace nyala {
namespace {

std::vector<Tensor> values_of(const std::vector<Variable>& variables) {
  std::vector<Tensor> values;
  values.reserve(variables.size());
  for (const Variable& variable : variables) values.push_back(variable.value());
  return values;
}

void expect_fit(const char* what,
                const std::vector<Tensor>& values,
                const std::vector<Variable>& variables) {
  if (values.size() != variables.size()) {
    throw ValueError("the checkpoint holds " + std::to_string(values.size()) +
                     " variables of the " + what + ", which has " +
                     std::to_string(variables.size()));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].shape() == variables[i].shape()) continue;
    throw ValueError("the checkpoint holds variable " + std::to_string(i) + " of the " + what +
                     " with shape " + values[i].shape().str() + "; that of \"" +
                     cut(variables[i].name()) + "\" is " + variables[i].shape().str());
  }
}

void assign_all(const std::vector<Variable>& variables, const std::vector<Tensor>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) variables[i].assign(values[i]);
}

// Of a layer and of all layers inside.
std::vector<Variable> kept_states(const Module& layer) {
  std::vector<Variable> states;
  const auto take = [&](const Module& module) {
    const auto* sequence = dynamic_cast<const layers::SequenceLayer*>(&module);
    if (sequence == nullptr) return;
    for (const Variable& state : sequence->kept_states()) states.push_back(state);
  };
  take(layer);
  for (const auto& inside : layer.submodules()) take(*inside);
  return states;
}

const Variable& program_generator() { return random::global_seed_generator().state(); }

}  // namespace

Trainer::FitRun& Trainer::need_fit(const char* who) const {
  if (fit_run_ != nullptr) return *fit_run_;
  throw StateError(layer_.label() + ": " + who + "() was called outside of fit");
}

std::vector<Variable> Trainer::metric_variables() const {
  std::vector<Variable> all = compiled_->loss_tracker.variables();
  const auto take = [&](const std::vector<Variable>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  for (const RunningMean& tracker : compiled_->loss.trackers()) take(tracker.variables());
  for (const metrics::Metric& metric : compiled_->metrics.metrics()) take(metric.variables());
  take(functions_->metric_variables());
  return all;
}

Checkpoint Trainer::checkpoint() const {
  const FitRun& run = need_fit("checkpoint");
  return {.epoch = run.epoch,
          .position = run.batches.position(run.in_epoch ? run.batches.step() : 0),
          .stopped = stop_training_,
          .weights = values_of(layer_.variables()),
          .optimizer = values_of(optimizer()->variables()),
          .metrics = run.in_epoch ? values_of(metric_variables()) : std::vector<Tensor>(),
          .states = values_of(kept_states(layer_)),
          .generator = random::global_seed_generator().peek(),
          .seeds = values_of(random::seed_states()),
          .callbacks = run.callbacks.states()};
}

void Trainer::resume(const Checkpoint& checkpoint) {
  FitRun& run = need_fit("resume");
  if (run.begun)
    throw StateError(layer_.label() + ": resume() was called after training had begun");
  if (!layer_.built())
    throw StateError(layer_.label() + ": resume() was called before the model had its weights");
  if (const std::vector<Variable> trainable = layer_.trainable_variables(); !trainable.empty())
    optimizer()->build(trainable);
  expect_fit("model", checkpoint.weights, layer_.variables());
  expect_fit("model's stateful layers", checkpoint.states, kept_states(layer_));
  expect_fit("program's other generators", checkpoint.seeds, random::seed_states());
  expect_fit("optimizer", checkpoint.optimizer, optimizer()->variables());
  expect_fit("program's own generator", {checkpoint.generator}, {program_generator()});
  expect_fit("program's own generator", {checkpoint.position.generator}, {program_generator()});
  // For the end of training, which may come without a step that finds them.
  programs_->trainable = layer_.trainable_variables();
  run.callbacks.set_states(checkpoint.callbacks);
  set_state(checkpoint);
  stop_training_ = checkpoint.stopped;
  run.epoch = checkpoint.epoch;
  run.resumed = checkpoint;
}

void Trainer::set_state(const Checkpoint& checkpoint) const {
  assign_all(layer_.variables(), checkpoint.weights);
  assign_all(kept_states(layer_), checkpoint.states);
  assign_all(random::seed_states(), checkpoint.seeds);
  assign_all(optimizer()->variables(), checkpoint.optimizer);
  program_generator().assign(checkpoint.generator);
}

void Trainer::resume_epoch(const Checkpoint& checkpoint) {
  const std::optional<Batch> last = fit_run_->batches.go_to(checkpoint.position);
  if (!last) return;
  // Some metrics have their variables from the first step on.
  prepare(*last, true);
  train_batch(*last);
  const std::vector<Variable> metrics = metric_variables();
  expect_fit("metrics", checkpoint.metrics, metrics);
  assign_all(metrics, checkpoint.metrics);
  set_state(checkpoint);
}

}  // namespace nyala
