#include "lib/query/concurrency_gate.h"

#include <algorithm>

#include "lib/base/clock.h"

namespace varve::query {
namespace {

// How soon one that waits notices that nobody waits for it.
constexpr int64_t kAskMs = 200;

}  // namespace

ConcurrencyGate::ConcurrencyGate(int64_t capacity, absl::Duration queue_max,
                                 telemetry::Metrics& metrics)
    : capacity_(capacity),
      queue_max_(queue_max),
      current_gauge_(metrics.AddGauge("vm_concurrent_select_current")),
      limit_reached_(
          metrics.AddCounter("vm_concurrent_select_limit_reached_total")),
      limit_timeout_(
          metrics.AddCounter("vm_concurrent_select_limit_timeout_total")) {
  metrics.AddGauge("vm_concurrent_select_capacity")
      .Set(static_cast<double>(capacity));
}

bool ConcurrencyGate::Enter(const std::function<bool()>& gives_up) {
  base::MutexLock lock(mutex_);
  if (running_ >= capacity_) {
    limit_reached_.Increment();
    const int64_t end_ms =
        base::SystemClock().SteadyMs() + absl::ToInt64Milliseconds(queue_max_);
    while (running_ >= capacity_) {
      const int64_t left_ms = end_ms - base::SystemClock().SteadyMs();
      if (left_ms <= 0) {
        limit_timeout_.Increment();
        return false;
      }
      left_.WaitFor(lock, absl::Milliseconds(std::min(left_ms, kAskMs)));
      if (gives_up()) {
        left_.NotifyOne();  // a place that was meant for this one
        return false;
      }
    }
  }
  ++running_;
  current_gauge_.Set(static_cast<double>(running_));
  return true;
}

void ConcurrencyGate::Leave() {
  base::MutexLock lock(mutex_);
  --running_;
  current_gauge_.Set(static_cast<double>(running_));
  left_.NotifyOne();
}

}  // namespace varve::query
