#pragma once
/// EpochIterator: the batches of a source, epoch by epoch.
#include <cstdint>
#include <optional>

#include <nyala/models/training/data.hpp>

namespace nyala {

/// An epoch is `steps` batches when that is given, then going on where the last epoch ended, else
/// all batches of the source. A source that ends too early is warned about and ends the epoch.
class EpochIterator {
 public:
  /// Throws ValueError for steps below 1.
  EpochIterator(DataSource& source, std::optional<std::int64_t> steps);

  /// Batches of one epoch, when known: asked for, told by the source, or counted.
  std::optional<std::int64_t> num_batches() const;
  void begin_epoch();
  /// The next batch of this epoch; nothing at its end.
  std::optional<Batch> next();
  /// Batches given in this epoch.
  std::int64_t step() const { return step_; }

 private:
  DataSource& source_;
  std::optional<std::int64_t> steps_;
  std::optional<std::int64_t> counted_;
  std::int64_t step_ = 0;
  std::int64_t seen_ = 0;  // since the source was last started
  bool started_ = false;
};

}  // namespace nyala
