#include <nyala/core/cpus.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace nyala::detail {
namespace {

// "200000 100000": what may be used, in microseconds, of each so many. "max" or a negative number
// is no limit.
std::optional<double> quota_of(std::istream& text) {
  double quota = 0, period = 0;
  if (!(text >> quota >> period) || quota <= 0 || period <= 0) return {};
  return quota / period;
}

// Version 2 keeps both numbers in one file, version 1 each in one of its own.
std::optional<double> quota_in(const std::string& folder) {
  if (std::ifstream file(folder + "/cpu.max"); file) return quota_of(file);
  std::ifstream quota(folder + "/cpu.cfs_quota_us"), period(folder + "/cpu.cfs_period_us");
  std::stringstream both;
  if (!quota || !period) return {};
  both << quota.rdbuf() << ' ' << period.rdbuf();
  return quota_of(both);
}

// Of the line "4:cpu,cpuacct:/name" of version 1, of "0::/name" of version 2.
struct Group {
  std::string controllers, path;
};
std::optional<Group> group_of(const std::string& line) {
  const std::size_t first = line.find(':');
  const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
  if (second == std::string::npos) return {};
  return Group{line.substr(first + 1, second - first - 1), line.substr(second + 1)};
}

bool controls_cpus(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "cpu") return true;
  }
  return controllers.empty();  // version 2 has one hierarchy
}

int cpus_of_affinity() {
#if defined(__linux__)
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) == 0) return CPU_COUNT(&cpus);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

std::optional<double> cpu_quota(const std::string& groups, const std::string& root) {
  std::optional<double> least;
  const auto look_in = [&](const std::string& folder) {
    if (const auto quota = quota_in(folder)) least = std::min(least.value_or(*quota), *quota);
  };
  std::istringstream lines(groups);
  for (std::string line; std::getline(lines, line);) {
    auto group = group_of(line);
    if (!group || !controls_cpus(group->controllers)) continue;
    std::string base = root;
    if (!group->controllers.empty()) base += '/' + group->controllers;
    // Within a container the path is the host's: what is there of it counts, its root for sure.
    for (std::string& path = group->path; path.size() > 1; path.erase(path.rfind('/')))
      look_in(base + path);
    look_in(base);
  }
  return least;
}

int usable_cpus() {
  int count = std::max(1, cpus_of_affinity());
#if defined(__linux__)
  std::ifstream file("/proc/self/cgroup");
  std::stringstream groups;
  groups << file.rdbuf();
  if (const auto quota = cpu_quota(groups.str(), "/sys/fs/cgroup"))
    count = std::min(count, static_cast<int>(std::clamp(std::ceil(*quota), 1.0, 1e6)));
#endif
  return count;
}

}  // namespace nyala::detail
