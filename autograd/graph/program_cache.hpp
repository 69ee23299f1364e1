#pragma once
/// ProgramCache: the programs that were traced, by what they were traced for.
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <nyala/autograd/graph/program.hpp>
#include <nyala/core/mutex.hpp>

#pragma GCC visibility push(default)

namespace nyala::graph {

/// What a program is traced for: what it does (`kind`, and numbers that tell variants apart) and
/// the specs of its inputs.
struct ProgramKey {
  std::uint64_t kind = 0;
  std::span<const std::uint64_t> variant = {};
  Inputs<Tensor> inputs;
};

/// At most `capacity` programs, whose arenas together take at most `memory_limit` bytes (the last
/// kAlwaysKept of them may take more; each thread that runs a program at the same time has an arena
/// of its own). A new one beyond that takes the place of those used least recently; uses are told
/// apart by the programs traced between them. Finding one takes constant time and no lock. All
/// calls are safe from several threads at once; a program that is dropped lives on while somebody
/// holds it or runs it.
class ProgramCache {
 public:
  static constexpr std::size_t kDefaultCapacity = 256;
  static constexpr std::int64_t kDefaultMemoryLimit = std::int64_t{32} << 20;
  static constexpr std::size_t kAlwaysKept = 4;

  explicit ProgramCache(std::size_t capacity = kDefaultCapacity);
  ~ProgramCache();
  ProgramCache(const ProgramCache&) = delete;
  ProgramCache& operator=(const ProgramCache&) = delete;

  /// The program for this key; an empty one for none. The inputs must be defined.
  Program find(const ProgramKey& key) const;
  /// Traces `f` for this key and keeps the program. No lock is held meanwhile: when two threads
  /// trace for the same key, the first to end is kept, and both get that one.
  Program add(const ProgramKey& key, const TensorFunction& f);
  void clear();

  std::size_t capacity() const;
  /// Drops what is beyond it. Throws ValueError for 0.
  void set_capacity(std::size_t capacity);
  std::int64_t memory_limit() const;
  /// Drops what is beyond it. Throws ValueError for a negative one.
  void set_memory_limit(std::int64_t bytes);
  /// How many programs it holds.
  std::size_t size() const;
  /// How many programs were added so far; one that was dropped and is traced anew counts again.
  std::size_t num_added() const { return num_added_.load(std::memory_order_relaxed); }

  /// Whether a call must run its function itself: inside another trace, while a tape records, and
  /// for abstract inputs. Throws StateError for an undefined input otherwise.
  static bool must_run_directly(Inputs<Tensor> inputs);

 private:
  static constexpr std::size_t kBuckets = 256;
  struct Entry;
  using Buckets = std::array<std::atomic<Entry*>, kBuckets>;

  Entry* lookup(const ProgramKey& key, std::uint64_t hash) const;
  void drop_beyond(std::size_t capacity, std::int64_t more_bytes = 0);
  void unlink(Entry* entry);
  void free_retired();

  mutable detail::Mutex mutex_;  // of all that changes entries
  std::size_t capacity_;
  std::int64_t memory_limit_ = kDefaultMemoryLimit;
  std::int64_t bytes_ = 0;                       // of the entries
  std::vector<Entry*> entries_;                  // in the order in which they were added
  std::vector<std::unique_ptr<Entry>> retired_;  // unlinked, maybe still looked at
  std::atomic<Buckets*> buckets_{nullptr};       // made with the first entry
  std::atomic<std::uint64_t> clock_{0};  // even for an entry's addition, odd for uses after it
  std::atomic<std::size_t> num_added_{0};
  mutable std::atomic<std::uint32_t> readers_{0};  // threads that read entries right now
};

}  // namespace nyala::graph

#pragma GCC visibility pop
