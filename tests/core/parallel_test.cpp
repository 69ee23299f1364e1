#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/log.hpp>
#include <nyala/core/parallel.hpp>

using namespace nyala;

namespace {

struct WithThreads {
  explicit WithThreads(int count) : before(num_threads()) { set_num_threads(count); }
  ~WithThreads() { set_num_threads(before); }
  int before;
};

using Pieces = std::set<std::pair<std::int64_t, std::int64_t>>;

Pieces pieces_of(std::int64_t n, std::int64_t grain) {
  std::mutex mutex;
  Pieces pieces;
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    const std::lock_guard lock(mutex);
    CHECK(pieces.emplace(begin, end).second);
  });
  return pieces;
}

}  // namespace

TEST_CASE("a loop is cut by its grain, whatever the number of threads") {
  const Pieces expected = {{0, 4}, {4, 8}, {8, 10}};
  for (const int threads : {1, 2, 5}) {
    const WithThreads with(threads);
    CHECK(pieces_of(10, 4) == expected);
    CHECK(pieces_of(0, 4).empty());
    CHECK(pieces_of(3, 4) == Pieces{{0, 3}});
    CHECK(pieces_of(2, 0) == Pieces{{0, 1}, {1, 2}});
  }
}

TEST_CASE("the first exception of a piece leaves the loop, which can then be used again") {
  for (const int threads : {1, 4}) {
    const WithThreads with(threads);
    const auto fail = [](std::int64_t begin, std::int64_t) {
      if (begin == 37) throw std::runtime_error("37");
    };
    CHECK_THROWS_WITH(parallel_for(100, 1, fail), "37");
    CHECK(pieces_of(100, 1).size() == 100);
  }
}

TEST_CASE("a loop inside a loop runs on its own thread") {
  const WithThreads with(4);
  std::atomic<std::int64_t> total{0};
  parallel_for(8, 1, [&](std::int64_t, std::int64_t) {
    const auto self = std::this_thread::get_id();
    parallel_for(100, 10, [&](std::int64_t begin, std::int64_t end) {
      if (std::this_thread::get_id() == self) total += end - begin;
    });
    CHECK_THROWS_AS(set_num_threads(2), StateError);
  });
  CHECK(total == 800);
}

TEST_CASE("several threads may run loops, and others change their number") {
  const WithThreads with(3);
  std::atomic<std::int64_t> total{0};
  std::vector<std::thread> users;
  for (int user = 0; user < 3; ++user) {
    users.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        parallel_for(64, 1, [&](std::int64_t begin, std::int64_t end) { total += end - begin; });
      }
    });
  }
  for (int count = 1; count < 5; ++count) set_num_threads(count);
  for (std::thread& user : users) user.join();
  CHECK(total == 3 * 50 * 64);
}

TEST_CASE("the number of threads is at least one") {
  CHECK_THROWS_AS(set_num_threads(0), ValueError);
  CHECK(num_threads() >= 1);
}

TEST_CASE("a guard flushes denormals, in the pool too, and restores them") {
  const WithThreads with(3);
  volatile float tiny = 1e-39F;
  const auto is_zero = [&] { return tiny * 0.5F == 0.0F; };
  std::atomic<int> flushed{0};
  {
    const DenormalGuard guard;
    CHECK(is_zero());
    parallel_for(16, 1, [&](std::int64_t, std::int64_t) { flushed += is_zero() ? 1 : 0; });
  }
  CHECK(flushed == 16);
  CHECK(!is_zero());
  parallel_for(16, 1, [&](std::int64_t, std::int64_t) { flushed += is_zero() ? 1 : 0; });
  CHECK(flushed == 16);
}

TEST_CASE("a sink receives what the level lets through") {
  const LogLevel before = log_level();
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  set_log_level(LogLevel::info);
  log_debug("hidden");
  log_warning("shown {} {1}");
  set_log_level(LogLevel::off);
  log_warning("hidden");
  set_log_sink({});
  set_log_level(before);
  CHECK(lines == std::vector<std::string>{"shown {} {1}"});
}
