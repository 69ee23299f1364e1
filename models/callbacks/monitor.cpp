#include <nyala/models/callbacks/monitor.hpp>

#include <algorithm>
#include <cmath>

#include <nyala/core/log.hpp>
#include <nyala/models/callbacks/text.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala::callbacks {
namespace {

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

Monitor::Monitor(std::string who, std::string name, std::string mode, double min_delta)
    : who_(std::move(who)),
      name_(std::move(name)),
      mode_(std::move(mode)),
      min_delta_(std::abs(min_delta)) {
  if (std::isnan(min_delta)) throw ValueError(who_ + ": min_delta is nan, expected a number");
  if (mode_ == "auto" || mode_ == "min" || mode_ == "max") return;
  log_warning(who_ + " mode '" + mode_ + "' is unknown, fallback to auto mode.");
  mode_ = "auto";
}

bool Monitor::find_direction(const Trainer& model) const {
  if (mode_ != "auto") return mode_ == "max";
  const std::string name = name_.rfind("val_", 0) == 0 ? name_.substr(4) : name_;
  if (name == "loss") return false;
  if (model.metric_results().contains(name)) {
    for (const metrics::Metric& metric : model.metrics()) {
      // With several outputs the name begins with that of the output.
      if (name != metric.name() && !ends_with(name, "_" + metric.name())) continue;
      if (metric.direction() != metrics::Direction::none)
        return metric.direction() == metrics::Direction::up;
    }
    if (ends_with(name, "_loss")) return false;
  }
  throw ValueError(who_ + " callback received monitor=" + name_ +
                   ", but it cannot be determined whether that metric should be maximized or "
                   "minimized. Pass `mode='max'` in order to monitor based on the highest metric "
                   "value, or pass `mode='min'` in order to use the lowest value.");
}

void Monitor::settle(const Trainer& model) {
  if (!more_is_better_) more_is_better_ = find_direction(model);
}

bool Monitor::is_better(double value, std::optional<double> reference, const Trainer& model) {
  settle(model);
  if (!reference) return true;
  // Compared in float32, as the numbers come.
  const auto bar = static_cast<float>(*reference);
  return *more_is_better_ ? static_cast<float>(value - min_delta_) > bar
                          : static_cast<float>(value + min_delta_) < bar;
}

EarlyStopping::State EarlyStopping::start(EarlyStoppingArgs args) {
  Monitor monitor("EarlyStopping", args.monitor, args.mode, args.min_delta);
  if (args.patience < 0)
    throw ValueError("EarlyStopping: patience is " + std::to_string(args.patience) +
                     ", expected 0 or more");
  return {std::move(args), std::move(monitor)};
}

EarlyStopping::EarlyStopping(EarlyStoppingArgs args) : state_(start(std::move(args))) {}

void EarlyStopping::on_train_begin() {
  state_->wait = 0;
  state_->stopped_epoch = 0;
  state_->best_epoch = 0;
  state_->best.reset();
  state_->best_weights.clear();
}

void EarlyStopping::on_epoch_end(int epoch, Logs& logs) {
  State& state = *state_;
  state.monitor.settle(model());
  const double* current = logs.find(state.args.monitor);
  if (current == nullptr) {
    log_warning("Early stopping conditioned on metric `" + state.args.monitor +
                "` which is not available. Available metrics are: " + joined_names(logs));
    return;
  }
  if (epoch < state.args.start_from_epoch) return;
  const auto keep_weights = [&] {
    if (state.args.restore_best_weights) state.best_weights = model().layer().get_weights();
    state.best_epoch = epoch;
  };
  if (state.args.restore_best_weights && state.best_weights.empty()) keep_weights();
  ++state.wait;
  if (state.monitor.is_better(*current, state.best, model())) {
    state.best = *current;
    keep_weights();
    if (!state.args.baseline || state.monitor.is_better(*current, state.args.baseline, model()))
      state.wait = 0;
    return;
  }
  if (state.wait >= state.args.patience && epoch > 0) {
    state.stopped_epoch = epoch;
    model().set_stop_training(true);
  }
}

void EarlyStopping::on_train_end(const Logs&) {
  State& state = *state_;
  if (state.stopped_epoch > 0 && state.args.verbose > 0)
    detail::print("Epoch " + std::to_string(state.stopped_epoch + 1) + ": early stopping\n");
  if (state.best_weights.empty()) return;
  if (state.args.verbose > 0) {
    detail::print("Restoring model weights from the end of the best epoch: " +
                  std::to_string(state.best_epoch + 1) + ".\n");
  }
  model().layer().set_weights(state.best_weights);
}

CallbackState EarlyStopping::get_state() const {
  const State& state = *state_;
  std::vector<double> numbers{static_cast<double>(state.wait),
                              static_cast<double>(state.stopped_epoch),
                              static_cast<double>(state.best_epoch)};
  if (state.best) numbers.push_back(*state.best);
  CallbackState all{.tensors = {Tensor::from(numbers)}};
  all.tensors.insert(all.tensors.end(), state.best_weights.begin(), state.best_weights.end());
  return all;
}

void EarlyStopping::set_state(const CallbackState& state) {
  const std::vector<double> numbers = detail::numbers_of(state, 3, 4);
  state_->wait = detail::whole(numbers[0]);
  state_->stopped_epoch = detail::whole(numbers[1]);
  state_->best_epoch = detail::whole(numbers[2]);
  if (numbers.size() > 3) state_->best = numbers[3];
  state_->best_weights.assign(state.tensors.begin() + 1, state.tensors.end());
}

ReduceLROnPlateau::State ReduceLROnPlateau::start(ReduceLROnPlateauArgs args) {
  Monitor monitor("ReduceLROnPlateau", args.monitor, args.mode, args.min_delta);
  if (!(args.factor < 1)) {
    throw ValueError("ReduceLROnPlateau does not support a factor >= 1.0. Received factor=" +
                     detail::python_repr(args.factor));
  }
  return {std::move(args), std::move(monitor)};
}

ReduceLROnPlateau::ReduceLROnPlateau(ReduceLROnPlateauArgs args) : state_(start(std::move(args))) {}

void ReduceLROnPlateau::on_train_begin() {
  state_->wait = 0;
  state_->cooldown = 0;
  state_->best.reset();
}

CallbackState ReduceLROnPlateau::get_state() const {
  std::vector<double> numbers{static_cast<double>(state_->wait),
                              static_cast<double>(state_->cooldown)};
  if (state_->best) numbers.push_back(*state_->best);
  return {.tensors = {Tensor::from(numbers)}};
}

void ReduceLROnPlateau::set_state(const CallbackState& state) {
  const std::vector<double> numbers = detail::numbers_of(state, 2, 3);
  state_->wait = detail::whole(numbers[0]);
  state_->cooldown = detail::whole(numbers[1]);
  if (numbers.size() > 2) state_->best = numbers[2];
}

bool ReduceLROnPlateau::reduce(int epoch) {
  const optimizers::Optimizer& optimizer = model().optimizer();
  const auto old_rate = optimizer->learning_rate().item<double>();
  if (!(old_rate > static_cast<double>(static_cast<float>(state_->args.min_lr)))) return false;
  const double rate = std::max(old_rate * state_->args.factor, state_->args.min_lr);
  optimizer->set_learning_rate(rate);
  if (state_->args.verbose > 0) {
    detail::print("\nEpoch " + std::to_string(epoch + 1) +
                  ": ReduceLROnPlateau reducing learning rate to " + detail::python_repr(rate) +
                  ".\n");
  }
  return true;
}

void ReduceLROnPlateau::on_epoch_end(int epoch, Logs& logs) {
  State& state = *state_;
  logs["learning_rate"] = model().optimizer()->learning_rate().item<double>();
  state.monitor.settle(model());
  const double* current = logs.find(state.args.monitor);
  if (current == nullptr) {
    log_warning("Learning rate reduction is conditioned on metric `" + state.args.monitor +
                "` which is not available. Available metrics are: " + joined_names(logs) + ".");
    return;
  }
  if (state.cooldown > 0) {
    --state.cooldown;
    state.wait = 0;
  }
  if (state.monitor.is_better(*current, state.best, model())) {
    state.best = *current;
    state.wait = 0;
  } else if (state.cooldown <= 0 && ++state.wait >= state.args.patience && reduce(epoch)) {
    state.cooldown = state.args.cooldown;
    state.wait = 0;
  }
}

}  // namespace nyala::callbacks
