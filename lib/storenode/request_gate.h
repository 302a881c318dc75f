// Lets a bounded number of requests run; others wait in a bounded time.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_STORENODE_REQUEST_GATE_H_
#define VARVE_LIB_STORENODE_REQUEST_GATE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"

namespace varve::storenode {

class RequestGate {
 public:
  // `limit_flag` and `queue_flag` are named in the error.
  RequestGate(int64_t capacity, absl::Duration queue_max,
              std::string limit_flag, std::string queue_flag)
      : capacity_(capacity),
        queue_max_(queue_max),
        limit_flag_(std::move(limit_flag)),
        queue_flag_(std::move(queue_flag)) {}

  // Holds a place for as long as it lives, when status() is OK.
  class Pass {
   public:
    explicit Pass(RequestGate& gate) : gate_(gate), status_(gate.Enter()) {}
    ~Pass() {
      if (status_.ok()) gate_.Leave();
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    const absl::Status& status() const { return status_; }

   private:
    RequestGate& gate_;
    const absl::Status status_;
  };

  int64_t capacity() const { return capacity_; }
  int64_t current() const { return running_.load(); }
  int64_t reached() const { return reached_.load(); }
  int64_t timeouts() const { return timeouts_.load(); }

 private:
  // Unavailable: another replica may have room.
  absl::Status Enter() {
    base::MutexLock lock(mutex_);
    if (running_ >= capacity_) ++reached_;
    const base::Clock& clock = base::SystemClock();
    const int64_t end_ms =
        clock.SteadyMs() + absl::ToInt64Milliseconds(queue_max_);
    while (running_ >= capacity_) {
      const int64_t left_ms = std::max<int64_t>(end_ms - clock.SteadyMs(), 0);
      if (left_.WaitFor(lock, absl::Milliseconds(left_ms))) continue;
      if (running_ < capacity_) break;
      ++timeouts_;
      return base::Unavailable("over ", capacity_,
                               " concurrent requests; possible solutions: "
                               "increase -",
                               queue_flag_, "=",
                               absl::FormatDuration(queue_max_),
                               ", increase -", limit_flag_,
                               ", add CPU to storage nodes");
    }
    ++running_;
    return absl::OkStatus();
  }
  void Leave() {
    base::MutexLock lock(mutex_);
    --running_;
    left_.NotifyOne();
  }

  const int64_t capacity_;
  const absl::Duration queue_max_;
  const std::string limit_flag_;
  const std::string queue_flag_;
  base::Mutex mutex_;
  base::CondVar left_;
  std::atomic<int64_t> running_{0};  // changed under mutex_ only
  std::atomic<int64_t> reached_{0};
  std::atomic<int64_t> timeouts_{0};
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_REQUEST_GATE_H_
