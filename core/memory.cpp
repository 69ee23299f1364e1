#include <nyala/core/memory.hpp>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <new>
#include <string>
#include <utility>

#if __has_include(<unistd.h>)
#include <unistd.h>
#endif

#include <nyala/core/error.hpp>

namespace nyala {
namespace {

using detail::Storage;

// Under a sanitizer each block is malloc's and goes back at once, so that a use after its end is
// seen.
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
constexpr std::size_t kCountedOnce = 4096;
constexpr std::size_t kCachedBytes = std::size_t{256} << 20;  // kept by a thread, at most
// From here on a block is mapped by itself. malloc maps large blocks too, until the first ones are
// freed: then it takes them from its heap, where sizes that change leave holes.
constexpr std::size_t kMapped = std::size_t{1} << 20;
constexpr std::uint32_t kTrimInterval = 1024;  // frees of large blocks between two trims

std::atomic<std::int64_t> g_in_use{0};
std::atomic<std::int64_t> g_peak{0};

#if __has_include(<sys/mman.h>)
constexpr bool kMaps = kCache;

std::size_t mapped_size(std::size_t bytes) {
  const std::size_t page = bytes >= detail::kLargePage ? detail::kLargePage : 4096;
  return (bytes + page - 1) / page * page;
}

// At an address that large pages need: what is mapped beside it goes back.
void* map_block(std::size_t bytes) {
  const std::size_t size = mapped_size(bytes), slack = detail::kLargePage;
  void* base =
      mmap(nullptr, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return nullptr;
  auto* first = static_cast<std::byte*>(base);
  const std::size_t before = (slack - reinterpret_cast<std::uintptr_t>(first) % slack) % slack;
  if (before > 0) munmap(first, before);
  if (before < slack) munmap(first + before + size, slack - before);
#if defined(MADV_HUGEPAGE)
  if (bytes >= 2 * detail::kLargePage) madvise(first + before, size, MADV_HUGEPAGE);
#endif
  return first + before;
}
void unmap_block(void* block, std::size_t bytes) noexcept { munmap(block, mapped_size(bytes)); }
#else
constexpr bool kMaps = false;
void* map_block(std::size_t) { return nullptr; }
void unmap_block(void*, std::size_t) noexcept {}
#endif

void to_system(Storage* storage) noexcept {
  if (kMaps && storage->capacity >= kMapped)
    unmap_block(storage, sizeof(Storage) + storage->capacity);
  else
    std::free(storage);
}

// Plain data, which can still be asked when the thread's destructors have run: those of statics
// come later and may free and make tensors.
struct Cache {
  std::array<Storage*, kClasses> free{};
  // Of blocks over kCountedOnce: how many are free, and the fewest since the last trim.
  std::array<std::uint32_t, kClasses> count{};
  std::array<std::uint32_t, kClasses> fewest{};
  std::uint32_t large_frees = 0;
  std::size_t bytes = 0;
  std::uint64_t allocations = 0;
  std::uint64_t system_calls = 0;
  bool is_watched = false;  // a Cleaner waits for the thread's end
  bool is_closed = false;   // it has come

  void push(Storage* storage) noexcept {
    const unsigned size_class = storage->size_class;
    storage->next_free = std::exchange(free[size_class], storage);
    bytes += storage->capacity;
    if (storage->capacity <= kCountedOnce) return;
    ++count[size_class];
    if (++large_frees % kTrimInterval == 0) [[unlikely]]
      trim();
  }
  Storage* pop(unsigned size_class) noexcept {
    Storage* storage = std::exchange(free[size_class], free[size_class]->next_free);
    bytes -= storage->capacity;
    if (storage->capacity > kCountedOnce)
      fewest[size_class] = std::min(fewest[size_class], --count[size_class]);
    return storage;
  }
  // Gives back half of what was not needed since the last one: sizes that do not come again leave
  // nothing.
  void trim() noexcept {
    for (unsigned i = 0; i < kClasses; ++i) {
      const std::uint32_t kept = count[i] - (fewest[i] + 1) / 2;
      while (count[i] > kept) to_system(pop(i));
      fewest[i] = count[i];
    }
  }
  void clear() noexcept {
    for (unsigned i = 0; i < kClasses; ++i) {
      while (free[i] != nullptr) to_system(pop(i));
    }
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

void note_peak(std::int64_t now) {
  std::int64_t peak = g_peak.load(std::memory_order_relaxed);
  while (now > peak && !g_peak.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

// Thrown as a copy, which only counts a reference: there may be no memory for a text.
const LimitError kOutOfMemory("out of memory");

// The number in a file of the kernel's, the largest one where there is none ("max").
std::int64_t number_in(const char* path) {
  std::int64_t number = 0;
  return std::ifstream(path) >> number ? number : std::numeric_limits<std::int64_t>::max();
}

std::int64_t machine_memory() {
  std::int64_t bytes = std::min(number_in("/sys/fs/cgroup/memory.max"),
                                number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
#if defined(_SC_PHYS_PAGES)
  const std::int64_t pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) bytes = std::min(bytes, pages * page);
#endif
  return bytes;
}

// Negative until somebody asks: then it is what was set, or the machine's.
std::atomic<std::int64_t> g_limit{-1};

std::int64_t current_limit() {
  const std::int64_t limit = g_limit.load(std::memory_order_relaxed);
  if (limit >= 0) [[likely]]
    return limit;
  std::int64_t unset = -1;
  const std::int64_t machine = machine_memory();
  return g_limit.compare_exchange_strong(unset, machine) ? machine : unset;
}

[[noreturn]] void throw_over_limit(std::uint64_t bytes, const char* who) {
  throw LimitError(
      std::string(who) + ": received " + std::to_string(bytes) + " bytes to allocate with " +
      std::to_string(g_in_use.load(std::memory_order_relaxed)) + " in use, over the limit of " +
      std::to_string(current_limit()) + " (nyala::set_memory_limit)");
}

// Counts a block as in use if it is within the budget.
void take_bytes(std::size_t capacity, std::size_t bytes) {
  const auto more = static_cast<std::int64_t>(capacity);
  const std::int64_t now = g_in_use.fetch_add(more, std::memory_order_relaxed) + more;
  if (now <= current_limit()) [[likely]]
    return note_peak(now);
  g_in_use.fetch_sub(more, std::memory_order_relaxed);
  throw_over_limit(bytes, "Tensor");
}

Storage* from_system(std::size_t capacity, unsigned size_class) {
  const std::size_t bytes = sizeof(Storage) + capacity;
  void* block = kMaps && capacity >= kMapped ? map_block(bytes) : detail::system_block(bytes);
  if (block == nullptr) {
    g_in_use.fetch_sub(static_cast<std::int64_t>(capacity), std::memory_order_relaxed);
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
    // Not of the last one, of which a block may use a few bytes: all of it would be taken.
    if (block != nullptr) madvise(block, bytes / kLargePage * kLargePage, MADV_HUGEPAGE);
    return block;
  }
#endif
  return std::aligned_alloc(64, bytes);
}

Storage* allocate_storage(std::size_t bytes) {
  if (bytes > (std::size_t{1} << 46)) throw_over_limit(bytes, "Tensor");
  Cache& cache = t_cache;
  ++cache.allocations;
  const unsigned size_class = class_of(bytes);
  if (size_class < kClasses) {
    if (Storage* storage = cache.free[size_class]; storage != nullptr) {
      // Small blocks are counted when they first come from the system, not at each reuse.
      if (storage->capacity > kCountedOnce) take_bytes(storage->capacity, bytes);
      cache.pop(size_class);
      new (&storage->refs) RefCount;
      return storage;
    }
  }
  ++cache.system_calls;
  const std::size_t capacity = size_class < kClasses
                                   ? kSmallest << size_class
                                   : (bytes + kSmallest - 1) / kSmallest * kSmallest;
  take_bytes(capacity, bytes);
  return from_system(capacity, size_class);
}

void check_memory(std::uint64_t bytes, const char* who) {
  const std::int64_t left = current_limit() - g_in_use.load(std::memory_order_relaxed);
  if (left < 0 || bytes > static_cast<std::uint64_t>(left)) throw_over_limit(bytes, who);
}

namespace {
thread_local MemoryBudget* t_budget = nullptr;
}  // namespace

MemoryBudget::MemoryBudget(std::uint64_t bytes)
    : left_(bytes), outer_(std::exchange(t_budget, this)) {}
MemoryBudget::~MemoryBudget() { t_budget = outer_; }

void charge_memory(std::uint64_t bytes, const char* who) {
  check_memory(bytes, who);
  if (t_budget == nullptr) return;
  if (bytes > t_budget->left_) {
    throw LimitError(std::string(who) + ": " + std::to_string(bytes) + " bytes are wanted, and " +
                     std::to_string(t_budget->left_) + " are left of what reading may take");
  }
  t_budget->left_ -= bytes;
}

void throw_out_of_memory() { throw LimitError(kOutOfMemory); }

void free_storage(Storage* storage) noexcept {
  Cache& cache = t_cache;
  const bool kept = kCache && !cache.is_closed && storage->size_class < kClasses &&
                    cache.bytes + storage->capacity <= kCachedBytes;
  if (!kept || storage->capacity > kCountedOnce) {
    g_in_use.fetch_sub(static_cast<std::int64_t>(storage->capacity), std::memory_order_relaxed);
  }
  if (!kept) return to_system(storage);
  if (!cache.is_watched) [[unlikely]]
    watch_thread();
  cache.push(storage);
}

}  // namespace detail

MemoryStats memory_stats() {
  return {t_cache.allocations,
          t_cache.system_calls,
          g_in_use.load(std::memory_order_relaxed),
          g_peak.load(std::memory_order_relaxed)};
}

void release_cached_memory() { t_cache.clear(); }

void set_memory_limit(std::int64_t bytes) {
  if (bytes < 0) {
    throw ValueError("set_memory_limit: received " + std::to_string(bytes) +
                     " bytes, expected 0 or more");
  }
  g_limit.store(bytes, std::memory_order_relaxed);
}
std::int64_t memory_limit() { return current_limit(); }

}  // namespace nyala
