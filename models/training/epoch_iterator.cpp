#include <nyala/models/training/epoch_iterator.hpp>

#include <utility>

#include <nyala/autograd/seed_registry.hpp>
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

void EpochIterator::start_source() {
  generator_ = random::global_seed_generator().peek();
  source_.start();
  started_ = true;
  seen_ = 0;
}

void EpochIterator::begin_epoch() {
  if (std::exchange(inside_epoch_, false)) return;
  step_ = 0;
  const std::optional<std::int64_t> all = source_.num_batches();
  if (started_ && steps_ && !(all && seen_ >= *all)) return;
  start_source();
}

EpochIterator::Position EpochIterator::position(std::int64_t step) const {
  return {step, seen_, started_ ? generator_ : random::global_seed_generator().peek()};
}

std::optional<Batch> EpochIterator::go_to(const Position& position) {
  if (position.step == 0 && !steps_) return {};  // the next epoch starts the source
  const Variable& generator = random::global_seed_generator().state();
  const Tensor now = generator.value();
  generator.assign(position.generator);
  start_source();
  std::optional<Batch> last;
  for (; seen_ < position.seen; ++seen_) {
    last = source_.next();
    if (last) continue;
    throw ValueError("the data has " + std::to_string(seen_) + " batches, training had seen " +
                     std::to_string(position.seen));
  }
  generator.assign(now);
  step_ = position.step;
  inside_epoch_ = step_ > 0;
  return inside_epoch_ ? last : std::nullopt;
}

std::optional<Batch> EpochIterator::next() {
  if (steps_ && step_ >= *steps_) return {};
  std::optional<Batch> batch = source_.next();
  if (!batch && step_ == 0 && seen_ > 0) {
    // The last epoch took the last batch.
    start_source();
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
