#pragma once
/// How often ModelCheckpoint and BackupAndRestore save.
#include <cstdint>
#include <optional>

#pragma GCC visibility push(default)

namespace nyala::callbacks {

/// "epoch" (at the end of each one), or after every so many batches.
class SaveFrequency {
 public:
  /// Throws ValueError for a number below 1, and for any other text.
  SaveFrequency(int batches);
  SaveFrequency(const char* text);

  bool by_epoch() const { return batches_ == 0; }
  /// Whether enough batches have passed since this last said so; `batch` counts from 0 in its
  /// epoch.
  bool is_due(std::int64_t batch);
  /// Batches seen since then.
  std::int64_t waited() const { return waited_; }
  /// Goes on as one that had seen these.
  void resume(std::int64_t waited, std::int64_t last_batch);
  /// The number of the batch seen last; -1 before the first.
  std::int64_t last_batch() const { return last_batch_; }

 private:
  int batches_ = 0;
  std::int64_t waited_ = 0;
  std::int64_t last_batch_ = -1;
};

}  // namespace nyala::callbacks

#pragma GCC visibility pop
