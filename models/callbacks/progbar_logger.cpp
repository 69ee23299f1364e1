#include <nyala/models/callbacks/progbar_logger.hpp>

#include <unistd.h>

#include <chrono>

namespace nyala::callbacks {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void print_some(const std::string& text) {
  if (!text.empty()) detail::print(text);
}

}  // namespace

void ProgbarLogger::set_params(const Params& params) {
  Callback::set_params(params);
  state_->target = params.steps;
  state_->in_fit = false;
}

void ProgbarLogger::start() {
  state_->seen = 0;
  ProgbarArgs args;
  args.target = state_->target;
  args.verbose = params().verbose;
  args.dynamic = isatty(STDOUT_FILENO) == 1;
  state_->bar.emplace(args, now());
}

bool ProgbarLogger::wants_batch_logs() {
  return params().verbose == 1 && state_->bar && isatty(STDOUT_FILENO) == 1 &&
         state_->bar->is_due(now());
}

void ProgbarLogger::update(std::int64_t batch, const Logs& logs) {
  state_->seen = batch + 1;
  if (params().verbose == 1 && state_->bar)
    print_some(state_->bar->update(state_->seen, logs, now(), false));
}

void ProgbarLogger::finish(const Logs& logs) {
  if (!state_->bar) return;
  if (!state_->target) {
    state_->target = state_->seen;
    state_->bar->set_target(state_->seen);
  }
  print_some(state_->bar->update(*state_->target, logs, now(), true));
  state_->bar.reset();
}

void ProgbarLogger::on_train_begin() { state_->in_fit = true; }
void ProgbarLogger::on_epoch_begin(int epoch) {
  start();
  if (params().verbose != 0 && params().epochs > 1) {
    detail::print("Epoch " + std::to_string(epoch + 1) + "/" + std::to_string(params().epochs) +
                  "\n");
  }
}
void ProgbarLogger::on_epoch_end(int, Logs& logs) { finish(logs); }
void ProgbarLogger::on_train_batch_end(std::int64_t batch, const Logs& logs) {
  update(batch, logs);
}
void ProgbarLogger::on_test_begin() {
  if (!state_->in_fit) start();
}
void ProgbarLogger::on_test_end(const Logs& logs) {
  if (!state_->in_fit) finish(logs);
}
void ProgbarLogger::on_test_batch_end(std::int64_t batch, const Logs& logs) {
  if (!state_->in_fit) update(batch, logs);
}
void ProgbarLogger::on_predict_begin() { start(); }
void ProgbarLogger::on_predict_end() { finish({}); }
void ProgbarLogger::on_predict_batch_end(std::int64_t batch) { update(batch, {}); }

}  // namespace nyala::callbacks
