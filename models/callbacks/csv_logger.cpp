#include <nyala/models/callbacks/csv_logger.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include <nyala/core/error.hpp>
#include <nyala/models/callbacks/text.hpp>

namespace nyala::callbacks {
namespace {

std::string quoted(const std::string& cell, char separator) {
  const std::string special = std::string("\"\r\n") + separator;
  if (cell.find_first_of(special) == std::string::npos) return cell;
  std::string text = "\"";
  for (const char c : cell) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

bool has_first_line(const std::string& filename) {
  std::ifstream file(filename, std::ios::binary);
  return file && file.peek() != std::ifstream::traits_type::eof();
}

}  // namespace

struct CSVLogger::State {
  CSVLoggerArgs args;
  std::ofstream file;
  std::vector<std::string> names;
  bool header = true;
};

CSVLogger::CSVLogger(CSVLoggerArgs args) {
  if (args.separator.size() != 1) {
    throw ValueError("CSVLogger: separator is \"" + args.separator + "\", expected one character");
  }
  state_->args = std::move(args);
}

void CSVLogger::on_train_begin() {
  State& state = *state_;
  state.header = !(state.args.append && has_first_line(state.args.filename));
  state.names.clear();
  state.file =
      std::ofstream(state.args.filename,
                    std::ios::binary | (state.args.append ? std::ios::app : std::ios::trunc));
  if (!state.file) {
    throw IoError("CSVLogger: cannot write \"" + state.args.filename +
                  "\": " + std::strerror(errno));
  }
}

void CSVLogger::write_row(const std::vector<std::string>& cells) {
  if (!state_->file.is_open()) {
    throw StateError("CSVLogger: on_epoch_end came before on_train_begin, which opens \"" +
                     state_->args.filename + "\"");
  }
  std::string row;
  for (const std::string& cell : cells) {
    if (&cell != &cells.front()) row += state_->args.separator;
    row += quoted(cell, state_->args.separator[0]);
  }
  state_->file << row << "\r\n" << std::flush;
  if (!state_->file) {
    throw IoError("CSVLogger: cannot write \"" + state_->args.filename +
                  "\": " + std::strerror(errno));
  }
}

void CSVLogger::on_epoch_end(int epoch, Logs& logs) {
  State& state = *state_;
  if (state.names.empty()) {
    state.names = logs.names();
    std::sort(state.names.begin(), state.names.end());
    const bool validated =
        std::any_of(state.names.begin(), state.names.end(), [](const std::string& name) {
          return name.rfind("val_", 0) == 0;
        });
    if (!validated) {
      for (std::size_t i = 0, count = state.names.size(); i < count; ++i)
        state.names.push_back("val_" + std::string(state.names[i]));
    }
    std::vector<std::string> header{"epoch"};
    header.insert(header.end(), state.names.begin(), state.names.end());
    if (std::exchange(state.header, false)) write_row(header);
  }
  std::vector<std::string> row{std::to_string(epoch)};
  for (const std::string& name : state.names) {
    const double* value = logs.find(name);
    row.push_back(value == nullptr ? "NA" : detail::python_repr(*value));
  }
  write_row(row);
}

void CSVLogger::on_train_end(const Logs&) { state_->file.close(); }

}  // namespace nyala::callbacks
