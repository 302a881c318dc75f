// Who owns what, at one moment: the ring, the nodes that are up, the epochs
// of their references.
//
// Lanes: where a copy can be sent. Lane n, below the number of nodes, is node
// n itself. Above them are the hint lanes, one for each pair of a node (the
// holder) and an owner that is down: the holder keeps the copy in a log of
// hints, which it hands to the owner when that is back.
//
// Threads: immutable but for hint_logs; shared by the writes made with it.
#ifndef VARVE_LIB_CLUSTER_WRITER_VIEW_H_
#define VARVE_LIB_CLUSTER_WRITER_VIEW_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "lib/cluster/node_set.h"
#include "lib/placement/ring.h"

namespace varve::cluster {

struct WriterNode;

inline constexpr size_t kReplicationFactorMax = 4;
inline constexpr uint16_t kNoLane = UINT16_MAX;
inline constexpr uint64_t kNoRef = UINT64_MAX;

// Where one series is written and what it is called there.
struct SeriesRoute {
  uint32_t generation = 0;  // of the view; 0: not defined yet
  // 0: `lanes` are the slot's owners. Else some owner is down, and this is
  // the view's liveness for which its copy goes elsewhere.
  uint32_t detour = 0;
  // lanes[k] takes the copy of the slot's k-th owner. While all owners are
  // down the lane after theirs is a node that stores the rows as its own.
  std::array<uint16_t, kReplicationFactorMax> lanes{kNoLane, kNoLane, kNoLane,
                                                    kNoLane};
  std::array<uint64_t, kReplicationFactorMax> refs{kNoRef, kNoRef, kNoRef,
                                                   kNoRef};
};

// The logs that references of hint lanes belong to. All writes of one liveness
// have the same logs: references of two logs look alike.
//
// Threads: all members from any thread.
class HintLogs {
 public:
  explicit HintLogs(size_t lanes) : ids_(lanes) {}
  // The first id of a lane stays; false for another one.
  bool Agree(size_t lane, uint64_t id) {
    uint64_t known = 0;
    return ids_[lane].compare_exchange_strong(known, id) || known == id;
  }
  uint64_t id(size_t lane) const { return ids_[lane].load(); }

 private:
  std::vector<std::atomic<uint64_t>> ids_;  // 0: none yet
};

struct WriteView {
  // Why nothing can be written; OK otherwise.
  absl::Status status;
  // Changes with the ring, with the address by which a member of it is written
  // to, and with any ref epoch.
  uint32_t generation = 0;
  // Changes with the nodes that are up and with what takes their place.
  uint32_t liveness = 0;
  uint32_t replication_factor = 1;
  uint32_t copies_min = 1;
  std::shared_ptr<const NodeList> nodes;
  std::shared_ptr<const placement::Ring> ring;
  std::vector<uint16_t> node_of_member;  // ring member -> index into nodes
  // By index into nodes.
  std::vector<WriterNode*> writers;
  // 0: unknown, or another address has the node.
  std::vector<uint64_t> node_ids;
  // Whom each address leads to (joined_nodes.h); 0: unknown.
  std::vector<uint64_t> joined_ids;
  std::vector<uint64_t> ref_epochs;
  std::vector<uint8_t> live;
  std::vector<uint8_t> takes_hints;  // up, and stores hints
  std::vector<uint8_t> keeps_missed;  // up, and stores MISSED records
  // Up, and an insert node of a level below, which waits for nodes itself.
  std::vector<uint8_t> level_below;
  // Down; another node may take its copies as ordinary rows.
  std::vector<uint8_t> rerouted;
  // The nodes that are down and have hint lanes.
  std::vector<uint16_t> hinted;
  std::shared_ptr<HintLogs> hint_logs;
  uint64_t features = 0;  // what all nodes that are up understand
  // What all nodes understand that have ever been up: of those that are down
  // what they did then. 0: none has been.
  uint64_t features_known = 0;
  // All configured nodes are members and up, each at one address at least.
  bool all_live = false;

  size_t node_count() const { return live.size(); }
  size_t lane_count() const { return live.size() * (1 + hinted.size()); }
  bool is_hint(uint16_t lane) const { return lane >= live.size(); }
  // Whom the lane leads to; of a hint lane the holder.
  uint16_t node_of(uint16_t lane) const {
    return static_cast<uint16_t>(lane % live.size());
  }
  // REQUIRES: a hint lane.
  uint16_t hinted_owner(uint16_t lane) const {
    return hinted[lane / live.size() - 1];
  }
  uint64_t hint_log(uint16_t lane) const {
    return hint_logs->id(lane - live.size());
  }

  // True when rows may be written by `route` without labels.
  bool Fits(const SeriesRoute& route) const {
    if (route.generation != generation) return false;
    const uint32_t owners = ring->replication_factor();
    if (route.detour != 0) {
      // A table that keeps no more lanes than owners lost the one after them.
      if (route.detour != liveness || !HasReader(route)) return false;
    } else if (!all_live) {
      for (uint32_t k = 0; k < owners; ++k) {
        if (!live[route.lanes[k]]) return false;
      }
    }
    const auto lanes_max = static_cast<uint32_t>(
        route.detour == 0 ? owners : kReplicationFactorMax);
    for (uint32_t k = 0; k < lanes_max; ++k) {
      if (route.refs[k] == kNoRef && route.lanes[k] != kNoLane) return false;
    }
    return true;
  }

  // True when some lane's node stores the rows as its own: hints answer no
  // queries.
  bool HasReader(const SeriesRoute& route) const {
    for (const uint16_t lane : route.lanes) {
      if (lane != kNoLane && !is_hint(lane)) return true;
    }
    return false;
  }

  // By what a level above knows these nodes; 0: they are not known yet.
  uint64_t ClusterId() const {
    return ring == nullptr ? 0 : placement::ClusterId(ring->members());
  }
  // Unavailable when no row can be written: fewer than copies_min nodes are up,
  // or as `status` says.
  absl::Status Writable() const;

  // The lanes for `slot`; refs are kNoRef. For an owner that is down: a hint
  // lane to a node that has no copy; failing that, such a node itself, as
  // ordinary rows; failing that, a hint lane to a node with a copy, which is
  // then no further copy; else none. Where that leaves hints only, the first
  // node that is up stores the rows as its own as well. Unavailable when fewer
  // than copies_min nodes would have the rows, or none as its own.
  absl::Status Place(uint16_t slot, SeriesRoute& route) const;

  uint16_t Owner(uint16_t slot, uint32_t k) const {
    return node_of_member[ring->Owners(slot)[k]];
  }

 private:
  absl::Status TooFew(size_t nodes_up) const;
  // The hint lane to the first of `holders` that takes hints for `owner`;
  // kNoLane for none.
  uint16_t HintLane(uint16_t owner, const std::vector<uint16_t>& holders) const;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_WRITER_VIEW_H_
