#pragma once
/// CSVLogger: writes the numbers of each epoch to a file.
#include <concepts>
#include <memory>
#include <string>
#include <vector>

#include <nyala/models/callbacks/callback.hpp>

#pragma GCC visibility push(default)

namespace nyala::callbacks {

struct CSVLoggerArgs {
  std::string filename;
  std::string separator = ",";
  /// Writes on at the end of a file that is there, rather than over it.
  bool append = false;
};

/// One row for each epoch, as Keras writes it: epochs from 0, columns by name, NA for what is
/// missing. Without validation, columns for it are there all the same.
class CSVLogger : public Callback {
 public:
  /// Throws ValueError unless the separator is one character.
  CSVLogger(CSVLoggerArgs args);
  // A template, since g++ 12 takes `{.filename = "a", .separator = ";"}` for a string too.
  template <std::convertible_to<std::string> Text>
  CSVLogger(const Text& filename) : CSVLogger(CSVLoggerArgs{.filename = filename}) {}

  /// Throws IoError when the file cannot be written.
  void on_train_begin() override;
  void on_epoch_end(int epoch, Logs& logs) override;
  void on_train_end(const Logs& logs) override;
  bool wants_batch_logs() override { return false; }

 private:
  struct State;
  void write_row(const std::vector<std::string>& cells);
  SharedState<State> state_;
};

}  // namespace nyala::callbacks

#pragma GCC visibility pop
