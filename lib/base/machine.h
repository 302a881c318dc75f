// What the machine or its cgroup (v1 or v2) gives this process.
//
// Threads: free functions; values are read at each call.
#ifndef VARVE_LIB_BASE_MACHINE_H_
#define VARVE_LIB_BASE_MACHINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace varve::base {

// CPUs usable at once, a cgroup quota included; 0.5 for half a core.
double AvailableCpus();

// AvailableCpus rounded up, at least 1: how many threads make sense.
int CpuThreads();

// The cgroup's memory limit, or the machine's memory where there is none.
int64_t MemoryLimitBytes();

// Resident memory of this process that no file is behind; 0 where /proc does
// not say.
int64_t ProcessMemoryBytes();

namespace internal {

struct CgroupLimits {
  std::optional<double> cpus;
  std::optional<int64_t> memory_bytes;
};

// The path /proc/self/cgroup names for a v1 controller, or for v2 with "";
// empty for the root.
std::string CgroupPath(std::string_view proc_cgroup,
                       std::string_view controller);

// The lowest limits from the process' group up to the mount `root`.
CgroupLimits ReadCgroupLimits(const std::string& root,
                              const std::string& proc_cgroup);

}  // namespace internal

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_MACHINE_H_
