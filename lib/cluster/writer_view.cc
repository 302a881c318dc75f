#include "lib/cluster/writer_view.h"

#include "lib/base/status.h"

namespace varve::cluster {

absl::Status WriteView::Place(uint16_t slot, SeriesRoute& route) const {
  route = SeriesRoute{};
  route.generation = generation;
  const uint32_t owners = ring->replication_factor();
  uint32_t up = 0;
  for (uint32_t k = 0; k < owners; ++k) {
    route.nodes[k] = Owner(slot, k);
    up += live[route.nodes[k]];
  }
  if (up >= copies_min) return absl::OkStatus();
  route.detour = liveness;
  route.nodes.fill(kNoNode);
  uint32_t copies = 0;
  for (const uint16_t member : ring->Preference(slot)) {
    const uint16_t node = node_of_member[member];
    if (!live[node]) continue;
    route.nodes[copies++] = node;
    if (copies == copies_min) return absl::OkStatus();
  }
  return base::Unavailable("only ", copies, " of ", node_ids.size(),
                           " storage nodes are up and ", copies_min,
                           " copies are needed (-insert.minCopies)");
}

}  // namespace varve::cluster
