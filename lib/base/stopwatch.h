// How long something took: by the clock, and of this thread's CPU.
//
// Threads: a CpuStopwatch belongs to the thread that made it.
#ifndef VARVE_LIB_BASE_STOPWATCH_H_
#define VARVE_LIB_BASE_STOPWATCH_H_

#include <time.h>

#include <cstdint>

namespace varve::base {

template <clockid_t kClock>
class BasicStopwatch {
 public:
  BasicStopwatch() : start_us_(NowUs()) {}
  int64_t ElapsedUs() const { return NowUs() - start_us_; }

 private:
  static int64_t NowUs() {
    timespec now{};
    clock_gettime(kClock, &now);
    return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  }
  const int64_t start_us_;
};

using Stopwatch = BasicStopwatch<CLOCK_MONOTONIC>;
using CpuStopwatch = BasicStopwatch<CLOCK_THREAD_CPUTIME_ID>;

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_STOPWATCH_H_
