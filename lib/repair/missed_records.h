// The MISSED records of a node, as far as hints or time strike them out.
#ifndef VARVE_LIB_REPAIR_MISSED_RECORDS_H_
#define VARVE_LIB_REPAIR_MISSED_RECORDS_H_

#include <compare>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace varve::repair {

// The hints that `holder` keeps for `owner` under the random number `log`.
struct HintLogName {
  uint64_t holder = 0;
  uint64_t owner = 0;
  uint64_t log = 0;
  friend auto operator<=>(const HintLogName&, const HintLogName&) = default;
};

// Threads: all members from any thread.
class MissedRecords {
 public:
  virtual ~MissedRecords() = default;
  // Logs that records here name; none is the usual case, and cheap.
  virtual absl::StatusOr<std::vector<HintLogName>> HintLogs() const = 0;
  // The owner has all rows of the log: its records go, durably.
  virtual absl::Status Strike(const HintLogName& log) = 0;
  // The records of what is out of retention go; cheap when called often.
  virtual absl::Status DropOld(int64_t now_ms) = 0;
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_MISSED_RECORDS_H_
