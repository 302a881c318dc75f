#include "lib/ingest/insert_gate.h"

#include <algorithm>

namespace varve::ingest {
namespace {

// How soon one that waits notices that nobody waits for it.
constexpr int64_t kAskMs = 200;

}  // namespace

InsertGate::InsertGate(int concurrent_max, absl::Duration queue_max,
                       telemetry::Metrics& metrics, bool show_occupancy)
    : concurrent_max_(concurrent_max),
      queue_max_(queue_max),
      metrics_(metrics),
      limit_reached_(
          metrics.AddCounter("vm_concurrent_insert_limit_reached_total")),
      limit_timeout_(
          metrics.AddCounter("vm_concurrent_insert_limit_timeout_total")) {
  if (!show_occupancy) return;
  metrics.AddCallback(this, "vm_concurrent_insert_capacity", {},
                      [this] { return static_cast<double>(concurrent_max_); });
  metrics.AddCallback(this, "vm_concurrent_insert_current", {}, [this] {
    base::MutexLock lock(mutex_);
    return static_cast<double>(inside_);
  });
}

InsertGate::~InsertGate() { metrics_.RemoveCallbacks(this); }

bool InsertGate::Enter(const std::function<bool()>& gives_up) {
  base::MutexLock lock(mutex_);
  if (inside_ >= concurrent_max_) {
    limit_reached_.Increment();
    const base::Clock& clock = base::SystemClock();
    const int64_t deadline_ms =
        clock.SteadyMs() + absl::ToInt64Milliseconds(queue_max_);
    while (inside_ >= concurrent_max_) {
      const int64_t left_ms = deadline_ms - clock.SteadyMs();
      if (left_ms <= 0) {
        limit_timeout_.Increment();
        return false;
      }
      if (gives_up && gives_up()) {
        left_.NotifyOne();  // a place that was meant for this one
        return false;
      }
      left_.WaitFor(lock, absl::Milliseconds(
                              gives_up ? std::min(left_ms, kAskMs) : left_ms));
    }
  }
  ++inside_;
  return true;
}

void InsertGate::Leave() {
  base::MutexLock lock(mutex_);
  --inside_;
  left_.NotifyOne();
}

}  // namespace varve::ingest
