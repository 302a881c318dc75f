// One line of a micro benchmark: best and spread of several runs.
//
//   const int64_t rows = RowsFromArgs(argc, argv, 10'000);
//   Report("encode counter", rows, bytes, [&] { ...; return checksum; });
//
// Out:     name, ns/sample as best (median..worst) of `runs` runs of process CPU
//          time, bytes/sample, and a checksum of the result, on stdout. The best
//          is the machine's; what others do on it makes the rest.
// Small:   without an argument a benchmark is small and runs with the tests;
//          its first argument is the number of samples of a real run.
#ifndef VARVE_BENCH_MICRO_BENCH_REPORT_H_
#define VARVE_BENCH_MICRO_BENCH_REPORT_H_

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace varve::bench {

inline constexpr int kRuns = 5;
inline constexpr int kManyRuns = 31;  // for runs of milliseconds

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
void Report(const char* name, int64_t samples, int64_t bytes, Run run,
            int runs = kRuns) {
  std::vector<double> ns(static_cast<size_t>(runs));
  uint64_t checksum = 0;
  for (double& one : ns) {
    const double begin = CpuNanoseconds();
    checksum = run();
    one = (CpuNanoseconds() - begin) / static_cast<double>(samples);
  }
  std::sort(ns.begin(), ns.end());
  std::printf("%-42s %8.2f ns/sample (%.2f..%.2f) %8.3f B/sample  %016llx\n",
              name, ns.front(), ns[ns.size() / 2], ns.back(),
              static_cast<double>(bytes) / static_cast<double>(samples),
              static_cast<unsigned long long>(checksum));
}

}  // namespace varve::bench

#endif  // VARVE_BENCH_MICRO_BENCH_REPORT_H_
