#include <nyala/models/callbacks/small.hpp>

#include <cmath>

#include <nyala/models/callbacks/text.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala::callbacks {

void LambdaCallback::on_epoch_begin(int epoch) {
  if (args_.on_epoch_begin) args_.on_epoch_begin(epoch);
}
void LambdaCallback::on_epoch_end(int epoch, Logs& logs) {
  if (args_.on_epoch_end) args_.on_epoch_end(epoch, logs);
}
void LambdaCallback::on_train_begin() {
  if (args_.on_train_begin) args_.on_train_begin();
}
void LambdaCallback::on_train_end(const Logs& logs) {
  if (args_.on_train_end) args_.on_train_end(logs);
}
void LambdaCallback::on_train_batch_begin(std::int64_t batch) {
  if (args_.on_train_batch_begin) args_.on_train_batch_begin(batch);
}
void LambdaCallback::on_train_batch_end(std::int64_t batch, const Logs& logs) {
  if (args_.on_train_batch_end) args_.on_train_batch_end(batch, logs);
}

void LearningRateScheduler::on_epoch_begin(int epoch) {
  const optimizers::Optimizer& optimizer = model().optimizer();
  const double rate = args_.schedule(epoch, optimizer->learning_rate().item<double>());
  if (!std::isfinite(rate)) {
    throw ValueError("The output of the `schedule` function should be a float. Got: " +
                     detail::python_repr(rate));
  }
  optimizer->set_learning_rate(rate);
  if (args_.verbose > 0) {
    detail::print("\nEpoch " + std::to_string(epoch + 1) +
                  ": LearningRateScheduler setting learning rate to " + detail::python_repr(rate) +
                  ".\n");
  }
}

void LearningRateScheduler::on_epoch_end(int, Logs& logs) {
  logs["learning_rate"] = model().optimizer()->learning_rate().item<double>();
}

void TerminateOnNaN::on_train_batch_end(std::int64_t batch, const Logs& logs) {
  const double* loss = logs.find("loss");
  if (loss == nullptr || std::isfinite(*loss)) return;
  if (args_.raise_error) {
    throw Error("NaN or Inf loss encountered at batch " + std::to_string(batch) + ". Loss value: " +
                detail::python_repr(*loss) + ". Terminating training immediately.");
  }
  detail::print("Batch " + std::to_string(batch) + ": Invalid loss, terminating training\n");
  model().set_stop_training(true);
}

}  // namespace nyala::callbacks
