// The threads that bring other nodes what they missed, strike out the records
// of it, and pull what this node lacks; lib/repair has the work.
//
// Threads: made and destroyed by one; the destructor ends what is under way.
#ifndef VARVE_LIB_STORENODE_NODE_REPAIR_H_
#define VARVE_LIB_STORENODE_NODE_REPAIR_H_

#include <cstdint>
#include <string>

#include "lib/repair/day_digests.h"
#include "lib/repair/hint_replayer.h"
#include "lib/repair/missed_striker.h"
#include "lib/repair/peer_repair.h"
#include "lib/repair/peers.h"
#include "lib/repair/repair_progress.h"
#include "lib/repair/peer_listener.h"
#include "lib/repair/repairer.h"
#include "lib/storenode/kept_state.h"
#include "lib/storenode/tenant_names.h"
#include "lib/telemetry/metrics.h"
#include "net/tcp/transport.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

// Channels to other nodes that dial again after 1 to 30 seconds. All outlive
// the result and what it dials.
repair::Dial DialStorageNodes(net::Transport* transport, std::string token,
                              telemetry::Metrics* metrics);

struct NodeRepairOptions {
  repair::HintReplayerOptions hints;
  absl::Duration strike_interval = absl::Seconds(2);
  repair::RepairerOptions repair;
};

// Of the node that repairs; all of it outlives the work.
struct NodeRepairParts {
  storage::Engine* engine = nullptr;
  KeptState* kept = nullptr;
  TenantNames* names = nullptr;
  repair::DayDigests* digests = nullptr;
  repair::RepairProgress* progress = nullptr;
  repair::HasRoom has_room;
  repair::KeepingRules rules;
  telemetry::Metrics* metrics = nullptr;
};

class NodeRepair {
 public:
  NodeRepair(const NodeRepairParts& parts, repair::Dial dial,
             const NodeRepairOptions& options);

 private:
  repair::PeerListener listener_;
  repair::HintReplayer replayer_;
  repair::MissedStriker striker_;
  repair::Repairer repairer_;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_NODE_REPAIR_H_
