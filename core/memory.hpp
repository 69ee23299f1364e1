#pragma once
/// Memory for tensors: 64-byte-aligned blocks, kept in free lists so that a small tensor costs no
/// call of the system's allocator.
#include <sys/single_threaded.h>
#include <atomic>
#include <cstddef>
#include <cstdint>

#pragma GCC visibility push(default)

namespace nyala {

struct MemoryStats {
  std::uint64_t allocations = 0;   ///< blocks handed out so far by this thread
  std::uint64_t system_calls = 0;  ///< of these, how many came from the system and not a free list
  std::int64_t bytes_in_use = 0;   ///< bytes of the blocks now in use, over all threads
  std::int64_t peak_bytes = 0;     ///< the most that bytes_in_use has been
};
MemoryStats memory_stats();
/// Gives the free blocks of this thread back to the system.
void release_cached_memory();

/// The most bytes that tensors may have in use together, over all threads; at first the machine's
/// memory, or what its container may use. A tensor that would go beyond it is a LimitError before
/// anything is allocated. Throws ValueError for a negative number.
void set_memory_limit(std::int64_t bytes);
std::int64_t memory_limit();

namespace detail {

/// A count that skips the atomic instruction while the process has one thread only.
class RefCount {
 public:
  void add() noexcept {
    if (__libc_single_threaded)
      count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    else
      count_.fetch_add(1, std::memory_order_relaxed);
  }
  /// True when the last reference went.
  bool drop() noexcept {
    if (__libc_single_threaded) {
      const std::uint32_t left = count_.load(std::memory_order_relaxed) - 1;
      count_.store(left, std::memory_order_relaxed);
      return left == 0;
    }
    return count_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }
  bool unique() const noexcept { return count_.load(std::memory_order_acquire) == 1; }

 private:
  std::atomic<std::uint32_t> count_{1};
};

/// A block of bytes shared by the tensors that view it. The bytes follow the header.
struct alignas(64) Storage {
  RefCount refs;
  std::uint32_t size_class = 0;
  std::size_t capacity = 0;
  Storage* next_free = nullptr;

  std::byte* bytes() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
};
static_assert(sizeof(Storage) == 64);

/// Aligned memory for std::free, null when there is none. From `large` bytes on it asks for large
/// pages, so that a product of large matrices looks up fewer addresses: a wish, which may be
/// refused.
constexpr std::size_t kLargePage = std::size_t{2} << 20;
void* system_block(std::size_t bytes, std::size_t large = 2 * kLargePage);

/// A block of at least `bytes`; throws LimitError when it is over the budget or there is no memory.
Storage* allocate_storage(std::size_t bytes);
/// Throws LimitError when so many more bytes in use would be over the budget: asked before
/// something is made whose size comes from a file or an option.
void check_memory(std::uint64_t bytes, const char* who);
/// The same against what the innermost MemoryBudget of this thread has left, which it then takes.
void charge_memory(std::uint64_t bytes, const char* who);
/// While it lives, `charge_memory` on this thread allows so many bytes in all.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t bytes);
  ~MemoryBudget();
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

 private:
  std::uint64_t left_;
  MemoryBudget* outer_;
  friend void charge_memory(std::uint64_t bytes, const char* who);
};
/// What std::bad_alloc becomes where it would leave the library: a LimitError, which takes no
/// memory to make.
[[noreturn]] void throw_out_of_memory();
void free_storage(Storage* storage) noexcept;

}  // namespace detail
}  // namespace nyala

#pragma GCC visibility pop
