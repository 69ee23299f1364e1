#include <nyala/models/training/trainer.hpp>

#include <algorithm>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/text.hpp>
#include <nyala/models/training/trainer_state.hpp>

namespace nyala {

JitCompile::JitCompile(const char* text) {
  if (detail::text_of(text) != "auto")
    throw ValueError("jit_compile is \"" + std::string(text) +
                     "\", expected true, false or \"auto\"");
}

Trainer::Trainer(BaseLayer& layer, Names names, StepFunctions* functions)
    : layer_(layer),
      names_(std::move(names)),
      programs_(std::make_unique<Programs>()),
      default_steps_(std::make_unique<DefaultSteps>(*this)),
      functions_(functions != nullptr ? functions : default_steps_.get()) {}
Trainer::~Trainer() = default;

void Trainer::compile(const CompileArgs& args) {
  if (!args.optimizer.defined()) throw ValueError(layer_.label() + ": compile needs an optimizer");
  if (args.steps_per_execution < 1) {
    throw ValueError(layer_.label() + ": steps_per_execution is " +
                     std::to_string(args.steps_per_execution) + ", expected 1 or more");
  }
  auto fresh = std::make_unique<Compiled>(args);
  if (const ModelNames names = names_ ? names_() : ModelNames(); !names.outputs.empty())
    fresh->resolve(names, names.outputs.size());
  const bool is_scaled = args.optimizer->class_name() == "LossScaleOptimizer";
  if (args.auto_scale_loss && !is_scaled && layer_.dtype_policy().name() == "mixed_float16") {
    fresh->args.optimizer = optimizers::LossScaleOptimizer(
        {.inner_optimizer = args.optimizer, .name = "loss_scale_optimizer"});
  }
  compiled_ = std::move(fresh);
  stop_training_ = false;
  invalidate();
}

namespace {

// Tells threads apart.
const void* this_thread() {
  thread_local const char here = 0;
  return &here;
}

}  // namespace

Trainer::Use::Use(const Trainer& trainer, Kind kind, const char* who)
    : programs_(*trainer.programs_) {
  const void* user = nullptr;
  is_outer_ = programs_.user.compare_exchange_strong(user, this_thread());
  if (!is_outer_ && user != this_thread()) {
    throw StateError(trainer.layer_.label() + ": " + who +
                     " was called while another thread trains or evaluates it; one at a time may");
  }
  trained_before_ = programs_.is_training.exchange(kind == kTrain || programs_.is_training);
}

Trainer::Use::~Use() {
  programs_.is_training = trained_before_;
  if (is_outer_) programs_.user = nullptr;
}

void Trainer::expect_no_training_elsewhere(const char* who) const {
  if (!programs_->is_training.load(std::memory_order_relaxed)) return;
  if (programs_->user.load(std::memory_order_relaxed) == this_thread()) return;
  throw StateError(layer_.label() + ": " + who +
                   " was called while another thread trains it; wait for that, or predict with a "
                   "copy of the model");
}

bool Trainer::compiled() const { return compiled_ != nullptr; }

Trainer::Compiled& Trainer::need_compiled(const char* who) const {
  if (compiled_ != nullptr) return *compiled_;
  throw StateError(layer_.label() + ": you must call `compile()` before calling `" + who + "()`.");
}

const optimizers::Optimizer& Trainer::optimizer() const {
  return need_compiled("optimizer").args.optimizer;
}
const CompileArgs& Trainer::compile_args() const { return need_compiled("compile_args").args; }

std::vector<metrics::Metric> Trainer::metrics() const {
  return compiled_ == nullptr ? std::vector<metrics::Metric>() : compiled_->metrics.metrics();
}

void Trainer::reset_metrics() {
  if (compiled_ == nullptr) return;
  compiled_->loss_tracker.reset();
  for (const RunningMean& tracker : compiled_->loss.trackers()) tracker.reset();
  compiled_->metrics.reset();
  functions_->reset_metrics();
}

callbacks::Logs Trainer::metric_results() const {
  const Compiled& compiled = need_compiled("metric_results");
  const GradientTape::Pause pause;
  callbacks::Logs logs;
  const StepReport& report = programs_->report(programs_->last_step);
  if (report.is_default) {
    logs["loss"] = compiled.loss_tracker.result();
    compiled.metrics.results(logs);
    for (const RunningMean& tracker : compiled.loss.trackers())
      logs[tracker.name()] = tracker.result();
  }
  for (std::size_t i = 0; i < report.values.size(); ++i)
    logs[report.names[i]] = report.values[i].item<double>();
  logs.sort();
  return logs;
}

EvaluateResult Trainer::in_keras_order(callbacks::Logs&& logs) const {
  if (logs.size() == 1) return EvaluateResult(std::move(logs));
  callbacks::Logs ordered;
  const auto take = [&](const std::string& name) {
    if (const double* value = logs.find(name)) ordered[name] = *value;
  };
  take("loss");
  for (const metrics::Metric& metric : compiled_->metrics.metrics()) take(metric.name());
  for (const RunningMean& tracker : compiled_->loss.trackers()) take(tracker.name());
  for (const auto& [name, value] : logs) take(name);
  return EvaluateResult(std::move(ordered));
}

EvaluateResult Trainer::train_on_batch(const Data& x, const Data& y, const TrainOnBatchArgs& args) {
  need_compiled("train_on_batch");
  const Use use(*this, Use::kTrain, "train_on_batch");
  const GradientTape::Pause pause;
  if (!args.class_weight.empty()) {
    Batch batch{x, y, args.sample_weight};
    detail::add_class_weight(batch, args.class_weight);
    return train_on_batch(x, y, {.sample_weight = batch.sample_weight});
  }
  const Parts batch(x, y, args.sample_weight);
  detail::count_samples(batch);
  prepare(batch, true);
  reset_metrics();
  train_batch(batch);
  return in_keras_order(metric_results());
}

EvaluateResult Trainer::test_on_batch(const Data& x, const Data& y, const TestOnBatchArgs& args) {
  need_compiled("test_on_batch");
  const Use use(*this, Use::kEvaluate, "test_on_batch");
  const GradientTape::Pause pause;
  const Parts batch(x, y, args.sample_weight);
  detail::count_samples(batch);
  prepare(batch, false);
  reset_metrics();
  test_batch(batch);
  return in_keras_order(metric_results());
}

Tensors Trainer::predict_on_batch(const Data& x) {
  expect_no_training_elsewhere("predict_on_batch");
  const GradientTape::Pause pause;
  const Data none = Data();
  const Parts batch(x, none, none);
  detail::count_samples(batch);
  prepare(batch, false);
  return predict_batch(batch);
}

}  // namespace nyala
