#pragma once
/// Mutex: what std::mutex is, for headers. <mutex> brings <chrono> and the streams with it, which
/// every file that includes Nyala would compile. std::lock_guard takes either.
#include <pthread.h>

#pragma GCC visibility push(default)
#include <mutex>

namespace nyala::detail {

class Mutex {
 public:
  Mutex() = default;
  ~Mutex() { pthread_mutex_destroy(&handle_); }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() { pthread_mutex_lock(&handle_); }
  void unlock() { pthread_mutex_unlock(&handle_); }

 private:
  pthread_mutex_t handle_ = PTHREAD_MUTEX_INITIALIZER;
};

}  // namespace nyala::detail

#pragma GCC visibility pop
