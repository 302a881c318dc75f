// Which MISSED records this process has had stored already.
//
// While an owner is down every write misses it; without this each write would
// add a record that says the same. A record's span is rounded out to hours, so
// that one record covers the writes of an hour.
//
// A keeper may strike a record out when the owner has compared its copies. It
// tells so beforehand, by another mark in its answers to rows (COMPARED in
// docs/formats/wire.md): with it all records are put again.
//
// Why:     the record is stored by every node with a copy before the write is
//          acknowledged; docs/operations.md says what it is for.
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_MISSED_LEDGER_H_
#define VARVE_LIB_CLUSTER_MISSED_LEDGER_H_

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/base/mutex.h"
#include "lib/model/slot_set.h"
#include "lib/model/time_range.h"

namespace varve::cluster {

// What of the rows that rely on a record its keeper has; the worst of all.
enum class KeeperHas : uint8_t {
  kRows,   // all, as its own
  kHints,  // of some hints only
  // Some that no comparison finds.
  kUncompared,
};

// Whose copy is missing, by node id, and the hints that hold its rows; 0, 0
// without hints.
struct Miss {
  uint64_t owner = 0;  // 0: a node that was never heard of
  uint64_t ring = 0;   // by which the rows were routed
  uint64_t hint_holder = 0;
  uint64_t hint_log = 0;
  KeeperHas keeper_has = KeeperHas::kUncompared;
  friend auto operator<=>(const Miss&, const Miss&) = default;
};

class MissedLedger {
 public:
  // Forgets everything when `liveness` is not the one of the last call: an
  // owner that was back may have had its records struck out.
  void Enter(uint32_t liveness);
  // `node` has stored rows, and answered with this mark. Forgets everything
  // when it is not the one of its last answer. To be called before the records
  // of these rows are looked for.
  void NoteMark(uint64_t node, uint64_t mark);
  // Changes whenever everything is forgotten. To be asked for before records
  // are put that are added then.
  uint64_t period() const;

  // The slots of `slots` for which `keeper` has no record of `miss` in `span`.
  std::vector<uint32_t> NotYet(const Miss& miss, uint64_t keeper,
                               const std::vector<uint32_t>& slots,
                               const model::TimeRange& span) const;
  // After `keeper` acknowledged. Ignored when the period is over.
  void Add(uint64_t period, const Miss& miss, uint64_t keeper,
           const std::vector<uint32_t>& slots, const model::TimeRange& span);

 private:
  struct Entry {
    model::TimeRange span;
    model::SlotSet slots;
  };
  void Forget() REQUIRES_LOCK(mutex_);

  mutable base::Mutex mutex_;
  uint64_t period_ GUARDED_BY(mutex_) = 0;
  uint32_t liveness_ GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, uint64_t> marks_ GUARDED_BY(mutex_);
  // By miss and keeper, a few spans each: rows of now and of a backlog come by
  // turns.
  std::map<std::pair<Miss, uint64_t>, std::deque<Entry>> entries_
      GUARDED_BY(mutex_);
};

// Out to whole hours.
model::TimeRange RoundToHours(const model::TimeRange& span);

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_MISSED_LEDGER_H_
