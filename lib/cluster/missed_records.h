// The MISSED records of one write: gathered series by series, then stored by
// every node that has a copy of the rows.
//
// Threads: belongs to the thread of the write.
#ifndef VARVE_LIB_CLUSTER_MISSED_RECORDS_H_
#define VARVE_LIB_CLUSTER_MISSED_RECORDS_H_

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "lib/cluster/missed_ledger.h"
#include "lib/cluster/write_attempt.h"
#include "lib/model/time_range.h"

namespace varve::cluster {

class MissedRecords {
 public:
  explicit MissedRecords(WriteAttempt& attempt) : attempt_(attempt) {}

  static constexpr uint16_t kUnknownNode = UINT16_MAX;
  // `owner`, a node or one that was never heard of, lacks rows of `slot` in
  // `span`. The nodes `keepers` have them, and so has the hint lane `hints`
  // unless it is kNoLane.
  struct Keeper {
    uint16_t node = 0;
    KeeperHas has = KeeperHas::kUncompared;
  };
  void Add(uint16_t owner, uint16_t hints, std::span<const Keeper> keepers,
           uint16_t slot, const model::TimeRange& span);

  // FailedPrecondition when a node did not store its records: the write is
  // not acknowledged, and the next attempt does without that node. Unavailable
  // when its release has none.
  absl::Status Store();

 private:
  struct Key {
    uint16_t owner;
    uint16_t hints;
    uint16_t keeper;
    friend bool operator<(const Key& a, const Key& b) {
      return std::tie(a.owner, a.hints, a.keeper) <
             std::tie(b.owner, b.hints, b.keeper);
    }
  };
  struct Slots {
    std::vector<uint32_t> slots;
    model::TimeRange span{INT64_MAX, INT64_MIN};
    KeeperHas has = KeeperHas::kRows;
  };
  Miss MissOf(const Key& key, KeeperHas has) const;

  WriteAttempt& attempt_;
  std::map<Key, Slots> missed_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_MISSED_RECORDS_H_
