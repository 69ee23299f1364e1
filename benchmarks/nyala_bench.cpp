// Measures Nyala's side of the table. It reads requests from standard input, one a line:
//
//   WORKLOAD SECONDS
//
// and answers each with the time of one step in microseconds: the lowest median of ten consecutive
// steps, the window in which the machine was quietest. `--list` prints the workloads.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <sstream>

#include "workloads.hpp"

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Steps too short for the clock are timed in groups.
int group_size(const std::function<void()>& step) {
  for (int count = 1;; count *= 2) {
    const auto start = Clock::now();
    for (int i = 0; i < count; ++i) step();
    if (seconds_since(start) > 20e-6) return count;
  }
}

double quiet_median(const std::function<void()>& step, double budget) {
  for (int i = 0; i < 5; ++i) step();
  const int group = group_size(step);
  std::vector<double> times;
  const auto begin = Clock::now();
  do {
    const auto start = Clock::now();
    for (int i = 0; i < group; ++i) step();
    times.push_back(seconds_since(start) / group);
  } while (seconds_since(begin) < budget || times.size() < 10);
  double best = 1e9;
  for (std::size_t i = 0; i + 10 <= times.size(); ++i) {
    std::vector<double> window(times.begin() + static_cast<std::ptrdiff_t>(i),
                               times.begin() + static_cast<std::ptrdiff_t>(i) + 10);
    std::nth_element(window.begin(), window.begin() + 5, window.end());
    best = std::min(best, window[5]);
  }
  return best * 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "--list") {
    for (const Workload& workload : workloads())
      std::cout << workload.name << '\t' << workload.what << '\n';
    return 0;
  }
  std::map<std::string, std::function<void()>> steps;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream request(line);
    std::string name;
    double budget = 0.3;
    request >> name >> budget;
    const auto found = std::find_if(
        workloads().begin(), workloads().end(), [&](const Workload& w) { return w.name == name; });
    if (found == workloads().end()) {
      std::cout << "unknown" << std::endl;
      continue;
    }
    auto& step = steps[name];
    if (!step) step = found->make();
    std::cout << quiet_median(step, budget) / found->per_step << std::endl;
  }
  return 0;
}
