#include <nyala/models/callbacks/history.hpp>

#include <nyala/core/error.hpp>

namespace nyala::callbacks {

const std::vector<double>& History::operator[](const std::string& name) const {
  const auto found = state_->values.find(name);
  if (found != state_->values.end()) return found->second;
  std::string known;
  for (const std::string& other : state_->names) known += (known.empty() ? "" : ", ") + other;
  throw IndexError("the history has no \"" + name + "\"; it has: " + known);
}

void History::on_train_begin() { state_->epochs.clear(); }

void History::on_epoch_end(int epoch, Logs& logs) {
  state_->epochs.push_back(epoch);
  for (const auto& [name, value] : logs) {
    if (!contains(name)) state_->names.push_back(name);
    state_->values[name].push_back(value);
  }
}

}  // namespace nyala::callbacks
