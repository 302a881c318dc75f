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
#include "lib/base/alive.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"

namespace varve::storenode {

class RequestGate {
 public:
  // `way_out`: what the error says to who waited in vain. More than
  // `waiting_max` at once do not wait at all.
  RequestGate(int64_t capacity, absl::Duration queue_max, std::string way_out,
              int64_t waiting_max = INT64_MAX)
      : capacity_(capacity),
        queue_max_(queue_max),
        way_out_(std::move(way_out)),
        waiting_max_(waiting_max) {}

  // Holds a place for as long as it lives, when status() is OK. Who waits asks
  // `alive` now and then; null: always.
  class Pass {
   public:
    explicit Pass(RequestGate& gate, const base::Alive* alive = nullptr)
        : gate_(gate), status_(gate.Enter(alive)) {}
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
  static constexpr int64_t kUnaskedMs = 1'000;

  // Unavailable: another replica may have room.
  absl::Status Enter(const base::Alive* alive) {
    base::MutexLock lock(mutex_);
    if (running_ >= capacity_) {
      ++reached_;
      RETURN_IF_ERROR(Wait(lock, alive));
    }
    ++running_;
    return absl::OkStatus();
  }
  absl::Status Wait(base::MutexLock& lock, const base::Alive* alive)
      REQUIRES_LOCK(mutex_) {
    if (waiting_ >= waiting_max_) return Refuse();
    ++waiting_;
    const base::Clock& clock = base::SystemClock();
    const int64_t end_ms =
        clock.SteadyMs() + absl::ToInt64Milliseconds(queue_max_);
    absl::Status status = base::CheckAlive(alive);
    while (status.ok() && running_ >= capacity_) {
      const int64_t left_ms = end_ms - clock.SteadyMs();
      if (left_ms <= 0) {
        status = Refuse();
        break;
      }
      left_.WaitFor(lock, absl::Milliseconds(alive == nullptr
                                                 ? left_ms
                                                 : std::min(left_ms,
                                                            kUnaskedMs)));
      status = base::CheckAlive(alive);
    }
    --waiting_;
    // What it may have been woken for is another one's.
    if (!status.ok()) left_.NotifyOne();
    return status;
  }
  absl::Status Refuse() {
    ++timeouts_;
    return base::Unavailable("over ", capacity_, " concurrent requests",
                             way_out_);
  }
  void Leave() {
    base::MutexLock lock(mutex_);
    --running_;
    left_.NotifyOne();
  }

  const int64_t capacity_;
  const absl::Duration queue_max_;
  const std::string way_out_;
  const int64_t waiting_max_;
  base::Mutex mutex_;
  base::CondVar left_;
  std::atomic<int64_t> running_{0};  // changed under mutex_ only
  int64_t waiting_ GUARDED_BY(mutex_) = 0;
  std::atomic<int64_t> reached_{0};
  std::atomic<int64_t> timeouts_{0};
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_REQUEST_GATE_H_
