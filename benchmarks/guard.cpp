// Guards against regressions. Times differ between machines and moments, so each workload is
// expressed as a multiple of a reference loop that is timed beside it.
#include "guard.hpp"

#include <fstream>
#include <iomanip>

#include "workloads.hpp"

namespace bench {
namespace {

constexpr double kBudget = 0.05;  // seconds a workload
constexpr double kTolerance = 2;  // times the recorded multiple
constexpr int kTries = 3;         // a noisy moment is no regression

// A chain of dependent multiply-adds: it depends on the clock of the core alone.
double reference() {
  static volatile float seed = 0.5f;
  return quiet_median(
      [] {
        float value = seed;
        for (int i = 0; i < 1000; ++i) value = value * 0.999f + 0.001f;
        seed = value;
      },
      kBudget / 5);
}

double multiple(const Step& step, double units) {
  return quiet_median(step, kBudget) / units / reference();
}

template <class Body>
void for_quick_workloads(Body body) {
  for (const Workload& workload : workloads())
    if (workload.tags & kQuick) body(workload);
}

std::map<std::string, double> read(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) throw std::runtime_error("cannot read " + file);
  std::map<std::string, double> recorded;
  std::string name;
  double value = 0;
  while (stream >> name >> value) recorded[name] = value;
  return recorded;
}

}  // namespace

int guard(const std::string& file) {
  const auto recorded = read(file);
  int failures = 0;
  for_quick_workloads([&](const Workload& workload) {
    const auto entry = recorded.find(workload.name);
    if (entry == recorded.end()) return;
    const Step step = workload.make();
    double lowest = 1e300;
    for (int i = 0; i < kTries && lowest > kTolerance * entry->second; ++i)
      lowest = std::min(lowest, multiple(step, workload.units));
    const bool failed = lowest > kTolerance * entry->second;
    failures += failed;
    std::cout << std::left << std::setw(28) << workload.name << std::right << std::setprecision(4)
              << std::setw(10) << lowest << " of " << std::setw(10) << entry->second
              << (failed ? "  TOO SLOW" : "") << std::endl;
  });
  return failures;
}

void record_guard(const std::string& file) {
  std::ofstream stream(file);
  for_quick_workloads([&](const Workload& workload) {
    const Step step = workload.make();
    double lowest = 1e300;
    for (int i = 0; i < kTries; ++i) lowest = std::min(lowest, multiple(step, workload.units));
    stream << workload.name << ' ' << std::setprecision(4) << lowest << '\n';
  });
  if (!stream.flush()) throw std::runtime_error("cannot write " + file);
}

}  // namespace bench
