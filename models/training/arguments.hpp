#pragma once
/// The options of compile, fit, evaluate and predict, in Keras's order.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/models/callbacks/callback.hpp>
#include <nyala/models/losses.hpp>
#include <nyala/models/metrics.hpp>
#include <nyala/models/optimizers.hpp>
#include <nyala/models/training/data.hpp>
#include <nyala/models/training/per_output.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// Accepted as in Keras: true, false or "auto". Nyala compiles its steps either way.
class JitCompile {
 public:
  JitCompile(bool on) : on_(on) {}
  /// Throws ValueError for anything but "auto".
  JitCompile(const char* text);
  bool on() const { return on_; }

 private:
  bool on_ = false;
};

struct CompileArgs {
  optimizers::Optimizer optimizer = "rmsprop";
  /// One for all outputs, one for each in a list, or a dict by output name.
  PerOutput<losses::Loss> loss = {};
  /// Factors of the losses, in the same form.
  PerOutput<double> loss_weights = {};
  /// A list for the one output, a list of lists, or a dict by output name.
  PerOutput<metrics::Metric> metrics = {};
  /// Metrics that count samples by their weights.
  PerOutput<metrics::Metric> weighted_metrics = {};
  /// Runs each step op by op rather than as a compiled program: slower, easier to follow.
  bool run_eagerly = false;
  /// How many steps run between calls of callbacks.
  int steps_per_execution = 1;
  JitCompile jit_compile = "auto";
  bool auto_scale_loss = true;
};

/// Data to validate with: `{x, y}` or `{x, y, sample_weight}`.
struct ValidationData {
  Data x = {};
  Data y = {};
  Data sample_weight = {};
  std::shared_ptr<DataSource> source = {};  ///< in place of the arrays
};

struct FitArgs {
  /// 32 when not given.
  std::optional<std::int64_t> batch_size = {};
  int epochs = 1;
  callbacks::Verbose verbose = "auto";
  std::vector<callbacks::CallbackRef> callbacks = {};
  /// The share of the samples, the last ones, that is kept for validation.
  double validation_split = 0;
  ValidationData validation_data = {};
  bool shuffle = true;
  /// Weight of each class number; 1 for those that are not named.
  std::map<int, double> class_weight = {};
  Data sample_weight = {};
  int initial_epoch = 0;
  std::optional<std::int64_t> steps_per_epoch = {};
  std::optional<std::int64_t> validation_steps = {};
  std::optional<std::int64_t> validation_batch_size = {};
  /// Validates every so many epochs, or in the epochs that are named (counted from 1).
  callbacks::Frequency validation_freq = 1;
};

struct EvaluateArgs {
  std::optional<std::int64_t> batch_size = {};
  callbacks::Verbose verbose = "auto";
  Data sample_weight = {};
  std::optional<std::int64_t> steps = {};
  std::vector<callbacks::CallbackRef> callbacks = {};
};

struct PredictArgs {
  std::optional<std::int64_t> batch_size = {};
  callbacks::Verbose verbose = "auto";
  std::optional<std::int64_t> steps = {};
  std::vector<callbacks::CallbackRef> callbacks = {};
};

struct TrainOnBatchArgs {
  Data sample_weight = {};
  std::map<int, double> class_weight = {};
};

struct TestOnBatchArgs {
  Data sample_weight = {};
};

/// What `evaluate` gives: numbers by name, in Keras's order. As a number it is the loss.
class EvaluateResult {
 public:
  EvaluateResult() = default;
  explicit EvaluateResult(callbacks::Logs&& values) : values_(std::move(values)) {}

  /// Throws IndexError, with the names there are, for another one.
  double operator[](const std::string& name) const { return values_.at(name); }
  double operator[](const char* name) const { return values_.at(name); }
  double loss() const { return values_.at("loss"); }
  operator double() const { return loss(); }
  bool contains(const std::string& name) const { return values_.contains(name); }
  std::size_t size() const { return values_.size(); }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }

 private:
  callbacks::Logs values_;
};

}  // namespace nyala

#pragma GCC visibility pop
