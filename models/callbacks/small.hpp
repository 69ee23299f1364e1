#pragma once
/// LambdaCallback, LearningRateScheduler and TerminateOnNaN.
#include <concepts>
#include <functional>
#include <string>

#include <nyala/core/error.hpp>
#include <nyala/models/callbacks/callback.hpp>

#pragma GCC visibility push(default)

namespace nyala::callbacks {

/// What LambdaCallback calls; those not given are not called.
struct LambdaCallbackArgs {
  std::function<void(int epoch)> on_epoch_begin = {};
  std::function<void(int epoch, Logs& logs)> on_epoch_end = {};
  std::function<void()> on_train_begin = {};
  std::function<void(const Logs& logs)> on_train_end = {};
  std::function<void(std::int64_t batch)> on_train_batch_begin = {};
  std::function<void(std::int64_t batch, const Logs& logs)> on_train_batch_end = {};
};

/// A callback of functions.
class LambdaCallback : public Callback {
 public:
  explicit LambdaCallback(LambdaCallbackArgs args) : args_(std::move(args)) {}

  void on_epoch_begin(int epoch) override;
  void on_epoch_end(int epoch, Logs& logs) override;
  void on_train_begin() override;
  void on_train_end(const Logs& logs) override;
  void on_train_batch_begin(std::int64_t batch) override;
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override;
  bool wants_batch_logs() override { return static_cast<bool>(args_.on_train_batch_end); }

 private:
  LambdaCallbackArgs args_;
};

/// The learning rate of an epoch (from 0), from the present one or from the epoch alone. Throws
/// ValueError for an empty function.
class Schedule {
 public:
  template <class F>
  requires std::is_invocable_r_v<double, const F&, int, double> Schedule(F function)
      : function_(checked(std::move(function))) {}
  template <class F>
  requires(std::is_invocable_r_v<double, const F&, int> &&
           !std::is_invocable_v<const F&, int, double> && !std::same_as<F, Schedule>)  //
      Schedule(F function)
      : function_([f = checked(std::move(function))](int epoch, double) { return f(epoch); }) {}

  double operator()(int epoch, double rate) const { return function_(epoch, rate); }

 private:
  template <class F>
  static F checked(F function) {
    if constexpr (requires { function == nullptr; }) {
      if (function == nullptr)
        throw ValueError("LearningRateScheduler: received an empty function as schedule");
    }
    return function;
  }

  std::function<double(int, double)> function_;
};

struct LearningRateSchedulerArgs {
  Schedule schedule;
  /// 1 tells of each epoch's rate.
  int verbose = 0;
};

/// Sets the learning rate at the beginning of each epoch. Adds "learning_rate" to the logs.
class LearningRateScheduler : public Callback {
 public:
  LearningRateScheduler(LearningRateSchedulerArgs args) : args_(std::move(args)) {}
  LearningRateScheduler(Schedule schedule, int verbose = 0) : args_{std::move(schedule), verbose} {}

  /// Throws ValueError when the schedule gives no number.
  void on_epoch_begin(int epoch) override;
  void on_epoch_end(int epoch, Logs& logs) override;
  bool wants_batch_logs() override { return false; }

 private:
  LearningRateSchedulerArgs args_;
};

struct TerminateOnNaNArgs {
  /// Throws an Error rather than to end training.
  bool raise_error = false;
};

/// Ends training when the loss is not a number, or infinite.
class TerminateOnNaN : public Callback {
 public:
  TerminateOnNaN(TerminateOnNaNArgs args = {}) : args_(args) {}
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override;

 private:
  TerminateOnNaNArgs args_;
};

}  // namespace nyala::callbacks

#pragma GCC visibility pop
