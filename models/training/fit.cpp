// The loops of fit and evaluate.
#include <algorithm>

#include <nyala/autograd/tape.hpp>
#include <nyala/models/callbacks/progbar_logger.hpp>
#include <nyala/models/training/epoch_iterator.hpp>
#include <nyala/models/training/trainer_state.hpp>

namespace nyala {
namespace {

using callbacks::Callback;
using callbacks::CallbackList;
using callbacks::CallbackRef;
using callbacks::Logs;

void check(const FitArgs& args) {
  const auto refuse = [](const std::string& what, const std::string& wanted) {
    throw ValueError("fit: " + what + ", expected " + wanted);
  };
  if (args.epochs < 0) refuse("epochs is " + std::to_string(args.epochs), "0 or more");
  if (args.initial_epoch < 0)
    refuse("initial_epoch is " + std::to_string(args.initial_epoch), "0 or more");
  if (!(args.validation_split >= 0 && args.validation_split < 1)) {
    refuse("validation_split is " + Config(args.validation_split).str(),
           "a number from 0 to below 1");
  }
  args.validation_freq.includes(0);
}

std::vector<CallbackRef> with_progbar(std::vector<CallbackRef> all, int verbose) {
  for (const CallbackRef& callback : all) {
    if (dynamic_cast<const callbacks::ProgbarLogger*>(callback.get()) != nullptr) return all;
  }
  if (verbose != 0) all.emplace_back(callbacks::ProgbarLogger());
  return all;
}

History history_of(const std::vector<CallbackRef>& all) {
  for (const CallbackRef& callback : all) {
    if (const auto* history = dynamic_cast<const History*>(callback.get())) return *history;
  }
  return {};
}

// Sets the pointer to the run of `fit` while it lives.
template <class Run>
class RunGuard {
 public:
  RunGuard(Run*& place, Run* run) : place_(place), outer_(std::exchange(place, run)) {}
  ~RunGuard() { place_ = outer_; }
  RunGuard(const RunGuard&) = delete;
  RunGuard& operator=(const RunGuard&) = delete;

 private:
  Run*& place_;
  Run* outer_;
};

// Calls `step(number of the first, batches)` for each execution, until it returns false.
template <class Step>
void run_epoch(EpochIterator& batches, int steps_per_execution, const Step& step) {
  batches.begin_epoch();
  for (bool more = true; more;) {
    const std::int64_t first = batches.step();
    std::vector<Batch> group;
    while (more && static_cast<int>(group.size()) < steps_per_execution) {
      if (std::optional<Batch> batch = batches.next())
        group.push_back(std::move(*batch));
      else
        more = false;
    }
    if (!group.empty() && !step(first, group)) return;
  }
}

}  // namespace

History Trainer::fit(const Data& x, const Data& y, const FitArgs& args) {
  need_compiled("fit");
  check(args);
  Batch training{x, y, args.sample_weight};
  Batch validation{
      args.validation_data.x, args.validation_data.y, args.validation_data.sample_weight};
  if (args.validation_split > 0 && validation.x.empty() && args.validation_data.source == nullptr)
    validation = detail::split_validation(training, args.validation_split);
  detail::add_class_weight(training, args.class_weight);
  const std::int64_t samples = detail::count_samples(training);
  ArraySource source(
      training,
      {.batch_size = detail::choose_batch_size(args.batch_size, args.steps_per_epoch, samples),
       .shuffle = args.shuffle});
  if (validation.x.empty()) return fit_source(source, args.validation_data.source.get(), args);
  const auto size = args.validation_batch_size ? args.validation_batch_size : args.batch_size;
  const std::int64_t held_out = detail::count_samples(validation);
  ArraySource test(
      validation, {.batch_size = detail::choose_batch_size(size, args.validation_steps, held_out)});
  return fit_source(source, &test, args);
}

History Trainer::fit(DataSource& source, const FitArgs& args) {
  need_compiled("fit");
  check(args);
  if (args.validation_data.x.empty())
    return fit_source(source, args.validation_data.source.get(), args);
  const ValidationData& data = args.validation_data;
  const auto size = args.validation_batch_size ? args.validation_batch_size : args.batch_size;
  ArraySource test({data.x, data.y, data.sample_weight}, {.batch_size = size.value_or(32)});
  return fit_source(source, &test, args);
}

History Trainer::fit_source(DataSource& source, DataSource* validation, const FitArgs& args) {
  const Use use(*this, Use::kTrain, "fit");
  const GradientTape::Pause pause;
  EpochIterator batches(source, args.steps_per_epoch);
  const int verbose = args.verbose.level();
  History history = history_of(args.callbacks);
  std::vector<CallbackRef> all = args.callbacks;
  if (std::none_of(all.begin(), all.end(), [](const CallbackRef& callback) {
        return dynamic_cast<const History*>(callback.get()) != nullptr;
      })) {
    all.emplace_back(history);
  }
  CallbackList list(with_progbar(std::move(all), verbose),
                    *this,
                    {.verbose = verbose, .epochs = args.epochs, .steps = batches.num_batches()});
  const int steps_per_execution = compiled_->args.steps_per_execution;

  stop_training_ = false;
  FitRun run{batches, list, args.initial_epoch};
  const RunGuard<FitRun> guard(fit_run_, &run);
  list.call(&Callback::on_train_begin);
  run.begun = true;
  Logs logs;
  for (int epoch = run.epoch; epoch < args.epochs && !stop_training_; ++epoch) {
    run.epoch = epoch;
    reset_metrics();
    list.call(&Callback::on_epoch_begin, epoch);
    if (run.resumed) resume_epoch(*run.resumed);
    run.resumed.reset();
    run.in_epoch = true;
    bool prepared = false;
    run_epoch(batches, steps_per_execution, [&](std::int64_t first, std::vector<Batch>& group) {
      if (!std::exchange(prepared, true)) prepare(group[0], true);
      list.call(&Callback::on_train_batch_begin, first);
      for (const Batch& batch : group) train_batch(batch);
      const std::int64_t last = first + static_cast<std::int64_t>(group.size()) - 1;
      list.call(
          &Callback::on_train_batch_end, last, list.want_batch_logs() ? metric_results() : Logs());
      return !stop_training_;
    });
    logs = metric_results();
    if (validation != nullptr && args.validation_freq.includes(epoch)) {
      for (const auto& [name, value] : evaluate_epoch(*validation, args.validation_steps, list))
        logs["val_" + name] = value;
    }
    logs.sort();
    run.in_epoch = false;
    run.epoch = epoch + 1;
    list.call(&Callback::on_epoch_end, epoch, logs);
  }
  if (args.epochs > 0 && !programs_->trainable.empty())
    compiled_->args.optimizer->finalize_variable_values(programs_->trainable);
  list.call(&Callback::on_train_end, logs);
  return history;
}

Logs Trainer::evaluate_epoch(DataSource& source,
                             std::optional<std::int64_t> steps,
                             CallbackList& list) {
  EpochIterator batches(source, steps);
  list.call(&Callback::on_test_begin);
  reset_metrics();
  bool prepared = false;
  run_epoch(batches,
            compiled_->args.steps_per_execution,
            [&](std::int64_t first, std::vector<Batch>& group) {
              if (!std::exchange(prepared, true)) prepare(group[0], false);
              list.call(&Callback::on_test_batch_begin, first);
              for (const Batch& batch : group) test_batch(batch);
              const std::int64_t last = first + static_cast<std::int64_t>(group.size()) - 1;
              list.call(&Callback::on_test_batch_end,
                        last,
                        list.want_batch_logs() ? metric_results() : Logs());
              return true;
            });
  Logs logs = metric_results();
  list.call(&Callback::on_test_end, logs);
  return logs;
}

EvaluateResult Trainer::evaluate(const Data& x, const Data& y, const EvaluateArgs& args) {
  need_compiled("evaluate");
  const Batch arrays{x, y, args.sample_weight};
  const std::int64_t samples = detail::count_samples(arrays);
  ArraySource source(
      arrays, {.batch_size = detail::choose_batch_size(args.batch_size, args.steps, samples)});
  return evaluate(source, args);
}

EvaluateResult Trainer::evaluate(DataSource& source, const EvaluateArgs& args) {
  need_compiled("evaluate");
  const Use use(*this, Use::kEvaluate, "evaluate");
  const GradientTape::Pause pause;
  const int verbose = args.verbose.level();
  const std::optional<std::int64_t> steps = EpochIterator(source, args.steps).num_batches();
  CallbackList list(
      with_progbar(args.callbacks, verbose), *this, {.verbose = verbose, .steps = steps});
  return in_keras_order(evaluate_epoch(source, args.steps, list));
}

}  // namespace nyala
