#pragma once
/// What a Trainer keeps. Not part of the public API.
#include <array>
#include <atomic>
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

/// The tensors of one step, in the order of the model's inputs and outputs.
struct Trainer::Feed {
  Tensors x;
  Tensors y;
  Tensors sample_weight;

  std::array<const Tensors*, 3> parts() const { return {&x, &y, &sample_weight}; }
  /// Those that are there, one after the other.
  Tensors flat() const;
  /// The same with other tensors in their places.
  Feed with(const std::vector<Tensor>& tensors) const;
};

/// The traced steps, and what they were traced for. `predict` reads it from several threads.
struct Trainer::Programs {
  /// The programs of one kind of step, for feeds that have the same tensors.
  struct Cache {
    Cache(int kind, const Feed& feed);
    bool fits(int kind, const Feed& feed) const;

    int step;
    std::array<SmallVector<bool, 3>, 3> is_there;  // of each part's tensors
    graph::ProgramCache programs;
    std::unique_ptr<Cache> next;
  };
  /// The one for such feeds, made when it is new; takes no lock when it is not.
  graph::ProgramCache& cache(int step, const Feed& feed);
  void clear_caches();

  std::mutex mutex;
  std::size_t num_outputs = 0;            // 0: not known yet
  std::atomic<std::uint64_t> version{0};  // of all structure, when the rest was made
  std::vector<std::uint64_t> layout;      // modules, variables and what is trainable
  ModelNames names;
  std::unique_ptr<Cache> caches;
  std::atomic<Cache*> first_cache{nullptr};
  std::vector<Variable> trainable;
  std::atomic<bool> optimizer_ready{false};
};

}  // namespace nyala
