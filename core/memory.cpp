#include <nyala/core/memory.hpp>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <new>
#include <string>

#include <nyala/core/error.hpp>

namespace nyala {
namespace {

using detail::Storage;

// Under a sanitizer each block goes back at once, so that a use after its end is seen.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCache = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kCache = false;
#else
constexpr bool kCache = true;
#endif
#else
constexpr bool kCache = true;
#endif

// Class k holds blocks of 64 << k bytes: from one cache line to 1 GiB. Larger ones are not kept.
constexpr unsigned kClasses = 25;
constexpr std::size_t kSmallest = 64;
constexpr std::size_t kCachedBytes = std::size_t{256} << 20;  // kept by a thread, at most

std::atomic<std::int64_t> g_in_use{0};
std::atomic<std::int64_t> g_peak{0};

// Plain data, which can still be asked when the thread's destructors have run: those of statics
// come later and may free and make tensors.
struct Cache {
  std::array<Storage*, kClasses> free{};
  std::size_t bytes = 0;
  std::uint64_t allocations = 0;
  std::uint64_t system_calls = 0;
  bool is_watched = false;  // a Cleaner waits for the thread's end
  bool is_closed = false;   // it has come

  void clear() noexcept {
    for (Storage*& head : free) {
      while (head != nullptr) {
        Storage* next = head->next_free;
        std::free(head);
        head = next;
      }
    }
    bytes = 0;
  }
};

constinit thread_local Cache t_cache;

struct Cleaner {
  Cleaner() { t_cache.is_watched = true; }
  ~Cleaner() {
    t_cache.is_closed = true;
    t_cache.clear();
  }
  Cleaner(const Cleaner&) = delete;
  Cleaner& operator=(const Cleaner&) = delete;
};

// Once for each thread that keeps a block.
[[gnu::noinline]] void watch_thread() { thread_local const Cleaner cleaner; }

unsigned class_of(std::size_t bytes) {
  const std::size_t units = (std::max(bytes, kSmallest) + kSmallest - 1) / kSmallest;
  return static_cast<unsigned>(std::bit_width(units - 1));
}

void count_bytes(std::int64_t bytes) {
  const std::int64_t now = g_in_use.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::int64_t peak = g_peak.load(std::memory_order_relaxed);
  while (now > peak && !g_peak.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

Storage* from_system(std::size_t capacity, unsigned size_class) {
  void* block = detail::system_block(sizeof(Storage) + capacity);
  if (block == nullptr) {
    throw LimitError("out of memory: " + std::to_string(capacity) + " bytes are not to be had");
  }
  auto* storage = new (block) Storage;
  storage->capacity = capacity;
  storage->size_class = size_class;
  return storage;
}

}  // namespace

namespace detail {

void* system_block(std::size_t bytes, [[maybe_unused]] std::size_t large) {
#if defined(MADV_HUGEPAGE)
  if (bytes >= large) {
    const std::size_t rounded = (bytes + kLargePage - 1) / kLargePage * kLargePage;
    void* block = std::aligned_alloc(kLargePage, rounded);
    if (block != nullptr) madvise(block, rounded, MADV_HUGEPAGE);
    return block;
  }
#endif
  return std::aligned_alloc(64, bytes);
}

Storage* allocate_storage(std::size_t bytes) {
  if (bytes > (std::size_t{1} << 46)) {
    throw LimitError("out of memory: " + std::to_string(bytes) + " bytes are not to be had");
  }
  Cache& cache = t_cache;
  ++cache.allocations;
  const unsigned size_class = class_of(bytes);
  if (size_class < kClasses) {
    if (Storage* storage = cache.free[size_class]; storage != nullptr) {
      cache.free[size_class] = storage->next_free;
      cache.bytes -= storage->capacity;
      new (&storage->refs) RefCount;
      // Small blocks are counted when they first come from the system, not at each reuse.
      if (storage->capacity > 4096) count_bytes(static_cast<std::int64_t>(storage->capacity));
      return storage;
    }
  }
  ++cache.system_calls;
  const std::size_t capacity = size_class < kClasses
                                   ? kSmallest << size_class
                                   : (bytes + kSmallest - 1) / kSmallest * kSmallest;
  Storage* storage = from_system(capacity, size_class);
  count_bytes(static_cast<std::int64_t>(capacity));
  return storage;
}

void free_storage(Storage* storage) noexcept {
  Cache& cache = t_cache;
  const bool kept = kCache && !cache.is_closed && storage->size_class < kClasses &&
                    cache.bytes + storage->capacity <= kCachedBytes;
  if (!kept || storage->capacity > 4096) {
    g_in_use.fetch_sub(static_cast<std::int64_t>(storage->capacity), std::memory_order_relaxed);
  }
  if (!kept) {
    std::free(storage);
    return;
  }
  if (!cache.is_watched) [[unlikely]]
    watch_thread();
  storage->next_free = cache.free[storage->size_class];
  cache.free[storage->size_class] = storage;
  cache.bytes += storage->capacity;
}

}  // namespace detail

MemoryStats memory_stats() {
  return {t_cache.allocations,
          t_cache.system_calls,
          g_in_use.load(std::memory_order_relaxed),
          g_peak.load(std::memory_order_relaxed)};
}

void release_cached_memory() { t_cache.clear(); }

}  // namespace nyala
