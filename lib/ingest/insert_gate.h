// At most so many inserts at once; the rest wait their turn, but not for long.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_INGEST_INSERT_GATE_H_
#define VARVE_LIB_INGEST_INSERT_GATE_H_

#include <cstdint>
#include <functional>

#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/telemetry/metrics.h"

namespace varve::ingest {

class InsertGate {
 public:
  // -maxConcurrentInserts and -insert.maxQueueDuration. `show_occupancy`:
  // vm_concurrent_insert_{capacity,current}; a storage node in the same
  // process shows its own.
  InsertGate(int concurrent_max, absl::Duration queue_max,
             telemetry::Metrics& metrics, bool show_occupancy = true);
  ~InsertGate();

  // Holds a place while it lives, if it got one.
  class Pass {
   public:
    // `gives_up`, unless null, is asked while it waits: true ends the wait.
    explicit Pass(InsertGate& gate,
                  const std::function<bool()>& gives_up = nullptr)
        : gate_(gate), granted_(gate.Enter(gives_up)) {}
    ~Pass() {
      if (granted_) gate_.Leave();
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    bool granted() const { return granted_; }

   private:
    InsertGate& gate_;
    const bool granted_;
  };

  int concurrent_max() const { return concurrent_max_; }

 private:
  bool Enter(const std::function<bool()>& gives_up);
  void Leave();

  const int concurrent_max_;
  const absl::Duration queue_max_;
  telemetry::Metrics& metrics_;
  telemetry::Counter& limit_reached_;
  telemetry::Counter& limit_timeout_;
  mutable base::Mutex mutex_;
  base::CondVar left_;
  int inside_ GUARDED_BY(mutex_) = 0;
};

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_INSERT_GATE_H_
