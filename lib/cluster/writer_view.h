// Who owns what, at one moment: the ring, the nodes that are up, the epochs
// of their references.
//
// Threads: immutable; shared by the writes made with it.
#ifndef VARVE_LIB_CLUSTER_WRITER_VIEW_H_
#define VARVE_LIB_CLUSTER_WRITER_VIEW_H_

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "lib/placement/ring.h"

namespace varve::cluster {

inline constexpr size_t kReplicationFactorMax = 4;
inline constexpr uint16_t kNoNode = UINT16_MAX;
inline constexpr uint64_t kNoRef = UINT64_MAX;

// Where one series is written and what it is called there.
struct SeriesRoute {
  uint32_t generation = 0;  // of the view; 0: not defined yet
  // 0: `nodes` are the slot's owners. Else others stand in for owners that
  // are down, and this is the view's liveness for which they do.
  uint32_t detour = 0;
  std::array<uint16_t, kReplicationFactorMax> nodes{kNoNode, kNoNode, kNoNode,
                                                    kNoNode};
  std::array<uint64_t, kReplicationFactorMax> refs{kNoRef, kNoRef, kNoRef,
                                                   kNoRef};
};

struct WriteView {
  // Why nothing can be written; OK otherwise.
  absl::Status status;
  uint32_t generation = 0;  // changes with the ring and with any ref epoch
  uint32_t liveness = 0;    // changes with the set of nodes that are up
  uint32_t replication_factor = 1;
  uint32_t copies_min = 1;
  std::shared_ptr<const placement::Ring> ring;
  std::vector<uint16_t> node_of_member;  // ring member -> NodeSet index
  std::vector<uint64_t> node_ids;        // by NodeSet index; 0: unknown
  std::vector<uint64_t> ref_epochs;      // by NodeSet index
  std::vector<uint8_t> live;             // by NodeSet index
  uint64_t features = 0;  // what all nodes that are up understand
  bool all_live = false;  // all configured nodes are members and up

  // True when rows may be written by `route` without labels.
  bool Fits(const SeriesRoute& route) const {
    if (route.generation != generation) return false;
    if (route.detour != 0) return route.detour == liveness;
    uint32_t up = 0;
    for (uint32_t k = 0; k < ring->replication_factor(); ++k) {
      if (!live[route.nodes[k]]) continue;
      if (route.refs[k] == kNoRef) return false;
      ++up;
    }
    return up >= copies_min;
  }

  // The nodes for `slot`; refs are kNoRef. Unavailable when fewer than
  // copies_min nodes are up.
  absl::Status Place(uint16_t slot, SeriesRoute& route) const;

  uint16_t Owner(uint16_t slot, uint32_t k) const {
    return node_of_member[ring->Owners(slot)[k]];
  }
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_WRITER_VIEW_H_
