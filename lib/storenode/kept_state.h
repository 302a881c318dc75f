// Rings and MISSED records a storage node keeps for others, and the retention
// it ran with.
//
// Kept through Engine::PutState, so that they are logged and fsynced before a
// Put returns. A ring seen again widens its span of time; MISSED records of
// one owner, ring, span of time and hint log are joined, so that a node away
// for long grows by one record an hour and not by one a write. Records that
// name a hint log go when that log is done: the owner has their rows then.
// Others go when the owner has compared its copies (COMPARED in
// docs/formats/wire.md). All go when their span of time is out of retention.
//
// Errors:  InvalidArgument for what is no ring or MISSED record; the engine's.
// Threads: all members from any thread.
#ifndef VARVE_LIB_STORENODE_KEPT_STATE_H_
#define VARVE_LIB_STORENODE_KEPT_STATE_H_

#include <atomic>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/model/time_range.h"
#include "lib/repair/missed_records.h"
#include "lib/storenode/ring_coverage.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

struct MissedSpan {
  uint64_t owner = 0;
  model::TimeRange span;
  // Of owner 0; else they are 0.
  uint64_t ring = 0;
  uint32_t levels_above = 0;
  friend auto operator<=>(const MissedSpan& a, const MissedSpan& b) {
    return std::tie(a.owner, a.span.start_ms, a.span.end_ms, a.ring,
                    a.levels_above) <=>
           std::tie(b.owner, b.span.start_ms, b.span.end_ms, b.ring,
                    b.levels_above);
  }
  friend bool operator==(const MissedSpan&, const MissedSpan&) = default;
};

class KeptState final : public repair::MissedRecords {
 public:
  // Both outlive it.
  explicit KeptState(storage::Engine* engine,
                     const base::Clock* clock = &base::SystemClock());

  absl::Status PutRing(const proto::Ring& ring);
  // Rows routed by this ring are about to be stored. One that was never put is
  // kept without members, so that readers know of rows whose owners they
  // cannot tell; until when they come by another than the newest one is kept
  // too.
  absl::Status NoteRing(uint64_t ring_id);
  // As repair::KeptRings.
  absl::StatusOr<proto::RingList> Rings() const;
  // What answers tell by these rings.
  RingCoverage& ring_coverage() const { return ring_coverage_; }

  absl::Status PutMissed(const proto::Missed& missed);
  // The node runs with this retention from now on. Where it is longer than
  // what it ran with before, it lacks rows that nodes of a longer one kept: a
  // MISSED record of its own says so. Before it is called no record is old.
  absl::Status NoteRetention(int64_t retention_ms, int64_t now_ms);
  // With slots as they are kept, kept_missed.h.
  absl::StatusOr<std::vector<proto::Missed>> Missed() const;
  // Whose copies of rows within `range` are known here to be missing: owners
  // and spans of time, from memory.
  absl::StatusOr<std::vector<MissedSpan>> MissedIn(
      const model::TimeRange& range) const;
  // How many spans of MISSED records are kept.
  absl::StatusOr<int64_t> MissedCount() const;
  // Logs that records here name.
  absl::StatusOr<std::vector<repair::HintLogName>> HintLogs() const override;
  // Drops the records that name the log.
  absl::Status Strike(const repair::HintLogName& log) override;
  absl::Status DropOld(int64_t now_ms) override;
  // Drops those of the owner; how many spans went.
  absl::StatusOr<int64_t> StrikeOwner(uint64_t owner);
  // COMPARED: gives a mark, or drops what a comparison has settled.
  absl::StatusOr<proto::ComparedResponse> Compared(
      const proto::ComparedRequest& request);
  // Never 0; of another start of the node another one.
  uint64_t newest_mark() const { return first_mark_ + marks_given_; }

 private:
  // The kept message under `key`, or an empty one.
  template <typename Message>
  absl::StatusOr<Message> Kept(const std::string& key) const;

  absl::Status KeepRing(uint64_t ring_id);
  absl::Status JoinRing(const proto::Ring& ring) REQUIRES_LOCK(mutex_);

  struct Entry {
    MissedSpan missed;
    repair::HintLogName hints;  // none: all 0
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  using Wanted =
      std::function<bool(const std::string& key, const proto::Missed&)>;
  absl::StatusOr<int64_t> StrikeIf(const Wanted& wanted);
  absl::StatusOr<int64_t> RecordsOf(uint64_t owner) REQUIRES_LOCK(mutex_);
  absl::Status StrikeCompared(const proto::ComparedRequest& request);
  // By what this node has of its rows, and whom the owner was compared with.
  bool IsMadeUp(const proto::Missed& record,
                const proto::ComparedRequest& request) const;

  // The spans of all records, read once: a query must not read the slots of
  // each.
  absl::Status LoadMissed() const REQUIRES_LOCK(mutex_);

  storage::Engine* const engine_;
  mutable RingCoverage ring_coverage_;
  const uint64_t first_mark_;  // random
  std::atomic<uint64_t> marks_given_{0};
  // Between reading what is kept and putting what is to be kept.
  mutable base::Mutex mutex_;
  std::atomic<uint64_t> known_ring_{0};  // one that is kept
  std::atomic<int64_t> retention_ms_{INT64_MAX};
  mutable bool missed_loaded_ GUARDED_BY(mutex_) = false;
  mutable std::set<Entry> missed_ GUARDED_BY(mutex_);
  // How many marks had been given when the record under the key was put last;
  // none of a record from before the start.
  std::map<std::string, uint64_t> put_after_ GUARDED_BY(mutex_);
  int64_t drop_due_ms_ GUARDED_BY(mutex_) = 0;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_KEPT_STATE_H_
