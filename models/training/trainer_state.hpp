#pragma once
/// What a Trainer keeps. Not part of the public API.
#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <nyala/autograd/graph/program_cache.hpp>
#include <nyala/models/training/checkpoint.hpp>
#include <nyala/models/training/compiled_loss.hpp>
#include <nyala/models/training/compiled_metrics.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala {

/// What `compile` sets.
struct Trainer::Compiled {
  explicit Compiled(const CompileArgs& given)
      : args(given),
        loss(given.loss, given.loss_weights),
        metrics(given.metrics, given.weighted_metrics),
        loss_tracker("loss") {}

  void resolve(const ModelNames& names, std::size_t num_outputs) {
    loss.resolve(names.outputs, num_outputs, names.outputs_are_dict);
    metrics.resolve(names.outputs, num_outputs);
  }

  CompileArgs args;
  optimizers::Optimizer optimizer_given = args.optimizer;  // without the scaling that compile adds
  CompiledLoss loss;
  CompiledMetrics metrics;
  RunningMean loss_tracker;
  std::vector<Tensor> losses = {};  // of the step that runs, one for each item of `loss`
};

enum class Trainer::StepKind : std::uint8_t { train, test, predict };

/// Which tensors a step is given: beside their specs what a program is traced for.
struct Trainer::StepSignature {
  std::array<std::size_t, 3> sizes{};   // how many inputs, targets and weights
  SmallVector<std::size_t, 2> missing;  // the places of those that are not there

  /// All of it, for a program's key.
  SmallVector<std::uint64_t, 8> numbers() const {
    SmallVector<std::uint64_t, 8> all;
    for (std::size_t size : sizes) all.push_back(size);
    for (std::size_t place : missing) all.push_back(place);
    return all;
  }
  /// What the step is given, from the tensors that are there.
  StepInputs inputs(Inputs<Tensor> tensors) const;
};

/// StepInputs as a program takes them: one tensor after the other without those that are not there.
struct Trainer::FlatInputs {
  StepSignature signature;
  Tensors tensors;

  enum Part : std::size_t { kInputs, kTargets, kWeights };
  /// Adds the next one of a part; the parts come in their order.
  void add(Part part, const Tensor& tensor) {
    if (tensor.defined())
      tensors.push_back(tensor);
    else
      signature.missing.push_back(tensors.size() + signature.missing.size());
    ++signature.sizes[part];
  }
};

/// What steps do that no model overrides.
struct Trainer::DefaultSteps final : StepFunctions {
  explicit DefaultSteps(Trainer& owner) : trainer(owner) {}
  StepLogs train_step(const StepInputs& data) override { return trainer.default_train_step(data); }
  StepLogs test_step(const StepInputs& data) override { return trainer.default_test_step(data); }
  std::vector<Tensor> predict_step(const StepInputs& data) override {
    return trainer.default_predict_step(data);
  }
  Tensor compute_loss(const StepInputs& data, const std::vector<Tensor>& y_pred, bool) override {
    return trainer.default_compute_loss(data, y_pred);
  }
  std::vector<IndexedSlices> process_gradients(std::vector<IndexedSlices> gradients,
                                               const std::vector<Variable>&) override {
    return gradients;
  }
  void build_optimizers(const std::vector<Variable>& trainable) override {
    if (!trainable.empty()) trainer.optimizer().build(trainable);
  }
  void reset_metrics() override {}

  Trainer& trainer;
};

/// What the steps of one kind report beside (or in place of) the loss and the metrics of `compile`.
struct Trainer::StepReport {
  bool is_default = true;          // whether Keras's step was part of it
  std::vector<std::string> names;  // as the step gave them when it was traced
  Tensors values;                  // of the last step
};

/// The traced steps, and what they were traced for. `predict` reads it from several threads.
struct Trainer::Programs {
  std::mutex mutex;                // of what invalidate() drops; never held over other code
  std::recursive_mutex preparing;  // of what is below; the code called may come back
  std::atomic<std::size_t> num_outputs{0};  // 0: not known, the layer may not be built yet
  std::atomic<std::uint64_t> version{0};    // of all structure, when the rest was made
  std::vector<std::uint64_t> layout;        // modules, variables and what is trainable
  ModelNames names;
  graph::ProgramCache cache;  // of all kinds of steps
  std::vector<Variable> trainable;
  std::array<StepReport, 2> reports;     // of training and testing
  StepKind last_step = StepKind::train;  // the last one of these
  std::atomic<bool> optimizer_ready{false};
  // The thread in fit, evaluate or *_on_batch, and whether it changes weights.
  std::atomic<const void*> user{nullptr};
  std::atomic<bool> is_training{false};

  StepReport& report(StepKind kind) { return reports.at(static_cast<std::size_t>(kind)); }
};

/// What one call of `fit` knows, for the checkpoints that its callbacks make.
struct Trainer::FitRun {
  EpochIterator& batches;
  callbacks::CallbackList& callbacks;
  int epoch;              // the one that runs, or the next one behind its last step
  bool in_epoch = false;  // between its first step and its end
  bool begun = false;     // whether on_train_begin is over
  std::optional<Checkpoint> resumed = {};
};

/// Keeps a trainer to the thread that trains or evaluates; the same thread may come again.
class Trainer::Use {
 public:
  enum Kind : bool { kEvaluate, kTrain };
  /// Throws StateError when another thread uses it.
  Use(const Trainer& trainer, Kind kind, const char* who);
  ~Use();
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  Programs& programs_;
  bool is_outer_;
  bool trained_before_;
};

}  // namespace nyala
