// Hands rings to the storage nodes: the one that is written by, and rings of
// before to those that lack them: a node that is new has to know whose rows it
// is to make up for.
//
// Slow:    calls to the nodes (GETRINGS, PUTRING), 2 s at most each. A node
//          that connects again is asked for its rings alone, as long as it
//          knows those that any told before and no other; a ring that only
//          another insert node has put, while that node was away, comes with
//          the next period.
// Threads: belongs to one at a time.
#ifndef VARVE_LIB_CLUSTER_RING_HANDOVER_H_
#define VARVE_LIB_CLUSTER_RING_HANDOVER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "lib/base/clock.h"
#include "lib/cluster/writer_view.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

// How often rings are handed over again, so that the span of time they were
// written under is known to about this much.
inline constexpr int64_t kRingPeriodMs = 600'000;

class RingHandover {
 public:
  // The clock outlives it.
  explicit RingHandover(const base::Clock* clock) : clock_(*clock) {}

  // To the nodes that have not got the ring over their present connection
  // (`connections`, by node; 0: not up). To all of them when it, or an address,
  // is another than in `before`, which may be null, and once in a period.
  // REQUIRES: the view has a ring.
  void Put(const WriteView& view, const WriteView* before,
           const std::vector<uint64_t>& connections);

 private:
  // Ids of rings by node; none: it was not asked, or did not answer.
  using Told = std::vector<std::optional<std::set<uint64_t>>>;

  void PutOld(const WriteView& view, const std::vector<size_t>& to);
  // Of the nodes that are up.
  void Ask(const WriteView& view, const std::vector<size_t>& nodes,
           int64_t deadline_ms, Told& told);

  const base::Clock& clock_;
  int64_t announced_ms_ = 0;
  // Put here, or told by any node: one that lacks some may come when nobody
  // who has them is up.
  std::map<uint64_t, proto::Ring> known_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_RING_HANDOVER_H_
