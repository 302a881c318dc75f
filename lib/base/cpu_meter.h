// The CPU that one piece of work takes, over the threads that help with it.
//
// Made by the thread that does most of the work: its time counts as a whole,
// that of others by a CpuShare around what they do.
//
// Threads: us() and shares from any thread.
#ifndef VARVE_LIB_BASE_CPU_METER_H_
#define VARVE_LIB_BASE_CPU_METER_H_

#include <atomic>
#include <cstdint>
#include <thread>

#include "lib/base/stopwatch.h"

namespace varve::base {

class CpuMeter {
 public:
  // Of the others so far; and, when asked by its own thread, of that too.
  int64_t us() const {
    return others_us_ + (IsOwner() ? own_.ElapsedUs() : 0);
  }

 private:
  friend class CpuShare;
  bool IsOwner() const { return std::this_thread::get_id() == owner_; }

  const std::thread::id owner_ = std::this_thread::get_id();
  const CpuStopwatch own_;
  std::atomic<int64_t> others_us_{0};
};

// What this thread does while it lives is part of the work. A null meter
// counts nothing.
class CpuShare {
 public:
  explicit CpuShare(CpuMeter* meter)
      : meter_(meter == nullptr || meter->IsOwner() ? nullptr : meter) {}
  ~CpuShare() {
    if (meter_ != nullptr) meter_->others_us_ += watch_.ElapsedUs();
  }
  CpuShare(const CpuShare&) = delete;
  CpuShare& operator=(const CpuShare&) = delete;

 private:
  CpuMeter* const meter_;
  const CpuStopwatch watch_;
};

}  // namespace varve::base

#endif  // VARVE_LIB_BASE_CPU_METER_H_
