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

#include <compare>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "lib/base/mutex.h"
#include "lib/model/time_range.h"

namespace varve::cluster {

// Whose copy is missing, by node id, and the hints that hold its rows; 0, 0
// without hints.
struct Miss {
  uint64_t owner = 0;  // 0: a node that was never heard of
  uint64_t hint_holder = 0;
  uint64_t hint_log = 0;
  friend auto operator<=>(const Miss&, const Miss&) = default;
};

class MissedLedger {
 public:
  // Forgets everything when `liveness` is not the one of the last call: an
  // owner that was back may have had its records struck out.
  void Enter(uint32_t liveness);

  // The slots of `slots` for which `keeper` has no record of `miss` in `span`.
  std::vector<uint32_t> NotYet(const Miss& miss, uint64_t keeper,
                               const std::vector<uint32_t>& slots,
                               const model::TimeRange& span) const;
  // After `keeper` acknowledged. Ignored when the liveness has changed.
  void Add(uint32_t liveness, const Miss& miss, uint64_t keeper,
           const std::vector<uint32_t>& slots, const model::TimeRange& span);

 private:
  struct Entry {
    model::TimeRange span;
    absl::flat_hash_set<uint32_t> slots;
  };
  mutable base::Mutex mutex_;
  uint32_t liveness_ GUARDED_BY(mutex_) = 0;
  std::map<std::pair<Miss, uint64_t>, Entry> entries_ GUARDED_BY(mutex_);
};

// Out to whole hours.
model::TimeRange RoundToHours(const model::TimeRange& span);

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_MISSED_LEDGER_H_
