#pragma once
/// How many CPUs this process may use. Not part of the public API.
#include <optional>
#include <string>

namespace nyala::detail {

/// The CPUs of the process's affinity, and no more than its control group's quota allows; at least
/// one.
int usable_cpus();

/// The least quota in CPUs of a process's control groups and those above them; nothing where there
/// is none. `groups` is the text of /proc/self/cgroup, `root` the folder that groups lie in
/// (/sys/fs/cgroup).
std::optional<double> cpu_quota(const std::string& groups, const std::string& root);

}  // namespace nyala::detail
