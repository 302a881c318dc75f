// Which MISSED records this process has had stored already.
//
// While an owner is down every write misses it; without this each write would
// add a record that says the same. A record's span is rounded out to hours, so
// that one record covers the writes of an hour.
//
// Why:     the record is stored by every node with a copy before the write is
//          acknowledged; docs/operations.md says what it is for.
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_MISSED_LEDGER_H_
#define VARVE_LIB_CLUSTER_MISSED_LEDGER_H_

#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/model/time_range.h"
#include "lib/placement/ring.h"

namespace varve::cluster {

class MissedLedger {
 public:
  // Forgets everything when `liveness` is not the one of the last call: an
  // owner that was back may have had its records struck out.
  void Enter(uint32_t liveness);

  // The slots of `slots` that `holder` has no record of for `owner` in `span`.
  std::vector<uint32_t> NotYet(uint64_t owner, uint64_t holder,
                               const std::vector<uint32_t>& slots,
                               const model::TimeRange& span) const;
  // After `holder` acknowledged. Ignored when the liveness has changed.
  void Add(uint32_t liveness, uint64_t owner, uint64_t holder,
           const std::vector<uint32_t>& slots, const model::TimeRange& span);

 private:
  struct Entry {
    model::TimeRange span;
    std::bitset<placement::kSlots> slots;  // 8 KiB
  };
  mutable base::Mutex mutex_;
  uint32_t liveness_ GUARDED_BY(mutex_) = 0;
  std::map<std::pair<uint64_t, uint64_t>, std::unique_ptr<Entry>> entries_
      GUARDED_BY(mutex_);
};

// Out to whole hours.
model::TimeRange RoundToHours(const model::TimeRange& span);

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_MISSED_LEDGER_H_
