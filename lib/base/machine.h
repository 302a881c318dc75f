// What the machine or its cgroup (v1 or v2) gives this process.
//
// Threads: free functions; values are read at each call.
#ifndef VARVE_LIB_BASE_MACHINE_H_
#define VARVE_LIB_BASE_MACHINE_H_

#include <cstdint>

namespace varve::base {

// CPUs usable at once, a cgroup quota included; 0.5 for half a core.
double AvailableCpus();

// AvailableCpus rounded up, at least 1: how many threads make sense.
int CpuThreads();

// The cgroup's memory limit, or the machine's memory where there is none.
int64_t MemoryLimitBytes();

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_MACHINE_H_
