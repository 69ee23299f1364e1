// Readers announce themselves, so that who unlinks an entry knows when nobody reads it any more.
#include <nyala/autograd/graph/program_cache.hpp>

#include <sys/single_threaded.h>
#include <mutex>

#include <algorithm>
#include <thread>

#include <nyala/autograd/guard.hpp>

namespace nyala::graph {
namespace {

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 32);
}

std::uint64_t hash_of(const ProgramKey& key) {
  std::uint64_t hash = mixed(0, key.kind);
  for (std::uint64_t value : key.variant) hash = mixed(hash, value);
  for (const Tensor& input : key.inputs) {
    const Spec& spec = input.spec();
    hash = mixed(hash, static_cast<std::uint64_t>(spec.dtype));
    for (std::int64_t size : spec.shape) hash = mixed(hash, static_cast<std::uint64_t>(size));
  }
  return hash;
}

// Counts a thread that reads entries; plain instructions while there is one thread only.
class Reader {
 public:
  explicit Reader(std::atomic<std::uint32_t>& count)
      : count_(count), is_alone_(__libc_single_threaded != 0) {
    if (is_alone_)
      count_.store(count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    else
      count_.fetch_add(1, std::memory_order_seq_cst);
  }
  ~Reader() {
    if (is_alone_)
      count_.store(count_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    else
      count_.fetch_sub(1, std::memory_order_seq_cst);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

 private:
  std::atomic<std::uint32_t>& count_;
  bool is_alone_;
};

}  // namespace

struct ProgramCache::Entry {
  std::uint64_t hash = 0;
  std::uint64_t kind = 0;
  std::vector<std::uint64_t> variant = {};
  std::vector<Spec> specs = {};
  Program program = {};
  std::int64_t bytes = 0;
  std::atomic<std::uint64_t> used{0};
  std::atomic<Entry*> next{nullptr};

  bool fits(const ProgramKey& key) const {
    if (kind != key.kind || key.inputs.size() != specs.size()) return false;
    if (!std::equal(variant.begin(), variant.end(), key.variant.begin(), key.variant.end()))
      return false;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (!(key.inputs[i].spec() == specs[i])) return false;
    }
    return true;
  }
};

ProgramCache::ProgramCache(std::size_t capacity) : capacity_(capacity) {}

ProgramCache::~ProgramCache() {
  for (Entry* entry : entries_) delete entry;
  delete buckets_.load();
}

bool ProgramCache::must_run_directly(Inputs<Tensor> inputs) {
  if (detail::listeners().tracer != nullptr || detail::listeners().tape != nullptr) return true;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) [[unlikely]]
      throw StateError("function: argument " + std::to_string(i) + " is an undefined tensor");
    if (inputs[i].impl()->abstract) [[unlikely]]
      return true;
  }
  return false;
}

ProgramCache::Entry* ProgramCache::lookup(const ProgramKey& key, std::uint64_t hash) const {
  Buckets* const buckets = buckets_.load();
  if (buckets == nullptr) return nullptr;
  Entry* entry = (*buckets)[hash % kBuckets].load();
  while (entry != nullptr && (entry->hash != hash || !entry->fits(key))) entry = entry->next.load();
  return entry;
}

Program ProgramCache::find(const ProgramKey& key) const {
  const std::uint64_t hash = hash_of(key);
  const Reader reader(readers_);
  Entry* const entry = lookup(key, hash);
  if (entry == nullptr) return {};
  // Written only when it changes: other threads read the same line.
  const std::uint64_t now = clock_.load(std::memory_order_relaxed) + 1;
  if (entry->used.load(std::memory_order_relaxed) != now)
    entry->used.store(now, std::memory_order_relaxed);
  return entry->program;
}

Program ProgramCache::add(const ProgramKey& key, const TensorFunction& f) {
  return detail::guard_memory([&] {
    auto entry = std::make_unique<Entry>();
    entry->hash = hash_of(key);
    entry->kind = key.kind;
    entry->variant.assign(key.variant.begin(), key.variant.end());
    for (const Tensor& input : key.inputs) entry->specs.push_back(input.spec());
    entry->program = Program(f, entry->specs);
    entry->bytes = entry->program.stats().arena_bytes;

    const std::lock_guard lock(mutex_);
    if (const Entry* known = lookup(key, entry->hash)) return known->program;
    if (buckets_.load() == nullptr) buckets_.store(new Buckets{});
    entries_.reserve(entries_.size() + 1);
    retired_.reserve(retired_.size() + entries_.size() + 1);  // so that dropping never throws
    drop_beyond(capacity_ - 1, entry->bytes);
    const std::uint64_t now = clock_.load(std::memory_order_relaxed) + 2;
    clock_.store(now, std::memory_order_relaxed);
    entry->used.store(now, std::memory_order_relaxed);
    std::atomic<Entry*>& first = (*buckets_.load())[entry->hash % kBuckets];
    entry->next.store(first.load());
    num_added_.fetch_add(1, std::memory_order_relaxed);
    Entry* const added = entry.release();
    entries_.push_back(added);
    bytes_ += added->bytes;
    first.store(added);
    return added->program;
  });
}

void ProgramCache::unlink(Entry* entry) {
  std::atomic<Entry*>* link = &(*buckets_.load())[entry->hash % kBuckets];
  while (link->load() != entry) link = &link->load()->next;
  link->store(entry->next.load());  // the entry still leads its readers to the next one
  bytes_ -= entry->bytes;
  retired_.emplace_back(entry);
}

// Makes room for an entry of `more_bytes`.
void ProgramCache::drop_beyond(std::size_t capacity, std::int64_t more_bytes) {
  const auto is_over = [&] {
    return entries_.size() > capacity ||
           (entries_.size() >= kAlwaysKept && bytes_ + more_bytes > memory_limit_);
  };
  while (is_over()) {
    const auto oldest =
        std::min_element(entries_.begin(), entries_.end(), [](const Entry* a, const Entry* b) {
          return a->used.load(std::memory_order_relaxed) < b->used.load(std::memory_order_relaxed);
        });
    unlink(*oldest);
    entries_.erase(oldest);
  }
  free_retired();
}

// A look lasts some nanoseconds: one that has begun before an entry was unlinked has ended soon.
void ProgramCache::free_retired() {
  constexpr int kTries = 1000;
  if (retired_.empty()) return;
  for (int i = 0; i < kTries; ++i) {
    if (readers_.load(std::memory_order_seq_cst) == 0) return retired_.clear();
    std::this_thread::yield();
  }
  // Tried again with the next change.
}

void ProgramCache::clear() {
  const std::lock_guard lock(mutex_);
  drop_beyond(0);
}

std::size_t ProgramCache::capacity() const {
  const std::lock_guard lock(mutex_);
  return capacity_;
}

void ProgramCache::set_capacity(std::size_t capacity) {
  if (capacity == 0) throw ValueError("ProgramCache: received capacity 0, expected 1 or more");
  const std::lock_guard lock(mutex_);
  capacity_ = capacity;
  drop_beyond(capacity);
}

std::int64_t ProgramCache::memory_limit() const {
  const std::lock_guard lock(mutex_);
  return memory_limit_;
}

void ProgramCache::set_memory_limit(std::int64_t bytes) {
  if (bytes < 0) {
    throw ValueError("ProgramCache: received a memory limit of " + std::to_string(bytes) +
                     " bytes, expected 0 or more");
  }
  const std::lock_guard lock(mutex_);
  memory_limit_ = bytes;
  drop_beyond(capacity_);
}

std::size_t ProgramCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace nyala::graph
