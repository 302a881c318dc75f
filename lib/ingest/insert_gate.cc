#include "lib/ingest/insert_gate.h"

namespace varve::ingest {

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

bool InsertGate::Enter() {
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
      left_.WaitFor(lock, absl::Milliseconds(left_ms));
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
