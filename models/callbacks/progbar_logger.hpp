#pragma once
/// ProgbarLogger: shows on standard output how far `fit`, `evaluate` and `predict` are.
#include <cstdint>
#include <memory>
#include <optional>

#include <nyala/models/callbacks/callback.hpp>
#include <nyala/models/callbacks/progbar.hpp>

#pragma GCC visibility push(default)

namespace nyala::callbacks {

/// Added by itself where `verbose` is not 0. On a terminal the bar is drawn anew as it grows;
/// elsewhere each epoch ends with one plain line.
class ProgbarLogger : public Callback {
 public:
  void set_params(const Params& params) override;
  bool wants_batch_logs() override;
  void on_train_begin() override;
  void on_epoch_begin(int epoch) override;
  void on_epoch_end(int epoch, Logs& logs) override;
  void on_train_batch_end(std::int64_t batch, const Logs& logs) override;
  void on_test_begin() override;
  void on_test_end(const Logs& logs) override;
  void on_test_batch_end(std::int64_t batch, const Logs& logs) override;
  void on_predict_begin() override;
  void on_predict_end() override;
  void on_predict_batch_end(std::int64_t batch) override;

 private:
  void start();
  void update(std::int64_t batch, const Logs& logs);
  void finish(const Logs& logs);

  struct State {
    std::optional<Progbar> bar;
    std::optional<std::int64_t> target;
    std::int64_t seen = 0;
    bool in_fit = false;
  };
  SharedState<State> state_;
};

}  // namespace nyala::callbacks

#pragma GCC visibility pop
