#pragma once
/// Callbacks that watch one number of the epoch: EarlyStopping and ReduceLROnPlateau.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nyala/core/tensor.hpp>
#include <nyala/models/callbacks/callback.hpp>

#pragma GCC visibility push(default)

namespace nyala::callbacks {

/// Which of two numbers is better. `mode` is "min", "max" or "auto": then losses are to fall, and a
/// metric says itself whether more is better.
class Monitor {
 public:
  Monitor(std::string who, std::string name, std::string mode, double min_delta);

  const std::string& name() const { return name_; }
  /// Finds out which way the number should go. Throws ValueError when the mode is "auto" and it is
  /// neither the loss nor made by a metric of the model.
  void settle(const Trainer& model);
  /// Whether `value` is better than `reference` (or there is none) by more than min_delta. Throws
  /// what `settle` does.
  bool is_better(double value, std::optional<double> reference, const Trainer& model);

 private:
  bool find_direction(const Trainer& model) const;

  std::string who_;
  std::string name_;
  std::string mode_;
  double min_delta_;
  std::optional<bool> more_is_better_;
};

struct EarlyStoppingArgs {
  std::string monitor = "val_loss";
  /// What counts as an improvement is more than this.
  double min_delta = 0;
  /// Epochs without improvement after which training stops.
  int patience = 0;
  /// 1 tells when it stops, and what it restores.
  int verbose = 0;
  std::string mode = "auto";
  /// Patience runs out unless this is beaten too.
  std::optional<double> baseline = {};
  /// At the end of training, whether or not it stopped early, puts back the weights of the best
  /// epoch.
  bool restore_best_weights = false;
  /// Epochs before this one are not looked at.
  int start_from_epoch = 0;
};

/// Stops training when a number no longer improves. Throws ValueError as Monitor does. Copies share
/// what they have seen.
class EarlyStopping : public Callback {
 public:
  EarlyStopping(EarlyStoppingArgs args = {});

  /// The epoch (from 0) after which it stopped training, 0 when it did not.
  int stopped_epoch() const { return state_->stopped_epoch; }
  int best_epoch() const { return state_->best_epoch; }
  std::optional<double> best() const { return state_->best; }

  void on_train_begin() override;
  void on_epoch_end(int epoch, Logs& logs) override;
  void on_train_end(const Logs& logs) override;
  bool wants_batch_logs() override { return false; }
  CallbackState get_state() const override;
  void set_state(const CallbackState& state) override;

 private:
  struct State {
    EarlyStoppingArgs args;
    Monitor monitor;
    int wait = 0;
    int stopped_epoch = 0;
    int best_epoch = 0;
    std::optional<double> best = {};
    std::vector<Tensor> best_weights = {};
  };
  static State start(EarlyStoppingArgs args);
  SharedState<State> state_;
};

struct ReduceLROnPlateauArgs {
  std::string monitor = "val_loss";
  /// What the learning rate is multiplied with: below 1.
  double factor = 0.1;
  /// Epochs without improvement after which it is reduced.
  int patience = 10;
  /// 1 tells of each change.
  int verbose = 0;
  std::string mode = "auto";
  double min_delta = 1e-4;
  /// Epochs after a change in which nothing is counted.
  int cooldown = 0;
  double min_lr = 0;
};

/// Reduces the learning rate when a number no longer improves. Adds "learning_rate" to the logs.
class ReduceLROnPlateau : public Callback {
 public:
  /// Throws ValueError for a factor of 1 or more.
  ReduceLROnPlateau(ReduceLROnPlateauArgs args = {});

  void on_train_begin() override;
  void on_epoch_end(int epoch, Logs& logs) override;
  bool wants_batch_logs() override { return false; }
  CallbackState get_state() const override;
  void set_state(const CallbackState& state) override;

 private:
  struct State {
    ReduceLROnPlateauArgs args;
    Monitor monitor;
    int wait = 0;
    int cooldown = 0;
    std::optional<double> best = {};
  };
  static State start(ReduceLROnPlateauArgs args);
  bool reduce(int epoch);
  SharedState<State> state_;
};

}  // namespace nyala::callbacks

#pragma GCC visibility pop
