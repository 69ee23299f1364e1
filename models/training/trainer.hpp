#pragma once
/// Trainer: compile, fit, evaluate and predict for a layer. Models forward these to theirs.
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nyala/layers/layer.hpp>
#include <nyala/models/callbacks/history.hpp>
#include <nyala/models/training/arguments.hpp>
#include <nyala/models/training/step.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace graph {
class Program;
}
struct Checkpoint;

/// What a model's inputs and outputs go by; empty while that is not known.
struct ModelNames {
  std::vector<std::string> inputs = {};
  std::vector<std::string> outputs = {};
  /// Whether these are the keys of a dict.
  bool inputs_are_dict = false;
  bool outputs_are_dict = false;

  friend bool operator==(const ModelNames&, const ModelNames&) = default;
};

/// Trains one layer. A step (forward, loss, gradients, update, metrics) is traced into a program
/// once for each signature of a batch and replayed. After a call that throws, the model and its
/// trainer are as they were after the last step that ended.
///
/// `predict` and `predict_on_batch` may run on many threads at once, also for a layer that is not
/// built yet. All else is for one thread at a time: fit, evaluate, train_on_batch and test_on_batch
/// throw StateError where another thread is in one of them, predict where another thread trains.
class Trainer {
 public:
  using Names = std::function<ModelNames()>;

  /// The layer must outlive its trainer, and so must the functions; without them it does Keras's
  /// steps.
  explicit Trainer(BaseLayer& layer, Names names = {}, StepFunctions* functions = nullptr);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Sets optimizer, loss and metrics. Throws ValueError for names that are unknown and for options
  /// that do not fit the outputs, and then changes nothing.
  void compile(const CompileArgs& args = {});
  bool compiled() const;

  /// Trains for `epochs`. Throws StateError before `compile`; ValueError for data that do not fit
  /// each other or the model.
  History fit(const Data& x, const Data& y, const FitArgs& args = {});
  /// The same with batches from elsewhere; batch_size, shuffle, class_weight, sample_weight and
  /// validation_split do not apply.
  History fit(DataSource& source, const FitArgs& args = {});
  /// The loss and the metrics over the data, without training.
  EvaluateResult evaluate(const Data& x, const Data& y, const EvaluateArgs& args = {});
  EvaluateResult evaluate(DataSource& source, const EvaluateArgs& args = {});
  /// The outputs for x, one tensor for each. Needs no `compile`. May be called from several threads
  /// at once.
  std::vector<Tensor> predict(const Data& x, const PredictArgs& args = {});
  std::vector<Tensor> predict(DataSource& source, const PredictArgs& args = {});

  /// One step on these samples as they are; the loss and metrics of this batch alone.
  EvaluateResult train_on_batch(const Data& x, const Data& y, const TrainOnBatchArgs& args = {});
  EvaluateResult test_on_batch(const Data& x, const Data& y, const TestOnBatchArgs& args = {});
  Tensors predict_on_batch(const Data& x);

  /// What a training step (or predict) runs for data of these shapes and dtypes: its `print` shows
  /// the optimised tape. At most graph::ProgramCache::kDefaultCapacity programs are kept, those
  /// used last; the one returned lives as long as it is held.
  graph::Program train_program(const Data& x, const Data& y, const Data& sample_weight = {});
  graph::Program predict_program(const Data& x);

  BaseLayer& layer() const { return layer_; }
  /// Throws StateError before `compile`.
  const optimizers::Optimizer& optimizer() const;
  const CompileArgs& compile_args() const;
  /// Those of `compile`, once the model has seen data (or knows its outputs).
  std::vector<metrics::Metric> metrics() const;
  /// The loss and all metrics since the last reset, sorted by name.
  callbacks::Logs metric_results() const;
  void reset_metrics();

  /// Set by a callback (or another thread), ends `fit` after this batch.
  bool stop_training() const { return stop_training_; }
  void set_stop_training(bool stop) { stop_training_ = stop; }

  /// Within `fit`, from the end of a batch or an epoch: what another run needs to go on from there.
  /// The model has its weights, and optimizers of its own are not part of it. Throws StateError
  /// elsewhere.
  Checkpoint checkpoint() const;
  /// Within `fit`, when training begins: goes on from a checkpoint that a run with the same model,
  /// data and callbacks has made. Throws StateError elsewhere and for a model without weights,
  /// ValueError for a checkpoint of another model; then nothing has changed.
  void resume(const Checkpoint& checkpoint);

  // Keras's steps, which a model's own may call.
  StepLogs default_train_step(const StepInputs& data);
  StepLogs default_test_step(const StepInputs& data);
  std::vector<Tensor> default_predict_step(const StepInputs& data);
  /// The losses of `compile`, weighted, and the penalties of layers. Throws ValueError when there
  /// is neither.
  Tensor default_compute_loss(const StepInputs& data, const std::vector<Tensor>& y_pred);

  /// Forgets the traced programs; for models whose layers change.
  void invalidate();

  /// What Keras saves as "compile_config"; an empty dict before `compile`.
  Config get_compile_config() const;
  /// Makes the optimizer's variables too, once the layer has its weights. Throws ValueError for
  /// options that are unknown, and then changes nothing.
  void compile_from_config(const Config& config);

 private:
  struct Compiled;
  struct Programs;
  enum class StepKind : std::uint8_t;
  struct StepReport;
  struct StepSignature;
  struct FlatInputs;
  struct DefaultSteps;
  struct FitRun;
  using Parts = detail::BatchParts;

  /// Holds the trainer for this thread while it lives.
  class Use;
  Compiled& need_compiled(const char* who) const;
  void expect_no_training_elsewhere(const char* who) const;
  void prepare(const Parts& batch, bool for_training);
  void build_layer(const Parts& batch);
  void update_state(bool for_training);
  FlatInputs flatten(const Parts& batch, const char* who, bool with_targets) const;
  Tensors run(StepKind kind, const FlatInputs& flat);
  std::vector<Tensor> call(StepKind kind, const StepInputs& data);
  graph::Program program(StepKind kind, const FlatInputs& flat);
  std::vector<Tensor> logged(StepReport& report, StepLogs&& logs) const;
  void track(const StepInputs& data, const std::vector<Tensor>& y_pred, const Tensor& loss) const;
  void train_batch(const Parts& batch);
  void test_batch(const Parts& batch);
  Tensors predict_batch(const Parts& batch);
  callbacks::Logs evaluate_epoch(DataSource& source,
                                 std::optional<std::int64_t> steps,
                                 callbacks::CallbackList& callbacks);
  std::vector<Tensor> predict_source(DataSource& source,
                                     const PredictArgs& args,
                                     std::int64_t samples);
  History fit_source(DataSource& source, DataSource* validation, const FitArgs& args);
  FitRun& need_fit(const char* who) const;
  std::vector<Variable> metric_variables() const;
  void resume_epoch(const Checkpoint& checkpoint);
  void set_state(const Checkpoint& checkpoint) const;
  EvaluateResult in_keras_order(callbacks::Logs&& logs) const;

  BaseLayer& layer_;
  Names names_;
  std::unique_ptr<Compiled> compiled_;
  std::unique_ptr<Programs> programs_;
  std::unique_ptr<DefaultSteps> default_steps_;
  StepFunctions* functions_;
  FitRun* fit_run_ = nullptr;  // while `fit` runs
  std::atomic<bool> stop_training_{false};
};

}  // namespace nyala

#pragma GCC visibility pop
