#pragma once
/// Threads: how many, and loops over them.
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)

namespace nyala {

/// Threads that a loop may use, the calling one included: what `set_num_threads` chose, else the
/// environment variable NYALA_NUM_THREADS, else the CPUs that this process may run on.
int num_threads();
/// Takes effect on the next loop; waits for the pool's threads to end. Throws ValueError below 1
/// and StateError inside a parallel loop.
void set_num_threads(int count);

/// A reference to something callable, for parameters: it owns nothing and allocates nothing.
template <class Signature>
class FunctionRef;
template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>)
      FunctionRef(F&& f)  // NOLINT: implicit, as a parameter should be
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, Args... args) -> R {
          return (*static_cast<std::add_pointer_t<F>>(object))(std::forward<Args>(args)...);
        }) {}

  R operator()(Args... args) const { return call_(object_, std::forward<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

/// Calls body(begin, end) over [0, n) in pieces of `grain` (the last may be shorter), on the pool
/// and on the calling thread. The pieces depend on `grain` alone, so a body that works piece by
/// piece gives the same result with any number of threads. A loop inside a loop runs on its own
/// thread. The first exception that a piece throws is thrown here; pieces not yet begun are then
/// skipped.
void parallel_for(std::int64_t n,
                  std::int64_t grain,
                  FunctionRef<void(std::int64_t begin, std::int64_t end)> body);

/// While it lives, this thread (and the pool in loops that this thread starts) treats denormal
/// numbers as zero: they slow training steps many times over. Restores the old mode at its end.
class DenormalGuard {
 public:
  DenormalGuard();
  ~DenormalGuard();
  DenormalGuard(const DenormalGuard&) = delete;
  DenormalGuard& operator=(const DenormalGuard&) = delete;

 private:
  unsigned saved_;
};

}  // namespace nyala

#pragma GCC visibility pop
