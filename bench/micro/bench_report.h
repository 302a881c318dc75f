// One line of a micro benchmark: median and spread of several runs.
//
//   const int64_t rows = RowsFromArgs(argc, argv, 10'000);
//   Report("encode counter", rows, bytes, [&] { ...; return checksum; });
//
// Out:     name, ns/sample as median (min..max) of kRuns runs of process CPU
//          time, bytes/sample, and a checksum of the result, on stdout.
// Small:   without an argument a benchmark is small and runs with the tests;
//          its first argument is the number of samples of a real run.
#ifndef VARVE_BENCH_MICRO_BENCH_REPORT_H_
#define VARVE_BENCH_MICRO_BENCH_REPORT_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace varve::bench {

inline constexpr int kRuns = 5;

inline int64_t RowsFromArgs(int argc, char** argv, int64_t small) {
  const int64_t rows = argc > 1 ? std::atoll(argv[1]) : small;
  return rows > 0 ? rows : small;
}

inline double CpuNanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 +
         static_cast<double>(now.tv_nsec);
}

// `run` returns a checksum that keeps its work from being optimised away.
template <typename Run>
void Report(const char* name, int64_t samples, int64_t bytes, Run run) {
  std::array<double, kRuns> ns;
  uint64_t checksum = 0;
  for (double& one : ns) {
    const double begin = CpuNanoseconds();
    checksum = run();
    one = (CpuNanoseconds() - begin) / static_cast<double>(samples);
  }
  std::sort(ns.begin(), ns.end());
  std::printf("%-34s %8.2f ns/sample (%.2f..%.2f) %8.3f B/sample  %016llx\n",
              name, ns[kRuns / 2], ns.front(), ns.back(),
              static_cast<double>(bytes) / static_cast<double>(samples),
              static_cast<unsigned long long>(checksum));
}

}  // namespace varve::bench

#endif  // VARVE_BENCH_MICRO_BENCH_REPORT_H_
