// One pass over what another node has of the slots that this one shares with
// it: digests are compared, and what differs is pulled.
//
// Days that are over are compared whole, hours of a day that goes on when they
// are over for some minutes; newest first. Equal totals end it there. Of what
// differs the digests of hours and parts tell where, and the samples of these
// are read from both nodes; what is missing here is written (RowWriter). That
// can be repeated at any time: what was pulled is not missing any more.
//
// The day in which downsampling or retention filters begin is left out: what
// reads see of it goes by each node's clock.
//
// Memory:  the samples of a batch (kBatchSamples) and the digests of a day.
// Errors:  those of the peer and of the engine; FailedPrecondition for a peer
//          of other flags, and for rows that this node refused or the peer
//          left out as damaged; Cancelled after a stop.
// Threads: belongs to the worker's.
#ifndef VARVE_LIB_REPAIR_PEER_REPAIR_H_
#define VARVE_LIB_REPAIR_PEER_REPAIR_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "lib/model/sample.h"
#include "lib/model/slot_set.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"
#include "lib/repair/day_digests.h"
#include "lib/repair/digest_difference.h"
#include "lib/repair/peer_reads.h"
#include "lib/repair/repair_progress.h"
#include "lib/repair/worker.h"
#include "storage/engine/engine.h"

namespace varve::repair {

// Keeps the name of a tenant before rows come; false where another name has
// its id, so that nothing may be written.
using TakeName =
    std::function<absl::StatusOr<bool>(const model::Tenant& tenant)>;

// Differences that were pulled: what is left of one is there for good (this
// node has more, or refuses some), until either side changes. Hashes; bounded.
class PulledUnits {
 public:
  static constexpr size_t kUnitsMax = 1 << 20;  // 18 MB

  enum class State : uint8_t {
    kUnknown,
    kWhole,
    kRefused,
    kDeleted,  // whole, but for rows that a delete here has dropped
  };

  // A new day forgets all: limits of series may take today what they refused.
  void Begin(int32_t today);
  State StateOf(uint64_t unit) const;
  // `state`: whether this node refused rows of it.
  void Add(uint64_t unit, State state);

 private:
  int32_t day_ = 0;
  absl::flat_hash_map<uint64_t, State> units_;
};

// Which rows a node keeps, as its flags say it. Nodes that differ here would
// give one another again and again what the other one drops.
struct KeepingRules {
  uint64_t storage_rules = 0;  // see proto Coverage
  model::DedupRule dedup;
};

// False while a flush is behind: then the writes of others come first.
using HasRoom = std::function<bool()>;

// What the node may lack since the membership changed.
struct LostRows {
  // Of members that are gone: the node is to make up for them.
  std::function<bool()> any;
  // Rows came to some member by other rings since all were compared.
  std::function<bool()> to_compare;
  // A pass that began then left out nothing of `from_ms` and later, hours that
  // go on and are to come too.
  std::function<absl::Status(int64_t began_ms, int64_t from_ms)>
      note_compared;
  // Rows come or have come from a node that is no member of the newest ring.
  std::function<absl::Status()> note_foreign;
};

// What outlives all passes.
struct RepairParts {
  storage::Engine* engine = nullptr;
  DayDigests* digests = nullptr;
  RepairProgress* progress = nullptr;
  TakeName take_name;
  HasRoom has_room;
  LostRows lost;
  KeepingRules rules;
};

class PeerRepair {
 public:
  // All outlive it. `ring`: by which this node owns the slots. `is_member`: so
  // is the other node one of it.
  PeerRepair(const RepairParts* parts, uint64_t node_id, bool is_member,
             const model::SlotSet* slots, uint64_t ring, PeerReads* reads,
             Worker* worker, PulledUnits* pulled);

  // `open_hours`: up to the end of the hour in which the range ends, though
  // rows of it come in. The days of the range, newest first. A tenant that
  // fails ends neither the others nor older days; the first error is told.
  absl::Status Run(const model::TimeRange& range, bool open_hours);
  // After a Run that was OK: where this node has all that the peer had in the
  // slots when it began, of every tenant. Nothing when a delete has dropped some
  // of it here: it may have been written after the delete.
  const std::optional<model::TimeRange>& compared() const { return compared_; }

 private:
  struct Tenant {
    model::TenantId id;
    std::string name;
  };
  absl::Status CompareTenant(const Tenant& tenant,
                             const model::TimeRange& range, bool open_hours);
  // Of `range` a tenant is compared up to `end_ms`, of what rules for old
  // samples have not reached.
  void Narrow(const model::TimeRange& range, int64_t end_ms,
              int64_t settled_start_ms);
  // Spans whose totals are not those of the peer.
  absl::Status CompareTotals(const Tenant& tenant,
                             const model::TimeRange& range, bool by_hour,
                             std::vector<DigestSpan>& unlike);
  absl::Status RepairSpan(const Tenant& tenant, const DigestSpan& span);
  absl::Status PullUnits(const Tenant& tenant, int32_t day,
                         std::span<const DigestUnit> units);
  // Unavailable when there is none for minutes.
  absl::Status WaitForRoom();
  // Tells that there are rows of a node that is no member; as PullBatch.
  absl::StatusOr<PulledUnits::State> PullNoted(const model::TenantId& tenant,
                                               int32_t day,
                                               const UnitBatch& batch);
  // kUnknown when the peer has left damaged rows out.
  absl::StatusOr<PulledUnits::State> PullBatch(const model::TenantId& tenant,
                                               int32_t day,
                                               const UnitBatch& batch);
  // What keeps the pass from being whole, though it goes on.
  void Lacks(absl::Status status) { lacks_.Update(std::move(status)); }
  void LacksDamaged();
  void LacksRefused();
  absl::Status CheckRules(const proto::Coverage& coverage) const;
  proto::DigestRequest RequestOf(const Tenant& tenant,
                                 const model::TimeRange& range,
                                 bool by_hour) const;
  uint64_t HashOf(const Tenant& tenant, int32_t day,
                  const DigestUnit& unit) const;

  const RepairParts& parts_;
  const uint64_t node_id_;
  const bool is_member_;
  const model::SlotSet& slots_;
  const uint64_t ring_;
  PeerReads& reads_;
  Worker& worker_;
  PulledUnits& pulled_;
  const base::Alive alive_;
  absl::Status lacks_;  // the first
  std::optional<model::TimeRange> compared_;
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_PEER_REPAIR_H_
