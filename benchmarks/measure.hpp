#pragma once
// What the C++ programs of the benchmarks share, Nyala's and the peers': the figure of a step, the
// data that every program computes on, and the protocol that benchmarks/run speaks. Its Python
// counterpart is peers/worker.py.
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace bench {

using Step = std::function<void()>;

/// A step that counts as `units` ones (the thousand ops of a chain).
struct Measured {
  Step step = {};
  double units = 1;
};
using Maker = std::function<Measured()>;

inline double seconds_of(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// The clock of steps: the wall's, or the process's own (BENCH_CLOCK=cpu), which stands still while
/// other programs have the core.
inline double now() {
  static const char* name = std::getenv("BENCH_CLOCK");
  static const bool own = name != nullptr && std::string(name) == "cpu";
  return seconds_of(own ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC);
}

inline double time_group(const Step& step, int count) {
  const double start = now();
  for (int i = 0; i < count; ++i) step();
  return (now() - start) / count;
}

/// The time of a step in microseconds: the lowest median of ten consecutive ones, the window in
/// which the machine was quietest. Steps too short for the clock are timed in groups, of at least
/// `group` steps.
inline double quiet_median(const Step& step, double budget, int group = 1) {
  constexpr std::size_t kWindow = 10;
  for (int i = 0; i < 3; ++i) step();
  const auto shortest = [&](int count) {  // a step that was interrupted says nothing of its length
    const double first = time_group(step, count), second = time_group(step, count);
    return std::min({first, second, time_group(step, count)}) * count;
  };
  while (shortest(group) < 20e-6) group *= 2;
  std::vector<double> times;
  const double begin = seconds_of(CLOCK_MONOTONIC);
  while (times.size() < kWindow || seconds_of(CLOCK_MONOTONIC) - begin < budget)
    times.push_back(time_group(step, group));
  double best = 1e9;
  for (std::size_t i = 0; i + kWindow <= times.size(); ++i) {
    std::vector<double> window(times.begin() + static_cast<std::ptrdiff_t>(i),
                               times.begin() + static_cast<std::ptrdiff_t>(i + kWindow));
    std::nth_element(window.begin(), window.begin() + kWindow / 2, window.end());
    best = std::min(best, window[kWindow / 2]);
  }
  return best * 1e6;
}

/// Answers each line `WORKLOAD SECONDS [GROUP]` of standard input with the figure, or "unknown".
/// `find` gives the maker of a workload, an empty one for a name that it does not know.
inline void serve(const std::function<Maker(const std::string&)>& find) {
  std::map<std::string, Measured> made;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream request(line);
    std::string name;
    double budget = 0.3;
    int group = 1;
    request >> name >> budget >> group;
    try {
      Measured& measured = made[name];
      const Maker maker = find(name);
      if (!measured.step && maker) measured = maker();
      if (measured.step)
        std::cout << quiet_median(measured.step, budget, std::max(group, 1)) / measured.units
                  << std::endl;
      else
        std::cout << "unknown" << std::endl;
    } catch (const std::exception& error) {
      std::cerr << name << ": " << error.what() << std::endl;
      std::cout << "unknown" << std::endl;
    }
  }
}

/// The same numbers in every program: a hash of the position.
inline std::uint32_t hash(std::uint32_t i, std::uint32_t seed) {
  std::uint32_t h = i + seed * 0x9e3779b9u;
  h = (h ^ (h >> 16)) * 0x85ebca6bu;
  h = (h ^ (h >> 13)) * 0xc2b2ae35u;
  return h ^ (h >> 16);
}
/// `count` floats between low and high.
inline std::vector<float> floats(std::int64_t count,
                                 std::uint32_t seed,
                                 float low = -1,
                                 float high = 1) {
  std::vector<float> values(static_cast<std::size_t>(count));
  std::uint32_t i = 0;
  for (float& value : values)
    value = low + (high - low) * static_cast<float>(hash(i++, seed) >> 8) / 16777216.0f;
  return values;
}
/// `count` integers in [0, high).
template <class Int = std::int32_t>
std::vector<Int> integers(std::int64_t count, std::uint32_t seed, std::uint32_t high) {
  std::vector<Int> values(static_cast<std::size_t>(count));
  std::uint32_t i = 0;
  for (Int& value : values) value = static_cast<Int>(hash(i++, seed) % high);
  return values;
}

}  // namespace bench
