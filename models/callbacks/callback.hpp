#pragma once
/// Callback: what `fit`, `evaluate` and `predict` call on their way.
#include <concepts>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/core/config.hpp>
#include <nyala/core/tensor.hpp>
#include <nyala/models/callbacks/logs.hpp>

#pragma GCC visibility push(default)

namespace nyala {

class Trainer;

namespace callbacks {

class CallbackList;

/// 0 (silent), 1 (a progress bar), 2 (a line for each epoch), or "auto": 1 on a terminal, else 2.
class Verbose {
 public:
  /// Throws ValueError for any other number or text.
  Verbose(int level);
  Verbose(const char* text);
  /// 0, 1 or 2.
  int level() const;

 private:
  int level_ = -1;
};

/// Every so many epochs, or a list of epochs (counted from 1).
class Frequency {
 public:
  Frequency(int every) : every_(every) {}
  Frequency(std::initializer_list<int> epochs) : epochs_(epochs) {}
  /// Whether it is time after `epoch` (counted from 0). Throws ValueError for an interval below 1.
  bool includes(int epoch) const;

 private:
  int every_ = 0;
  std::vector<int> epochs_;
};

/// How the call of `fit`, `evaluate` or `predict` was made.
struct Params {
  int verbose = 0;
  int epochs = 1;
  /// Steps of one epoch; nothing when unknown.
  std::optional<std::int64_t> steps = {};
};

/// What a callback has seen, as numbers and tensors. The values hold no NaN and no infinity, which
/// JSON lacks: such numbers go into a tensor.
struct CallbackState {
  Config values = {};
  std::vector<Tensor> tensors = {};

  bool empty() const { return values.is_null() && tensors.empty(); }
};

/// The base of all callbacks. Derive from it, override what is of interest, and give `fit` a
/// std::shared_ptr, a std::ref (it must live until `fit` returns), or the object itself, which is
/// then copied. Numbers added to the logs of an epoch's end are kept in the history, and seen by
/// the callbacks after this one.
class Callback {
 public:
  Callback() = default;
  virtual ~Callback() = default;

  virtual void on_train_begin() {}
  virtual void on_train_end(const Logs&) {}
  virtual void on_epoch_begin(int /*epoch*/) {}
  virtual void on_epoch_end(int /*epoch*/, Logs&) {}
  virtual void on_train_batch_begin(std::int64_t /*batch*/) {}
  virtual void on_train_batch_end(std::int64_t /*batch*/, const Logs&) {}
  virtual void on_test_begin() {}
  virtual void on_test_end(const Logs&) {}
  virtual void on_test_batch_begin(std::int64_t /*batch*/) {}
  virtual void on_test_batch_end(std::int64_t /*batch*/, const Logs&) {}
  virtual void on_predict_begin() {}
  virtual void on_predict_end() {}
  virtual void on_predict_batch_begin(std::int64_t /*batch*/) {}
  virtual void on_predict_batch_end(std::int64_t /*batch*/) {}

  /// Whether the logs of the batch now ending are looked at. Where nobody wants them they are not
  /// computed, and on_*_batch_end gets empty ones.
  virtual bool wants_batch_logs() { return true; }
  /// Whether it comes after all callbacks that do not say so: BackupAndRestore keeps what these
  /// have seen of the epoch.
  virtual bool runs_last() const { return false; }
  /// What a run that is broken off has to give to the one that resumes it, where this callback
  /// changes the training or its results. BackupAndRestore calls both, `set_state` behind
  /// `on_train_begin`; the state may come from a file that somebody else has made.
  virtual CallbackState get_state() const { return {}; }
  virtual void set_state(const CallbackState&) {}
  /// Called before anything else.
  virtual void set_params(const Params& params) { params_ = params; }
  void set_model(Trainer* model) { model_ = model; }

  /// What trains: its optimizer, its layer, its `set_stop_training`. Throws StateError outside of
  /// `fit`, `evaluate` and `predict`.
  Trainer& model() const;
  const Params& params() const { return params_; }

 protected:
  Callback(const Callback&) = default;
  Callback& operator=(const Callback&) = default;

 private:
  Trainer* model_ = nullptr;
  Params params_;
};

/// The state of a callback whose copies share it. There is no moving from it: what it was moved
/// from stays usable.
template <class T>
class SharedState {
 public:
  SharedState() : state_(std::make_shared<T>()) {}
  explicit SharedState(T state) : state_(std::make_shared<T>(std::move(state))) {}
  SharedState(const SharedState&) = default;
  SharedState& operator=(const SharedState&) = default;

  T* operator->() const { return state_.get(); }
  T& operator*() const { return *state_; }

 private:
  std::shared_ptr<T> state_;
};

/// A callback as it is given to `fit`: a std::shared_ptr, a std::ref or the object itself.
class CallbackRef {
 public:
  template <std::derived_from<Callback> T>
  CallbackRef(std::shared_ptr<T> callback) : callback_(std::move(callback)) {}
  template <std::derived_from<Callback> T>
  CallbackRef(std::reference_wrapper<T> callback)
      : callback_(std::shared_ptr<Callback>(), &callback.get()) {}
  template <std::derived_from<Callback> T>
  requires std::copy_constructible<T> CallbackRef(const T& callback)
      : callback_(std::make_shared<T>(callback)) {}
  template <class T, class Delete>
  CallbackRef(std::unique_ptr<T, Delete>) {
    static_assert(!std::is_same_v<T, T>,
                  "a callback is given as std::shared_ptr, std::ref or by value, not as "
                  "std::unique_ptr");
  }
  template <class T>
  CallbackRef(T*) {
    static_assert(!std::is_same_v<T, T>,
                  "a callback is given as std::shared_ptr, std::ref or by value, not as a pointer");
  }
  CallbackRef(std::nullptr_t) {}

  Callback* operator->() const { return callback_.get(); }
  Callback& operator*() const { return *callback_; }
  Callback* get() const { return callback_.get(); }

 private:
  std::shared_ptr<Callback> callback_;
};

/// What a call of `fit`, `evaluate` or `predict` notifies, in order. Callbacks know the model while
/// it lives.
class CallbackList {
 public:
  CallbackList(std::vector<CallbackRef> callbacks, Trainer& model, const Params& params);
  ~CallbackList();
  CallbackList(const CallbackList&) = delete;
  CallbackList& operator=(const CallbackList&) = delete;

  /// Calls `event` of each: `list.call(&Callback::on_epoch_begin, epoch)`.
  template <class Event, class... Args>
  void call(Event event, Args&&... args) {
    for (const CallbackRef& callback : callbacks_) ((*callback).*event)(args...);
  }
  bool want_batch_logs() const;
  /// The states of those that have one, each with the callback's number.
  std::vector<std::pair<std::size_t, CallbackState>> states() const;
  /// Throws ValueError for a state of a callback that is not there.
  void set_states(const std::vector<std::pair<std::size_t, CallbackState>>& states);

 private:
  std::vector<CallbackRef> callbacks_;
};

namespace detail {
/// Writes to standard output, at once.
void print(const std::string& text);
/// The first tensor of a state, which holds from `least` to `most` numbers; throws ValueError for
/// one that does not.
std::vector<double> numbers_of(const CallbackState& state, std::size_t least, std::size_t most);
/// One of them that counts something; throws ValueError for a fraction and beyond what an int
/// holds.
int whole(double number);
}  // namespace detail

}  // namespace callbacks
}  // namespace nyala

#pragma GCC visibility pop
