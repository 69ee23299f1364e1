#pragma once
/// ModelCheckpoint: saves the model, or its weights, while it is trained.
#include <concepts>
#include <optional>
#include <string>

#include <nyala/models/callbacks/monitor.hpp>
#include <nyala/models/callbacks/save_frequency.hpp>

#pragma GCC visibility push(default)

namespace nyala::callbacks {

struct ModelCheckpointArgs {
  /// Where to save: ends in .keras or .h5, with save_weights_only in .weights.h5. Fields as in
  /// Python are filled in from the epoch (from 1), the batch and the logs:
  /// "{epoch:02d}-{val_loss:.2f}.keras".
  std::string filepath;
  std::string monitor = "val_loss";
  /// 1 tells of each file, and of each epoch that is no better.
  int verbose = 0;
  /// Saves only when the monitored number is the best so far.
  bool save_best_only = false;
  bool save_weights_only = false;
  std::string mode = "auto";
  /// "epoch", or a number of batches.
  SaveFrequency save_freq = "epoch";
  /// What the first number has to beat.
  std::optional<double> initial_value_threshold = {};
};

/// Saves at the end of each epoch or every so many batches. Folders that are missing are made; a
/// file that is there is replaced when the new one is complete. Copies share what they have seen.
class ModelCheckpoint : public Callback {
 public:
  /// Throws ValueError for a filepath with another ending.
  ModelCheckpoint(ModelCheckpointArgs args);
  template <std::convertible_to<std::string> Text>
  ModelCheckpoint(const Text& filepath)
      : ModelCheckpoint(ModelCheckpointArgs{.filepath = filepath}) {}

  /// The best number so far.
  std::optional<double> best() const { return state_->best; }

  void on_epoch_begin(int epoch) override;
  /// Both throw IoError when the file cannot be written, and ValueError for fields of filepath that
  /// the logs do not have and for a number that may be better either way.
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override;
  void on_epoch_end(int epoch, Logs& logs) override;
  bool wants_batch_logs() override { return !state_->args.save_freq.by_epoch(); }
  CallbackState get_state() const override;
  void set_state(const CallbackState& state) override;

 private:
  struct State {
    ModelCheckpointArgs args;
    Monitor monitor;
    int epoch = 0;
    std::optional<double> best = {};
  };
  static State start(ModelCheckpointArgs args);
  void save(int epoch, std::optional<std::int64_t> batch, const Logs& logs);
  bool is_wanted(const Logs& logs, const std::string& path);
  void tell(const std::string& text) const;
  SharedState<State> state_;
};

}  // namespace nyala::callbacks

#pragma GCC visibility pop
