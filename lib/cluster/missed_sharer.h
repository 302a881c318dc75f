// Brings MISSED records of levels above to storage nodes that were down when
// these were stored.
//
// Such a record is about a copy that is a cluster. Whichever storage nodes of
// the cluster beside it answer a read are to tell it, so all of them keep all
// of the records. Whenever a node has connected, each node that is up is asked
// for those it keeps, and gets those it lacks; all of them when its release
// cannot list them. Left out are nodes of a release without such records, and
// insert nodes of a level below, which do this themselves.
//
// Slow:    the call after a node has connected: asks all nodes that are up and
//          stores what they lack, 10 s at most; after a failure it is tried
//          again 5 s later.
// Memory:  8 KiB for each owner, ring and span of time.
// Threads: belongs to one.
#ifndef VARVE_LIB_CLUSTER_MISSED_SHARER_H_
#define VARVE_LIB_CLUSTER_MISSED_SHARER_H_

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/clock.h"
#include "lib/cluster/node_set.h"
#include "lib/cluster/writer_view.h"
#include "lib/model/slot_set.h"
#include "lib/model/time_range.h"
#include "net/rpc/rpc.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

class MissedSharer {
 public:
  // `clock` outlives it.
  explicit MissedSharer(const base::Clock* clock = &base::SystemClock())
      : clock_(clock) {}

  void Look(const WriteView& view);

 private:
  struct Key {
    uint64_t owner = 0;
    uint64_t ring = 0;
    int64_t start_ms = 0;
    int64_t end_ms = 0;
    uint32_t levels_above = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  // By key a hash of the slots.
  using Kept = std::map<Key, uint64_t>;
  struct Peer {
    size_t node = 0;
    std::weak_ptr<const Node> identity;
    uint64_t connection = 0;
    bool listed = false;
    Kept kept;
  };

  static std::vector<Peer> PeersOf(const WriteView& view);
  bool IsShared(const Peer& peer) const;
  absl::Status Share(const NodeList& nodes, std::vector<Peer>& peers);
  // Adds what `call` lists. Without a method to ask there is nothing.
  absl::Status List(rpc::Call& call, Peer& peer);
  void Add(const proto::Missed& record, Peer& peer);
  absl::Status Store(const NodeList& nodes, const Peer& peer) const;

  const base::Clock* const clock_;
  std::vector<Peer> shared_;  // they had all; without what they keep
  int64_t retry_ms_ = INT64_MIN;
  // Of the call.
  int64_t deadline_ms_ = 0;
  std::map<Key, model::SlotSet> all_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_MISSED_SHARER_H_
