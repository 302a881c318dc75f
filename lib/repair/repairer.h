// Keeps this node's copies whole: again and again it compares what it owns
// with the other nodes that own or owned the same slots, and pulls what it
// lacks. So it gets its rows back after damage or in an empty directory, those
// that nobody kept for it while it was down, and as a new node its share.
//
// A pass begins `interval` after the end of the one before, sooner when a new
// ring has come or somebody asks for one (RepairProgress::Force). It takes one
// node after the other; one that cannot be reached, is of an older release, or
// fails in the middle is left out, and the pass is not complete; nor is it when
// rows were refused here. Of a node that is in older rings alone nobody knows
// whether it will be back: it is pulled from as long as it can be reached, but
// when it was away for most of a day only in a pass that was asked for, and not
// at all once it is forgotten (forgotten_nodes.h).
//
// Who keeps MISSED records of this node is told at the end of a pass what was
// compared (compared_marks.h), so that it strikes them out.
//
// Threads: one of its own.
#ifndef VARVE_LIB_REPAIR_REPAIRER_H_
#define VARVE_LIB_REPAIR_REPAIRER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/repair/byte_rate.h"
#include "lib/repair/compared_marks.h"
#include "lib/repair/peer_repair.h"
#include "lib/repair/peers.h"
#include "lib/repair/repair_progress.h"
#include "lib/repair/slot_shares.h"
#include "lib/repair/worker.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/engine.h"

namespace varve::repair {

struct RepairerOptions {
  // 0: only when it is asked for.
  absl::Duration interval = absl::Minutes(10);
  // Of the first pass after a start: hints come first.
  absl::Duration first = absl::Minutes(1);
  int64_t bytes_per_second = 0;  // of samples as sent; 0: no bound
  int64_t retention_ms = 0;
  int64_t future_ms = 2 * model::kDayMs;  // how far ahead of now rows may be
  // How long the other nodes have to be reached when a pass begins.
  absl::Duration dial_max = absl::Seconds(5);
  absl::Duration tick = absl::Milliseconds(500);
};

class Repairer {
 public:
  // What `parts` and `dial` refer to outlives it.
  Repairer(RepairParts parts, Dial dial, const RepairerOptions& options);

 private:
  void Look(Worker& worker);
  bool IsDue();
  // Rings that this node keeps have changed since it looked last.
  bool RingsChanged();
  // False: it was stopped, or somebody was left out.
  bool Pass(Worker& worker, bool forced);
  void NoteCompared(int64_t began_ms);
  // Until all have answered or failed; dial_max at most.
  void ReachAll(Worker& worker);
  // Unavailable: it cannot be reached, or is not to be asked any more.
  absl::StatusOr<rpc::Channel*> ChannelTo(const SlotShare& share, bool forced);
  absl::Status RepairFrom(Worker& worker, const SlotShare& share,
                          rpc::Channel* channel, bool open_hours);
  // All other members of the ring by which this node owns slots can be asked.
  bool HasAllMembers() const;
  // A node that has left and was not heard of for almost as long as deletes
  // are remembered may have what was deleted meanwhile.
  bool IsTooOld(const SlotShare& share, int64_t now_ms) const;

  const RepairParts parts_;
  const RepairerOptions options_;
  Peers peers_;
  ByteRate rate_;
  PulledUnits pulled_;
  std::vector<proto::Ring> rings_;
  std::string names_;  // of the rings: what of them decides about shares
  SlotShares shares_;
  std::optional<ComparedMarks> marks_;  // of this pass
  std::string shared_by_;  // the names of the rings they were made of
  // In this pass, with all members so far; nothing once it was not with one.
  std::optional<model::TimeRange> compared_;
  std::map<uint64_t, int64_t> heard_ms_;  // by node: the last whole comparison
  int64_t due_steady_ms_ = 0;
  std::optional<Worker> worker_;  // last: its thread uses the others
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_REPAIRER_H_
