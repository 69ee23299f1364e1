#pragma once
/// Counts what a thread allocates with `new`, in `t_news`, what of it is still there, in `t_live`,
/// and lets allocations fail: `t_news_left` is how many more succeed, negative for all. It replaces
/// the program's operators: one file of a test program includes it.
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {
[[maybe_unused]] thread_local std::uint64_t t_news = 0;
[[maybe_unused]] thread_local std::int64_t t_live = 0;
[[maybe_unused]] thread_local std::int64_t t_news_left = -1;
}  // namespace

// Sanitizers bring operators of their own, which check more.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define NYALA_COUNTS_NEWS 1
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++t_news;
  if (t_news_left == 0) throw std::bad_alloc();
  if (t_news_left > 0) --t_news_left;
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  ++t_live;
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  if (memory != nullptr) --t_live;
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  ::operator delete(memory);
}
#endif
