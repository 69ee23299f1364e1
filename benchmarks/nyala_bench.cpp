// Nyala's side of the table; `nyala_bench --help` says how it is used.
#include <iomanip>

#include "guard.hpp"
#include "workloads.hpp"

namespace {

using bench::find_workload;
using bench::Workload;
using bench::workloads;

constexpr const char* kHelp = R"(usage:
  nyala_bench                              answer each line "WORKLOAD SECONDS" of standard input
  nyala_bench --run NAME,... [--seconds S] print "NAME MICROSECONDS" for each; "all" stands for all
  nyala_bench --list                       name, meaning, tags, units in a step, flops and bytes
  nyala_bench --steps NAME COUNT           run COUNT steps, untimed (for profilers)
  nyala_bench --guard FILE                 compare the quick workloads with recorded multiples of a
                                           reference loop; fails when one is twice as slow
  nyala_bench --record-guard FILE          record them
)";

int list() {
  for (const Workload& w : workloads()) {
    std::cout << w.name << '\t' << w.what << '\t' << (w.tags & bench::kQuick ? "quick " : "")
              << (w.tags & bench::kOverhead ? "overhead " : "")
              << (w.tags & bench::kGrowth ? "growth " : "")
              << (w.tags & bench::kThreads ? "threads" : "") << '\t' << w.units << '\t' << w.flops
              << '\t' << w.bytes << '\n';
  }
  return 0;
}

const Workload& need_workload(const std::string& name) {
  const Workload* found = find_workload(name);
  if (!found) throw std::runtime_error("no workload \"" + name + "\"; see --list");
  return *found;
}

std::vector<std::string> split_names(const std::string& text) {
  std::vector<std::string> names;
  std::istringstream stream(text);
  for (std::string name; std::getline(stream, name, ',');) names.push_back(name);
  if (text == "all") {
    names.clear();
    for (const Workload& workload : workloads()) names.push_back(workload.name);
  }
  return names;
}

int run(const std::string& names, double seconds) {
  for (const std::string& name : split_names(names)) {
    const Workload& workload = need_workload(name);
    const double figure = bench::quiet_median(workload.make(), seconds) / workload.units;
    std::cout << std::left << std::setw(28) << name << ' ' << figure << std::endl;
  }
  return 0;
}

int run_steps(const std::string& name, long count) {
  const bench::Step step = need_workload(name).make();
  for (long i = 0; i < count; ++i) step();
  return 0;
}

bench::Maker maker(const std::string& name) {
  const Workload* workload = find_workload(name);
  if (!workload) return {};
  return [workload] { return bench::Measured{workload->make(), workload->units}; };
}

int serve() {
  std::cout << "ready" << std::endl;
  bench::serve(maker);
  return 0;
}

int dispatch(const std::vector<std::string>& args) {
  const std::string mode = args.empty() ? "" : args[0];
  if (mode.empty()) return serve();
  if (mode == "--list") return list();
  if (mode == "--run" && args.size() == 2) return run(args[1], 0.3);
  if (mode == "--run" && args.size() == 4 && args[2] == "--seconds")
    return run(args[1], std::stod(args[3]));
  if (mode == "--steps" && args.size() == 3) return run_steps(args[1], std::stol(args[2]));
  if (mode == "--guard" && args.size() == 2) return bench::guard(args[1]) > 0;
  if (mode == "--record-guard" && args.size() == 2) {
    bench::record_guard(args[1]);
    return 0;
  }
  std::cout << kHelp;
  return mode == "--help" ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::cerr << "nyala_bench: " << error.what() << '\n';
    return 1;
  }
}
