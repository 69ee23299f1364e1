#include <nyala/models/callbacks/backup_and_restore.hpp>

#include <filesystem>

#include <nyala/core/log.hpp>
#include <nyala/models/training/checkpoint.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala::callbacks {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLatest = "latest.npz";

std::string latest_in(const std::string& folder) { return (fs::path(folder) / kLatest).string(); }
std::string previous_in(const std::string& folder) { return latest_in(folder) + ".bkp"; }

void expect_done(const std::error_code& error, const std::string& path, const char* what) {
  if (error) throw IoError(path + ": " + what + ": " + error.message());
}

// What runs that were killed while they wrote have left.
void remove_unfinished(const std::string& folder) {
  std::error_code error;
  std::vector<fs::path> unfinished;
  const std::string begin = std::string(kLatest) + ".tmp-";
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with(begin)) unfinished.push_back(entry.path());
  }
  for (const fs::path& path : unfinished) fs::remove(path, error);
}

// `from` is there under the name `to` as well.
void keep_as(const std::string& from, const std::string& to) {
  std::error_code error;
  if (!fs::exists(from, error)) return;
  fs::remove(to, error);
  fs::create_hard_link(from, to, error);
  if (error) fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  expect_done(error, to, "could not be written");
}

}  // namespace

BackupAndRestore::BackupAndRestore(BackupAndRestoreArgs args) : state_(std::move(args)) {
  if (state_->backup_dir.empty()) throw ValueError("Empty `backup_dir` argument passed");
}

bool BackupAndRestore::restore_from(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return false;
  const Checkpoint checkpoint = load_checkpoint(path);
  naming(path, [&] { model().resume(checkpoint); });
  return true;
}

void BackupAndRestore::on_train_begin() {
  if (!model().layer().built()) {
    throw StateError(
        "To use the BackupAndRestore callback, you model must be built before you call `fit()`. " +
        model().layer().label() +
        " is unbuilt. You can build it beforehand by calling it on a batch of data.");
  }
  remove_unfinished(state_->backup_dir);
  const std::string previous = previous_in(state_->backup_dir);
  try {
    if (restore_from(latest_in(state_->backup_dir))) return;
  } catch (const Error& error) {
    std::error_code ignored;
    if (dynamic_cast<const ValueError*>(&error) != nullptr || !fs::exists(previous, ignored)) throw;
    log_warning(std::string(error.what()) + "; the backup before it is used");
  }
  if (!restore_from(previous)) return;
  std::error_code error;
  fs::rename(previous, latest_in(state_->backup_dir), error);
  expect_done(error, previous, "could not be renamed");
}

void BackupAndRestore::on_train_batch_end(std::int64_t batch, const Logs&) {
  if (state_->save_freq.is_due(batch)) save();
}

void BackupAndRestore::on_epoch_end(int, Logs&) {
  if (state_->save_freq.by_epoch()) save();
}

void BackupAndRestore::save() {
  const std::string& folder = state_->backup_dir;
  std::error_code error;
  fs::create_directories(folder, error);
  expect_done(error, folder, "could not be made");
  if (state_->double_checkpoint) keep_as(latest_in(folder), previous_in(folder));
  save_checkpoint(latest_in(folder), model().checkpoint());
}

void BackupAndRestore::on_train_end(const Logs&) {
  if (state_->delete_checkpoint) remove();
}

void BackupAndRestore::remove() const {
  std::error_code error;
  for (const std::string& path : {latest_in(state_->backup_dir), previous_in(state_->backup_dir)}) {
    fs::remove(path, error);
    expect_done(error, path, "could not be removed");
  }
  remove_unfinished(state_->backup_dir);
  fs::remove(state_->backup_dir, error);  // when it is empty
}

}  // namespace nyala::callbacks
