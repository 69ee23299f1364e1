// How many CPUs a process may use: quotas of control groups, affinity.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#if defined(__linux__)
#include <sched.h>

#include <thread>
#endif

#include <nyala/core/cpus.hpp>

using nyala::detail::cpu_quota;

namespace {

namespace fs = std::filesystem;

// A folder of control groups that is gone in the end.
class Groups {
 public:
  Groups() : root_(fs::temp_directory_path() / "nyala_cpus_test") { fs::remove_all(root_); }
  ~Groups() { fs::remove_all(root_); }
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;

  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::optional<double> quota(const std::string& groups) const {
    return cpu_quota(groups, root_.string());
  }

 private:
  fs::path root_;
};

}  // namespace

TEST_CASE("the least quota of a process's control groups counts, in both versions") {
  const Groups groups;
  CHECK(!groups.quota("0::/\n"));
  CHECK(!groups.quota(""));
  CHECK(!groups.quota("no line of it"));
  groups.write("cpu.max", "max 100000\n");
  CHECK(!groups.quota("0::/\n"));
  groups.write("a/cpu.max", "250000 100000\n");
  groups.write("a/b/cpu.max", "400000 100000\n");
  CHECK(groups.quota("0::/a/b\n") == 2.5);
  CHECK(groups.quota("0::/a/elsewhere\n") == 2.5);
  CHECK(!groups.quota("0::/elsewhere\n"));
  groups.write("cpu.max", "50000 100000\n");
  CHECK(groups.quota("0::/elsewhere\n") == 0.5);
  groups.write("cpu.max", "nonsense");
  CHECK(!groups.quota("0::/elsewhere\n"));

  groups.write("cpu,cpuacct/job/cpu.cfs_quota_us", "300000\n");
  groups.write("cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  groups.write("cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  groups.write("cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  CHECK(groups.quota("3:memory:/a\n4:cpu,cpuacct:/job\n") == 3.0);
  CHECK(!groups.quota("4:cpu,cpuacct:/\n5:cpuset:/job\n"));
}

#if defined(__linux__)
TEST_CASE("no more CPUs are used than the thread may run on") {
  const int before = nyala::detail::usable_cpus();
  CHECK(before >= 1);
  std::thread([] {  // another thread's affinity stays what it is
    cpu_set_t mine, one;
    REQUIRE(sched_getaffinity(0, sizeof mine, &mine) == 0);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
      if (CPU_ISSET(cpu, &mine)) CPU_SET(cpu, &one);
    }
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(nyala::detail::usable_cpus() == 1);
  })
      .join();
  CHECK(nyala::detail::usable_cpus() == before);
}
#endif
