#include "lib/cluster/writer_view.h"

#include <algorithm>

#include "lib/base/status.h"

namespace varve::cluster {

uint16_t WriteView::HintLane(uint16_t owner,
                             const std::vector<uint16_t>& holders) const {
  const auto down = std::find(hinted.begin(), hinted.end(), owner);
  if (down == hinted.end()) return kNoLane;
  const auto holder =
      std::find_if(holders.begin(), holders.end(),
                   [this](uint16_t node) { return takes_hints[node] != 0; });
  if (holder == holders.end()) return kNoLane;
  const auto row = static_cast<size_t>(down - hinted.begin()) + 1;
  return static_cast<uint16_t>(row * live.size() + *holder);
}

absl::Status WriteView::Place(uint16_t slot, SeriesRoute& route) const {
  route = SeriesRoute{};
  route.generation = generation;
  const uint32_t owners = ring->replication_factor();
  // With a copy, and without one, in the slot's order of preference.
  std::vector<uint16_t> copies;
  std::vector<uint16_t> spare;
  for (uint32_t k = 0; k < owners; ++k) {
    const uint16_t owner = Owner(slot, k);
    if (!live[owner]) continue;
    route.lanes[k] = owner;
    copies.push_back(owner);
  }
  if (copies.size() < owners) {
    route.detour = liveness;
    const std::vector<uint16_t> order = ring->Preference(slot);
    for (size_t i = owners; i < order.size(); ++i) {
      const uint16_t node = node_of_member[order[i]];
      if (live[node]) spare.push_back(node);
    }
  }
  const uint16_t stand_in = spare.empty() ? kNoLane : spare.front();
  for (uint32_t k = 0; k < owners; ++k) {
    if (route.lanes[k] != kNoLane) continue;
    const uint16_t owner = Owner(slot, k);
    uint16_t lane = HintLane(owner, spare);
    if (lane == kNoLane && rerouted[owner] && !spare.empty()) {
      lane = spare.front();
    }
    if (lane == kNoLane) {
      route.lanes[k] = HintLane(owner, copies);
      continue;
    }
    route.lanes[k] = lane;
    copies.push_back(node_of(lane));
    std::erase(spare, node_of(lane));
  }
  if (copies.size() < copies_min) return TooFew(copies.size());
  if (HasReader(route)) return absl::OkStatus();
  if (!rerouted[Owner(slot, 0)] || owners == kReplicationFactorMax) {
    return base::Unavailable("all ", owners, " storage nodes that own a slot ",
                             "are down and no other may take its rows");
  }
  route.lanes[owners] = stand_in;
  return absl::OkStatus();
}

absl::Status WriteView::TooFew(size_t nodes_up) const {
  return base::Unavailable("only ", nodes_up, " of ", node_ids.size(),
                           " storage nodes can take rows and ", copies_min,
                           " copies are needed (-insert.minCopies)");
}

absl::Status WriteView::Writable() const {
  RETURN_IF_ERROR(status);
  const auto up = static_cast<size_t>(std::count(live.begin(), live.end(), 1));
  return up >= copies_min ? absl::OkStatus() : TooFew(up);
}

}  // namespace varve::cluster
