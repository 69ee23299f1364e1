#include "../workloads.hpp"

namespace bench {

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = [] {
    std::vector<Workload> list;
    add_small_ops(list);
    add_dots(list);
    add_models(list);
    add_convolutions(list);
    add_sequences(list);
    add_kernels(list);
    add_growth(list);
    add_arithmetic(list);
    return list;
  }();
  return all;
}

const Workload* find_workload(const std::string& name) {
  for (const Workload& workload : workloads())
    if (workload.name == name) return &workload;
  return nullptr;
}

}  // namespace bench
