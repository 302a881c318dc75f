#include "lib/repair/kept_rings.h"

#include "absl/strings/numbers.h"
#include "lib/base/status.h"
#include "lib/repair/forgotten_nodes.h"

namespace varve::repair {

absl::StatusOr<std::vector<proto::Ring>> KeptRings(
    const storage::Engine& engine) {
  ASSIGN_OR_RETURN(const auto kept,
                   engine.ListState(storage::kRingStatePrefix));
  const ForgottenNodes forgotten = ForgottenNodes::Of(engine);
  std::vector<proto::Ring> rings;
  for (const auto& [key, value] : kept) {
    proto::Ring& ring = rings.emplace_back();
    if (ring.ParseFromString(value)) {
      forgotten.Hide(ring);
      continue;
    }
    uint64_t id = 0;
    (void)absl::SimpleHexAtoi(key.substr(storage::kRingStatePrefix.size()),
                              &id);  // 0: no ring has it
    ring.Clear();
    ring.set_ring_id(id);
  }
  return rings;
}

}  // namespace varve::repair
