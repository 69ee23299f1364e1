#include <nyala/core/parallel.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <nyala/core/cpus.hpp>
#include <nyala/core/error.hpp>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace nyala {
namespace {

thread_local bool t_inside_loop = false;

unsigned denormal_mode() {
#if defined(__SSE2__)
  return _mm_getcsr();
#else
  return 0;
#endif
}

void set_denormal_mode([[maybe_unused]] unsigned mode) {
#if defined(__SSE2__)
  _mm_setcsr(mode);
#endif
}

// How often a thread looks for work (or for the end of it) before it sleeps: some tens of
// microseconds, for waking a thread takes longer than many a loop.
constexpr int kLooks = 2000;

void pause_briefly() {
#if defined(__SSE2__)
  _mm_pause();
#endif
}

template <class Done>
void look_for(Done&& done) {
  for (int i = 0; i < kLooks && !done(); ++i) pause_briefly();
}

int default_num_threads() {
  if (const char* value = std::getenv("NYALA_NUM_THREADS")) {
    const long count = std::strtol(value, nullptr, 10);
    if (count >= 1 && count <= 4096) return static_cast<int>(count);
  }
  return detail::usable_cpus();
}

// One loop in flight. It lives on the stack of the thread that started it, which leaves only when
// no worker holds it.
struct Loop {
  FunctionRef<void(std::int64_t, std::int64_t)> body;
  std::int64_t n;
  std::int64_t grain;
  std::int64_t num_pieces;
  unsigned mode;  // of the starting thread, so that denormals are treated alike everywhere
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error = nullptr;  // guarded by the pool's mutex
  std::atomic<int> num_workers{0};     // changed with the pool's mutex held

  bool has_pieces() const { return next.load(std::memory_order_relaxed) < num_pieces; }
};

class Pool {
 public:
  int num_threads() const { return num_threads_.load(std::memory_order_relaxed); }

  void set_num_threads(int count) {
    const std::lock_guard resize(resize_mutex_);
    stop_workers();
    num_threads_.store(count, std::memory_order_relaxed);
  }

  void run(Loop& loop) {
    bool must_wake = false;
    {
      const std::lock_guard lock(mutex_);
      start_workers();
      loops_.push_back(&loop);
      num_posted_.fetch_add(1, std::memory_order_release);
      must_wake = num_asleep_ > 0;
    }
    if (must_wake) wake_.notify_all();
    work(loop);
    const auto is_left = [&] { return loop.num_workers.load(std::memory_order_acquire) == 0; };
    {
      const std::lock_guard lock(mutex_);
      std::erase(loops_, &loop);
    }
    look_for(is_left);
    if (!is_left()) {
      std::unique_lock lock(mutex_);
      left_.wait(lock, is_left);
    }
    if (loop.error) std::rethrow_exception(loop.error);
  }

 private:
  void work(Loop& loop) {
    t_inside_loop = true;
    for (;;) {
      const std::int64_t piece = loop.next.fetch_add(1, std::memory_order_relaxed);
      if (piece >= loop.num_pieces || loop.failed.load(std::memory_order_relaxed)) break;
      const std::int64_t begin = piece * loop.grain;
      try {
        loop.body(begin, std::min(loop.n, begin + loop.grain));
      } catch (...) {
        loop.failed.store(true, std::memory_order_relaxed);
        const std::lock_guard lock(mutex_);
        if (!loop.error) loop.error = std::current_exception();
      }
    }
    t_inside_loop = false;
  }

  Loop* find_loop() const {
    for (Loop* loop : loops_) {
      if (loop->has_pieces()) return loop;
    }
    return nullptr;
  }

  void serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      Loop* loop = find_loop();
      if (loop == nullptr && !stopping_) {
        const std::uint64_t seen = num_posted_.load(std::memory_order_relaxed);
        lock.unlock();
        look_for([&] { return num_posted_.load(std::memory_order_acquire) != seen; });
        lock.lock();
        ++num_asleep_;
        wake_.wait(lock, [&] { return stopping_ || (loop = find_loop()) != nullptr; });
        --num_asleep_;
      }
      if (stopping_) return;
      loop->num_workers.fetch_add(1, std::memory_order_relaxed);
      lock.unlock();
      const unsigned mode = denormal_mode();
      set_denormal_mode(loop->mode);
      work(*loop);
      set_denormal_mode(mode);
      lock.lock();
      // From here on the loop may be gone.
      if (loop->num_workers.fetch_sub(1, std::memory_order_release) == 1) left_.notify_all();
    }
  }

  // With the mutex held. A thread that cannot start is done without: the caller does the work.
  void start_workers() {
    while (!stopping_ && static_cast<int>(workers_.size()) < num_threads() - 1) {
      try {
        workers_.emplace_back([this] { serve(); });
      } catch (const std::exception&) {
        return;
      }
    }
  }

  void stop_workers() {
    std::vector<std::thread> workers;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      workers.swap(workers_);
    }
    wake_.notify_all();
    for (std::thread& worker : workers) worker.join();
    const std::lock_guard lock(mutex_);
    stopping_ = false;
  }

  std::mutex resize_mutex_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable left_;
  std::vector<Loop*> loops_;
  std::vector<std::thread> workers_;
  std::atomic<std::uint64_t> num_posted_{0};  // loops so far
  int num_asleep_ = 0;
  bool stopping_ = false;
  std::atomic<int> num_threads_{default_num_threads()};
};

// Never destroyed: its threads sleep until the process ends, and destructors may still use it.
Pool& pool() {
  static Pool* const pool = new Pool;
  return *pool;
}

}  // namespace

int num_threads() { return pool().num_threads(); }

void set_num_threads(int count) {
  if (count < 1) {
    throw ValueError("set_num_threads: received " + std::to_string(count) +
                     ", expected at least 1");
  }
  if (t_inside_loop) throw StateError("set_num_threads: called inside a parallel loop");
  pool().set_num_threads(count);
}

void parallel_for(std::int64_t n,
                  std::int64_t grain,
                  FunctionRef<void(std::int64_t begin, std::int64_t end)> body) {
  grain = std::max<std::int64_t>(grain, 1);
  if (n <= grain || t_inside_loop || num_threads() == 1) {
    for (std::int64_t begin = 0; begin < n; begin += std::min(grain, n - begin)) {
      body(begin, begin + std::min(grain, n - begin));
    }
    return;
  }
  Loop loop{body, n, grain, (n - 1) / grain + 1, denormal_mode()};
  pool().run(loop);
}

DenormalGuard::DenormalGuard() : saved_(denormal_mode()) {
  constexpr unsigned flush_to_zero = 0x8000;
  constexpr unsigned denormals_are_zero = 0x0040;
  set_denormal_mode(saved_ | flush_to_zero | denormals_are_zero);
}

DenormalGuard::~DenormalGuard() { set_denormal_mode(saved_); }

}  // namespace nyala
