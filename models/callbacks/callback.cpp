#include <nyala/models/callbacks/callback.hpp>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include <nyala/core/error.hpp>
#include <nyala/core/text.hpp>

namespace nyala::callbacks {

double& Logs::operator[](std::string name) {
  for (Entry& entry : entries_) {
    if (entry.first == name) return entry.second;
  }
  entries_.push_back({std::move(name), 0.0});
  return entries_.back().second;
}

const double* Logs::find(const std::string& name) const {
  for (const Entry& entry : entries_) {
    if (entry.first == name) return &entry.second;
  }
  return nullptr;
}

double Logs::at(const std::string& name) const {
  if (const double* value = find(name)) return *value;
  throw IndexError("there is no \"" + name + "\"; there are: " + joined_names(*this));
}

std::vector<std::string> Logs::names() const {
  std::vector<std::string> all;
  for (const Entry& entry : entries_) all.push_back(entry.first);
  return all;
}

void Logs::sort() {
  if (entries_.size() < 2) return;  // stable_sort asks for memory even then
  std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return a.first < b.first;
  });
}

std::string joined_names(const Logs& logs) {
  std::string text;
  for (const auto& entry : logs) text += (text.empty() ? "" : ",") + entry.first;
  return text;
}

Verbose::Verbose(int level) : level_(level) {
  if (level < 0 || level > 2)
    throw ValueError("verbose is " + std::to_string(level) + ", expected 0, 1, 2 or \"auto\"");
}

Verbose::Verbose(const char* text) {
  if (nyala::detail::text_of(text) != "auto")
    throw ValueError("verbose is \"" + std::string(text) + "\", expected 0, 1, 2 or \"auto\"");
}

int Verbose::level() const {
  if (level_ >= 0) return level_;
  return isatty(STDOUT_FILENO) == 1 ? 1 : 2;
}

bool Frequency::includes(int epoch) const {
  if (!epochs_.empty())
    return std::find(epochs_.begin(), epochs_.end(), epoch + 1) != epochs_.end();
  if (every_ < 1)
    throw ValueError("validation_freq is " + std::to_string(every_) + ", expected 1 or more");
  return (epoch + 1) % every_ == 0;
}

Trainer& Callback::model() const {
  if (model_ == nullptr)
    throw StateError("a callback has a model only during fit, evaluate and predict");
  return *model_;
}

CallbackList::CallbackList(std::vector<CallbackRef> callbacks, Trainer& model, const Params& params)
    : callbacks_(std::move(callbacks)) {
  for (const CallbackRef& callback : callbacks_) {
    if (callback.get() == nullptr) throw ValueError("callbacks: one of them is a null pointer");
  }
  std::stable_partition(callbacks_.begin(), callbacks_.end(), [](const CallbackRef& callback) {
    return !callback->runs_last();
  });
  for (const CallbackRef& callback : callbacks_) {
    callback->set_model(&model);
    callback->set_params(params);
  }
}

CallbackList::~CallbackList() {
  for (const CallbackRef& callback : callbacks_) callback->set_model(nullptr);
}

bool CallbackList::want_batch_logs() const {
  bool wanted = false;
  for (const CallbackRef& callback : callbacks_) wanted = callback->wants_batch_logs() || wanted;
  return wanted;
}

std::vector<std::pair<std::size_t, CallbackState>> CallbackList::states() const {
  std::vector<std::pair<std::size_t, CallbackState>> states;
  for (std::size_t i = 0; i < callbacks_.size(); ++i) {
    if (CallbackState state = callbacks_[i]->get_state(); !state.empty())
      states.emplace_back(i, std::move(state));
  }
  return states;
}

void CallbackList::set_states(const std::vector<std::pair<std::size_t, CallbackState>>& states) {
  for (const auto& [number, state] : states) {
    if (number >= callbacks_.size()) {
      throw ValueError("there is a state of callback " + std::to_string(number) + ", but only " +
                       std::to_string(callbacks_.size()) + " callbacks");
    }
    callbacks_[number]->set_state(state);
  }
}

namespace detail {
void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

std::vector<double> numbers_of(const CallbackState& state, std::size_t least, std::size_t most) {
  const Tensor numbers = state.tensors.empty() ? Tensor() : state.tensors[0];
  const bool fits = numbers.defined() && numbers.dtype() == DType::float64 && numbers.rank() == 1 &&
                    static_cast<std::size_t>(numbers.size()) >= least &&
                    static_cast<std::size_t>(numbers.size()) <= most;
  if (!fits) throw ValueError("the state of a callback is not one of its kind");
  return numbers.to_vector<double>();
}

int whole(double number) {
  if (number >= std::numeric_limits<int>::min() && number <= std::numeric_limits<int>::max() &&
      number == std::trunc(number))
    return static_cast<int>(number);
  throw ValueError("the state of a callback counts " + std::to_string(number) +
                   ", expected a whole number");
}
}  // namespace detail

}  // namespace nyala::callbacks
