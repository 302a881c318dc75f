#include "lib/repair/lost_copies.h"

#include <algorithm>
#include <set>

#include "lib/placement/ring.h"
#include "lib/repair/kept_rings.h"

namespace varve::repair {
namespace {

std::set<uint64_t> MembersGone(const proto::Ring& ring,
                               const proto::Ring& newest) {
  std::set<uint64_t> gone;
  for (const proto::Ring::Member& one : ring.members()) {
    if (!HasMember(newest, one.node_id())) gone.insert(one.node_id());
  }
  return gone;
}

// Of `gone` those that own by `old` a slot that `node_id` owns by `newest`
// alone.
std::set<uint64_t> PredecessorsOf(uint64_t node_id,
                                  const placement::Ring& newest,
                                  const placement::Ring& old,
                                  const std::set<uint64_t>& gone) {
  std::set<uint64_t> members;
  const auto owns = [node_id](const placement::Ring& ring, uint16_t slot) {
    return std::ranges::any_of(ring.Owners(slot), [&](uint16_t owner) {
      return ring.members()[owner].node_id == node_id;
    });
  };
  for (uint32_t i = 0; i < placement::kSlots; ++i) {
    const auto slot = static_cast<uint16_t>(i);
    if (!owns(newest, slot) || owns(old, slot)) continue;
    for (const uint16_t owner : old.Owners(slot)) {
      const uint64_t id = old.members()[owner].node_id;
      if (gone.contains(id)) members.insert(id);
    }
  }
  return members;
}

}  // namespace

LostCopies LostCopiesOf(uint64_t node_id, std::span<const proto::Ring> rings) {
  const std::vector<const proto::Ring*> newest_first = NewestFirst(rings);
  if (newest_first.empty() || !HasMember(*newest_first[0], node_id)) return {};
  const proto::Ring& newest = *newest_first[0];
  const placement::Ring placed = PlacementOf(newest);
  LostCopies lost;
  std::set<uint64_t> members;
  for (const proto::Ring* ring : newest_first) {
    const std::set<uint64_t> gone = MembersGone(*ring, newest);
    if (gone.empty()) continue;
    const std::set<uint64_t> of_ring =
        PredecessorsOf(node_id, placed, PlacementOf(*ring), gone);
    if (of_ring.empty()) continue;
    members.insert(of_ring.begin(), of_ring.end());
    // Rings are noted every few minutes: it was in use until the next began.
    lost.until_ms =
        std::max({lost.until_ms, ring->last_ms(), newest.first_ms()});
  }
  lost.members.assign(members.begin(), members.end());
  return lost;
}

bool MadeUp(const LostCopies& lost, int64_t compared_ms) {
  return lost.members.empty() || compared_ms - kUnderWayMs >= lost.until_ms;
}

}  // namespace varve::repair
