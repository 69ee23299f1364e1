// Each thread keeps free memory of its own; what is destroyed after that memory may still use
// tensors.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

#include <nyala/core/memory.hpp>
#include <nyala/core/ops.hpp>

using namespace nyala;

namespace {

// Makes tensors and drops them, so that there is something to keep. 300: for the matrices to be
// packed into a workspace.
float use_tensors() {
  std::vector<Tensor> all;
  for (int i = 0; i < 30; ++i) all.push_back(ops::ones({16, 16}));
  const Tensor x = ops::ones({300, 300});
  return ops::matmul(x, x).data<float>()[7];
}

struct UsesTensorsLate {
  ~UsesTensorsLate() {
    const float value = use_tensors();
    if (result != nullptr)
      *result = value;
    else if (value != 300)
      std::_Exit(EXIT_FAILURE);
  }
  float* result = nullptr;
};

const UsesTensorsLate at_program_end;

}  // namespace

TEST_CASE("destructors at a thread's end may use tensors") {
  CHECK(use_tensors() == 300);  // so that at_program_end finds this thread's caches used
  float result = 0;
  std::thread([&] {
    // Made before the thread keeps any memory, so destroyed after it.
    thread_local UsesTensorsLate late;
    late.result = &result;
    use_tensors();
  }).join();
  CHECK(result == 300);
}

TEST_CASE("memory that a thread frees is used again, until it is released") {
  const auto bytes_of_tensors = memory_stats().bytes_in_use;
  { const Tensor x = ops::ones({1000, 1000}); }
  CHECK(memory_stats().bytes_in_use == bytes_of_tensors);
  release_cached_memory();
  const auto before = memory_stats();
  { const Tensor x = Tensor::empty({1000, 1000}, DType::float32); }
  { const Tensor x = Tensor::empty({1000, 1000}, DType::float32); }
  const auto after = memory_stats();
  CHECK(after.allocations - before.allocations == 2);
  // A sanitizer's build keeps nothing.
  CHECK(after.system_calls - before.system_calls >= 1);
  CHECK(after.system_calls - before.system_calls <= 2);
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("memory of sizes that do not come again goes back to the system") {
  const auto resident = [] {
    long pages = 0, in_memory = 0;
    std::ifstream("/proc/self/statm") >> pages >> in_memory;
    return in_memory * sysconf(_SC_PAGESIZE);
  };
  constexpr std::int64_t kMiB = 1 << 20;
  const auto fill = [](std::int64_t bytes) { return ops::ones({bytes / 4}); };
  release_cached_memory();
  const std::int64_t before = resident();
  {
    std::vector<Tensor> blocks;
    for (int i = 0; i < 64; ++i) blocks.push_back(fill(kMiB));
  }
  CHECK(resident() > before + 60 * kMiB);  // kept for the next ones
  for (int i = 0; i < 8192; ++i) fill(64 * 1024);
  CHECK(resident() < before + 8 * kMiB);
  // What each round needs stays.
  const std::uint64_t calls = memory_stats().system_calls;
  for (int i = 0; i < 4096; ++i) fill(64 * 1024);
  CHECK(memory_stats().system_calls == calls);
}
#endif
