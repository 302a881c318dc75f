// Tells the nodes that keep MISSED records of this one what a pass of repair
// has compared, so that they strike these out (COMPARED in
// docs/formats/wire.md, which says why that is safe).
//
// Before anything is compared each node is asked for a mark; when one of them
// keeps such records, all are asked for another one. What one stored before its
// mark the comparison finds; who relies on a record for rows that were stored
// later has put it since.
//
// Errors:  a node that fails here keeps its records, until the next pass.
// Threads: belongs to the worker's.
#ifndef VARVE_LIB_REPAIR_COMPARED_MARKS_H_
#define VARVE_LIB_REPAIR_COMPARED_MARKS_H_

#include <cstdint>
#include <map>
#include <set>
#include <span>

#include "absl/status/statusor.h"
#include "lib/model/time_range.h"
#include "lib/repair/forgotten_nodes.h"
#include "lib/repair/peers.h"
#include "lib/repair/slot_shares.h"
#include "lib/repair/worker.h"
#include "proto/varve_rpc.pb.h"

namespace varve::repair {

class ComparedMarks {
 public:
  // `owner`: this node. All outlive it.
  ComparedMarks(uint64_t owner, Peers* peers, Worker* worker)
      : owner_(owner), peers_(*peers), worker_(*worker) {}

  void Take(std::span<const SlotShare> others);
  // This node has all that the other one had in the range when Take returned, of
  // all slots that this one owns.
  void NoteCompared(uint64_t node_id, const model::TimeRange& range);
  // `others` as before; `rings`: that they come from.
  void Tell(std::span<const SlotShare> others,
            std::span<const proto::Ring> rings,
            const ForgottenNodes& forgotten);

 private:
  absl::StatusOr<proto::ComparedResponse> Ask(
      uint64_t node_id, const proto::ComparedRequest& request);
  // Every other node that may have rows which were routed by it was compared.
  bool IsWhole(const proto::Ring& ring, std::span<const SlotShare> others,
               const ForgottenNodes& forgotten) const;

  const uint64_t owner_;
  Peers& peers_;
  Worker& worker_;
  // By node that keeps records.
  std::map<uint64_t, uint64_t> marks_;
  // Given anew after all of these.
  std::set<uint64_t> marked_anew_;
  std::map<uint64_t, model::TimeRange> compared_;
};

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_COMPARED_MARKS_H_
