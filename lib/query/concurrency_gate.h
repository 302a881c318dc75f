// Lets a bounded number of queries run; others wait in a bounded time.
//
// Queries hold memory and threads; more of them at once are slower for all.
//
// Metrics: vm_concurrent_select_{capacity,current,limit_reached_total,
//          limit_timeout_total}.
// Threads: all members from any thread.
#ifndef VARVE_LIB_QUERY_CONCURRENCY_GATE_H_
#define VARVE_LIB_QUERY_CONCURRENCY_GATE_H_

#include <cstdint>
#include <functional>

#include "absl/time/time.h"
#include "lib/base/mutex.h"
#include "lib/telemetry/metrics.h"

namespace varve::query {

class ConcurrencyGate {
 public:
  ConcurrencyGate(int64_t capacity, absl::Duration queue_max,
                  telemetry::Metrics& metrics);

  // Holds a place for as long as it lives, if there was one.
  class Pass {
   public:
    // `gives_up` is asked while it waits.
    Pass(ConcurrencyGate& gate, const std::function<bool()>& gives_up)
        : gate_(gate), held_(gate.Enter(gives_up)) {}
    ~Pass() {
      if (held_) gate_.Leave();
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    bool held() const { return held_; }

   private:
    ConcurrencyGate& gate_;
    const bool held_;
  };

  int64_t capacity() const { return capacity_; }

 private:
  bool Enter(const std::function<bool()>& gives_up);
  void Leave();

  const int64_t capacity_;
  const absl::Duration queue_max_;
  telemetry::Gauge& current_gauge_;
  telemetry::Counter& limit_reached_;
  telemetry::Counter& limit_timeout_;

  base::Mutex mutex_;
  base::CondVar left_;
  int64_t running_ GUARDED_BY(mutex_) = 0;
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_CONCURRENCY_GATE_H_
