#include <nyala/models/training/epoch_iterator.hpp>

#include <nyala/core/error.hpp>
#include <nyala/core/log.hpp>

namespace nyala {

EpochIterator::EpochIterator(DataSource& source, std::optional<std::int64_t> steps)
    : source_(source), steps_(steps) {
  if (steps && *steps < 1)
    throw ValueError("steps is " + std::to_string(*steps) + ", expected 1 or more");
}

std::optional<std::int64_t> EpochIterator::num_batches() const {
  if (steps_) return steps_;
  return counted_ ? counted_ : source_.num_batches();
}

void EpochIterator::begin_epoch() {
  step_ = 0;
  const std::optional<std::int64_t> all = source_.num_batches();
  if (started_ && steps_ && !(all && seen_ >= *all)) return;
  source_.start();
  started_ = true;
  seen_ = 0;
}

std::optional<Batch> EpochIterator::next() {
  if (steps_ && step_ >= *steps_) return {};
  std::optional<Batch> batch = source_.next();
  if (!batch && step_ == 0 && seen_ > 0) {
    // The last epoch took the last batch.
    source_.start();
    seen_ = 0;
    batch = source_.next();
  }
  if (batch) {
    ++step_;
    ++seen_;
    return batch;
  }
  if (step_ == 0) throw ValueError("the data source gave no batch");
  if (steps_) {
    log_warning(
        "Your input ran out of data; interrupting training. Make sure that your dataset or "
        "generator can generate at least `steps_per_epoch * epochs` batches.");
    started_ = false;
  } else {
    counted_ = step_;
  }
  return {};
}

}  // namespace nyala
