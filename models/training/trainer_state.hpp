#pragma once
/// What a Trainer keeps. Not part of the public API.
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <nyala/autograd/function.hpp>
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

/// The traced steps, and what they were traced for. `predict` reads it from several threads.
struct Trainer::Programs {
  /// The programs of one kind of step, for inputs that are there in one way.
  struct Cache {
    std::string key;
    std::shared_ptr<graph::ProgramCache> programs;
  };

  std::mutex mutex;
  std::size_t num_outputs = 0;        // 0: not known yet
  std::uint64_t version = 0;          // of all structure, when the rest was made
  std::vector<std::uint64_t> layout;  // modules, variables and what is trainable
  ModelNames names;
  std::vector<Cache> caches;
  std::vector<Variable> trainable;
  bool optimizer_ready = false;
};

/// The tensors of one step, in the order of the model's inputs and outputs.
struct Trainer::Feed {
  Tensors x;
  Tensors y;
  Tensors sample_weight;

  /// Those that are there, one after the other.
  Tensors flat() const;
  /// The same with other tensors in their places.
  Feed with(const std::vector<Tensor>& tensors) const;
  /// Which step it is for and which tensors are there: what `flat` does not tell.
  std::string key(int step) const;
};

}  // namespace nyala
