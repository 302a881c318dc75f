// How the kernel's scheduler weighs a thread against others (setpriority(2): on
// Linux a nice value is a thread's own).
//
// Threads: a free function of the calling thread.
#ifndef VARVE_LIB_BASE_THREAD_NICE_H_
#define VARVE_LIB_BASE_THREAD_NICE_H_

#include <sys/resource.h>

namespace varve::base {

// Of work that nobody waits for: a tenth of the CPU time where all of it is
// asked for, all of it where the rest is idle.
inline constexpr int kBackgroundNice = 10;

// Of the calling thread, for good: without rights a thread cannot go back.
inline void SetThreadNice(int nice) {
  if (nice != 0) (void)setpriority(PRIO_PROCESS, 0, nice);
}

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_THREAD_NICE_H_
