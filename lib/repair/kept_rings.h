// Rings as storage nodes keep them.
#ifndef VARVE_LIB_REPAIR_KEPT_RINGS_H_
#define VARVE_LIB_REPAIR_KEPT_RINGS_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/placement/ring.h"
#include "proto/varve_rpc.pb.h"
#include "storage/engine/engine.h"

namespace varve::repair {

// All that this node keeps, without the addresses of forgotten nodes. One that
// cannot be read is as one that is known by its id alone. Errors: the engine's.
absl::StatusOr<std::vector<proto::Ring>> KeptRings(
    const storage::Engine& engine);

inline placement::Ring PlacementOf(const proto::Ring& ring) {
  std::vector<placement::Member> members;
  for (const proto::Ring::Member& one : ring.members()) {
    members.push_back({.node_id = one.node_id(),
                       .zone = one.zone(),
                       .weight = std::max<uint32_t>(one.weight(), 1)});
  }
  return placement::Ring::Make(std::move(members), ring.replication_factor());
}

// By the end of the time they were written under. Without those that are known
// by their id alone.
inline std::vector<const proto::Ring*> NewestFirst(
    std::span<const proto::Ring> rings) {
  std::vector<const proto::Ring*> sorted;
  for (const proto::Ring& ring : rings) {
    if (!ring.members().empty()) sorted.push_back(&ring);
  }
  std::ranges::sort(sorted, [](const auto* a, const auto* b) {
    return std::pair(a->last_ms(), a->ring_id()) >
           std::pair(b->last_ms(), b->ring_id());
  });
  return sorted;
}

inline bool HasMember(const proto::Ring& ring, uint64_t node_id) {
  return std::ranges::any_of(ring.members(), [node_id](const auto& one) {
    return one.node_id() == node_id;
  });
}

}  // namespace varve::repair

#endif  // VARVE_LIB_REPAIR_KEPT_RINGS_H_
