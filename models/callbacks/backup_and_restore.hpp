#pragma once
/// BackupAndRestore: training that goes on where it was broken off.
#include <concepts>
#include <string>

#include <nyala/models/callbacks/callback.hpp>
#include <nyala/models/callbacks/save_frequency.hpp>

#pragma GCC visibility push(default)

namespace nyala::callbacks {

struct BackupAndRestoreArgs {
  /// A folder for this run alone; made when missing.
  std::string backup_dir;
  /// "epoch", or a number of batches.
  SaveFrequency save_freq = "epoch";
  /// Keeps the backup before the last one too, which is used when the last one cannot be read.
  bool double_checkpoint = false;
  /// Removes the backups when training has ended.
  bool delete_checkpoint = true;
};

/// Backs up the training as it goes on, and begins from the backup when there is one: a run killed
/// at any moment and started again with the same model, data and arguments ends with the same bits
/// as one that was not. A backup holds the weights, the optimizer, the generators, the states of
/// stateful layers, the metrics of the epoch, the place in the data and what other callbacks have
/// seen. A backup is one file, which takes the place of the one before when all of it is on the
/// disk.
class BackupAndRestore : public Callback {
 public:
  /// Throws ValueError for an empty folder.
  BackupAndRestore(BackupAndRestoreArgs args);
  template <std::convertible_to<std::string> Text>
  BackupAndRestore(const Text& backup_dir)
      : BackupAndRestore(BackupAndRestoreArgs{.backup_dir = backup_dir}) {}

  /// Throws StateError for a model that has no weights yet, ValueError for a backup of another one,
  /// FormatError or IoError for backups that cannot be read.
  void on_train_begin() override;
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override;
  void on_epoch_end(int epoch, Logs& logs) override;
  void on_train_end(const Logs& logs) override;
  bool wants_batch_logs() override { return false; }
  bool runs_last() const override { return true; }

  /// Removes the backups, and the folder when nothing else is in it: for those who keep them until
  /// the results are saved.
  void remove() const;

 private:
  bool restore_from(const std::string& path);
  void save();
  SharedState<BackupAndRestoreArgs> state_;
};

}  // namespace nyala::callbacks

#pragma GCC visibility pop
