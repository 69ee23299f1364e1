#pragma once
/// What the commands show while they work.
#include <nyala/models/callbacks.hpp>

namespace nyala::cli {

/// 1 (Keras's progress bar) on a terminal, else 0.
int progress_level();

/// Prints one line at the end of each epoch; nothing where the progress bar is shown.
class EpochLines : public callbacks::Callback {
 public:
  void on_epoch_end(int epoch, callbacks::Logs& logs) override;
  bool wants_batch_logs() override { return false; }
};

/// The history of all epochs, those of the runs before this one too where these were broken off.
class WholeHistory : public History {
 public:
  callbacks::CallbackState get_state() const override;
  void set_state(const callbacks::CallbackState& state) override;
};

/// "loss: 0.1234", as Keras's progress bar has it.
std::string shown(const std::string& name, double value);

}  // namespace nyala::cli
