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

  /// Where it stands in the source.
  struct Position {
    std::int64_t step = 0;  ///< batches given in this epoch
    std::int64_t seen = 0;  ///< batches given since the source was last started
    Tensor generator = {};  ///< the program's generator then, which orders the samples
  };
  /// With no step: the epoch is over.
  Position position(std::int64_t step) const;
  /// Goes to a position of an iterator over the same data: starts the source as it was started then
  /// and reads past the batches that were given. Returns the last one of them where the position is
  /// inside of an epoch; the next `begin_epoch` then goes on with that epoch. Leaves the program's
  /// generator as it was. Throws ValueError when the source has fewer batches.
  std::optional<Batch> go_to(const Position& position);

 private:
  void start_source();

  DataSource& source_;
  std::optional<std::int64_t> steps_;
  std::optional<std::int64_t> counted_;
  std::int64_t step_ = 0;
  std::int64_t seen_ = 0;  // since the source was last started
  bool started_ = false;
  bool inside_epoch_ = false;  // by go_to
  Tensor generator_;           // the state of the program's generator when the source was started
};

}  // namespace nyala
