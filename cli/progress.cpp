#include "progress.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdio>

#include <nyala/models/callbacks/text.hpp>

namespace nyala::cli {

int progress_level() { return isatty(STDOUT_FILENO) == 1 ? 1 : 0; }

std::string shown(const std::string& name, double value) {
  return name + ": " +
         callbacks::detail::formatted(std::fabs(value) > 1e-3 ? "%.4f" : "%.4e", value);
}

void EpochLines::on_epoch_end(int epoch, callbacks::Logs& logs) {
  if (progress_level() != 0) return;
  std::string line = "Epoch " + std::to_string(epoch + 1) + "/" + std::to_string(params().epochs);
  for (const auto& [name, value] : logs) line += " - " + shown(name, value);
  callbacks::detail::print(line + "\n");
}

callbacks::CallbackState WholeHistory::get_state() const {
  callbacks::CallbackState state{.values = Config::list(), .tensors = {}};
  for (const std::string& name : names()) {
    state.values.push_back(name);
    state.tensors.push_back(Tensor::from((*this)[name]));
  }
  state.tensors.push_back(Tensor::from(std::vector<std::int32_t>(epoch().begin(), epoch().end())));
  return state;
}

void WholeHistory::set_state(const callbacks::CallbackState& state) {
  const auto& names = state.values.as_list();
  if (state.tensors.size() != names.size() + 1)
    throw ValueError("the history in the backup is not whole");
  const std::vector<int> epochs = state.tensors.back().to_vector<std::int32_t>();
  std::vector<std::vector<double>> values;
  for (std::size_t i = 0; i < names.size(); ++i)
    values.push_back(state.tensors[i].to_vector<double>());
  for (std::size_t epoch = 0; epoch < epochs.size(); ++epoch) {
    callbacks::Logs logs;
    for (std::size_t i = 0; i < names.size(); ++i) {
      // A number that came later than others (of a validation now and then) is one of the last.
      const std::size_t missing = epochs.size() - std::min(epochs.size(), values[i].size());
      if (epoch >= missing) logs[names[i].as_string()] = values[i].at(epoch - missing);
    }
    on_epoch_end(epochs[epoch], logs);
  }
}

}  // namespace nyala::cli
