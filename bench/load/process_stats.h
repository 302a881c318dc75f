// What /proc and the file system tell of a process under load.
//
// Errors:  0 for what cannot be read.
// Threads: free functions without state.
#ifndef VARVE_BENCH_LOAD_PROCESS_STATS_H_
#define VARVE_BENCH_LOAD_PROCESS_STATS_H_

#include <cstdint>
#include <string>

namespace varve::bench {

// User and system time of all its threads.
double CpuSeconds(int pid);
int64_t PeakRssBytes(int pid);
// Blocks on disk, as du counts them.
int64_t DirectoryBytes(const std::string& path);

}  // namespace varve::bench

#endif  // VARVE_BENCH_LOAD_PROCESS_STATS_H_
