#pragma once
/// An object that the next caller takes up again. Not installed.
#include <sys/single_threaded.h>
#include <atomic>
#include <memory>
#include <utility>

namespace nyala::graph {

/// Room for one object that no thread uses, taken and given back without a lock.
template <class T>
class Spare {
 public:
  Spare() = default;
  Spare(const Spare&) = delete;
  Spare& operator=(const Spare&) = delete;
  ~Spare() { delete slot_.load(); }

  /// Null where there is none.
  std::unique_ptr<T> take() { return put({}); }
  /// Gives the object that was there.
  std::unique_ptr<T> put(std::unique_ptr<T> object) noexcept {
    return std::unique_ptr<T>(exchange(object.release()));
  }

 private:
  // Plain instructions while the process has one thread only: two locked ones would be a good part
  // of a small program's run.
  T* exchange(T* object) noexcept {
    if (!__libc_single_threaded) return slot_.exchange(object, std::memory_order_acq_rel);
    T* const old = slot_.load(std::memory_order_relaxed);
    slot_.store(object, std::memory_order_relaxed);
    return old;
  }

  std::atomic<T*> slot_{nullptr};
};

}  // namespace nyala::graph
