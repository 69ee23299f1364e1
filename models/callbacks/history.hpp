#pragma once
/// History: what happened in each epoch.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nyala/models/callbacks/callback.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace callbacks {

/// Keeps the numbers of each epoch; `fit` returns one. Copies share what they keep.
class History : public Callback {
 public:
  /// One number for each epoch. Throws IndexError, with the names there are, for another name.
  const std::vector<double>& operator[](const std::string& name) const;
  bool contains(const std::string& name) const { return state_->values.contains(name); }
  /// In the order in which they came.
  const std::vector<std::string>& names() const { return state_->names; }
  const std::map<std::string, std::vector<double>>& history() const { return state_->values; }
  /// The numbers of the epochs, from 0.
  const std::vector<int>& epoch() const { return state_->epochs; }
  const Params& params() const { return state_->params; }

  void on_train_begin() override;
  void on_epoch_end(int epoch, Logs& logs) override;
  bool wants_batch_logs() override { return false; }
  void set_params(const Params& params) override { state_->params = params; }

 private:
  struct State {
    std::vector<std::string> names;
    std::map<std::string, std::vector<double>> values;
    std::vector<int> epochs;
    Params params;
  };
  SharedState<State> state_;
};

}  // namespace callbacks

using callbacks::History;

}  // namespace nyala

#pragma GCC visibility pop
