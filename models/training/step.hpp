#pragma once
/// What a step of training, testing or prediction works on, and how a model makes one of its own.
#include <string>
#include <utility>
#include <vector>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// One batch as a step reads it: the inputs, targets and sample weights in the order of the model's
/// inputs and outputs. A target that was not given is undefined; without any, `y` is empty.
struct StepInputs {
  std::vector<Tensor> x = {};
  std::vector<Tensor> y = {};
  std::vector<Tensor> sample_weight = {};

  /// The number of samples.
  std::int64_t batch_size() const { return x.at(0).shape()[0]; }
};

/// What a step reports, by name: scalars. The history shows the last ones of an epoch, so they are
/// results of metrics mostly, which `fit` resets at its beginning.
using StepLogs = std::vector<std::pair<std::string, Tensor>>;

/// The parts of a step. A model overrides those that it does in its own way; each is traced once
/// for a signature of a batch and then replayed as a compiled program, so it is made of ops, reads
/// and assigns variables, and makes none.
class StepFunctions {
 public:
  virtual ~StepFunctions() = default;

  /// One step of training: forward, loss, gradients, update, metrics.
  virtual StepLogs train_step(const StepInputs& data) = 0;
  /// The same without gradients and update.
  virtual StepLogs test_step(const StepInputs& data) = 0;
  /// The outputs for a batch.
  virtual std::vector<Tensor> predict_step(const StepInputs& data) = 0;
  /// The scalar that a step minimises, penalties of layers included.
  virtual Tensor compute_loss(const StepInputs& data,
                              const std::vector<Tensor>& y_pred,
                              bool training) = 0;
  /// Stands between the gradients and the update: what it returns is applied. A place to sum them
  /// over several processes, to clip or to log.
  virtual std::vector<IndexedSlices> process_gradients(std::vector<IndexedSlices> gradients,
                                                       const std::vector<Variable>& variables) = 0;
  /// Comes before the first step, once the weights are there: builds the optimizer on
  /// `trainable`. A model that trains with optimizers of its own builds them here.
  virtual void build_optimizers(const std::vector<Variable>& trainable) = 0;
  /// Comes with each reset of the metrics of `compile`: at the beginning of an epoch.
  virtual void reset_metrics() = 0;
  /// The state of the metrics that `reset_metrics` resets, which a resumed epoch goes on with.
  virtual std::vector<Variable> metric_variables() const { return {}; }
};

}  // namespace nyala

#pragma GCC visibility pop
