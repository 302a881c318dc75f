// Strikes out MISSED records when the hints that they name have been replayed,
// and those of time that is out of retention.
//
// Every few seconds it asks each holder that a record names for the state of
// its logs; itself without a network. A log that is done strikes its records;
// one that the holder does not know (its directory is lost, or something of it
// is damaged) leaves them, and is not asked for again before a restart.
//
// Threads: one of its own.
#ifndef VARVE_LIB_REPAIR_MISSED_STRIKER_H_
#define VARVE_LIB_REPAIR_MISSED_STRIKER_H_

#include <set>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lib/repair/missed_records.h"
#include "lib/repair/peers.h"
#include "lib/repair/worker.h"
#include "storage/engine/engine.h"

namespace varve::repair {

class MissedStriker {
 public:
  // All outlive it.
  MissedStriker(storage::Engine* engine, MissedRecords* records, Dial dial,
                absl::Duration interval = absl::Seconds(2));

 private:
  void Look(Worker& worker);
  // Of one holder.
  absl::Status Ask(Worker& worker, std::span<const HintLogName> logs);
  absl::Status AskPeer(Worker& worker, std::span<const HintLogName> logs);
  absl::Status Judge(const HintLogName& log, bool done, bool unknown);

  storage::Engine* const engine_;
  MissedRecords* const records_;
  Peers peers_;
  std::set<HintLogName> unknown_;
  Worker worker_;  // last: its thread uses the others
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_MISSED_STRIKER_H_
