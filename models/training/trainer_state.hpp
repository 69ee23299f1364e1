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

  void resolve(const std::vector<std::string>& names, std::size_t num_outputs) {
    loss.resolve(names, num_outputs);
    metrics.resolve(names, num_outputs);
  }

  CompileArgs args;
  CompiledLoss loss;
  CompiledMetrics metrics;
  RunningMean loss_tracker;
};

/// Which tensors a step is given.
struct Trainer::FeedShape {
  std::array<std::size_t, 3> sizes{};   // how many inputs, targets and weights
  SmallVector<std::size_t, 2> missing;  // the places of those that are not there

  /// All of it, for a program's key.
  SmallVector<std::uint64_t, 8> numbers() const {
    SmallVector<std::uint64_t, 8> all;
    for (std::size_t size : sizes) all.push_back(size);
    for (std::size_t place : missing) all.push_back(place);
    return all;
  }
};

/// The tensors of one step, in the order of the model's inputs and outputs: as a program takes
/// them, one after the other without those that are not there.
struct Trainer::Feed {
  FeedShape shape;
  Tensors tensors;

  enum Part : std::size_t { kInputs, kTargets, kWeights };
  /// Adds the next one of a part; the parts come in their order.
  void add(Part part, const Tensor& tensor) {
    if (tensor.defined())
      tensors.push_back(tensor);
    else
      shape.missing.push_back(tensors.size() + shape.missing.size());
    ++shape.sizes[part];
  }
};

/// The same part by part: as a step reads them.
struct Trainer::StepData {
  std::vector<Tensor> x;
  std::vector<Tensor> y;
  std::vector<Tensor> sample_weight;

  StepData(const FeedShape& shape, Inputs<Tensor> tensors);
};

/// The traced steps, and what they were traced for. `predict` reads it from several threads.
struct Trainer::Programs {
  std::mutex mutex;
  std::size_t num_outputs = 0;            // 0: not known yet
  std::atomic<std::uint64_t> version{0};  // of all structure, when the rest was made
  std::vector<std::uint64_t> layout;      // modules, variables and what is trainable
  ModelNames names;
  graph::ProgramCache cache;  // of all kinds of steps
  std::vector<Variable> trainable;
  std::atomic<bool> optimizer_ready{false};
};

}  // namespace nyala
