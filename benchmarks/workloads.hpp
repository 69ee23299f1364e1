#pragma once
#include <functional>
#include <string>
#include <vector>

/// One thing measured. `make` builds its data and gives one step, which counts as `per_step` units.
struct Workload {
  std::string name;
  std::string what;
  std::function<std::function<void()>()> make;
  double per_step = 1;
};

const std::vector<Workload>& workloads();
