// The threads that bring other nodes what they missed, and strike out the
// records of it; lib/repair has the work.
//
// Threads: made and destroyed by one; the destructor ends what is under way.
#ifndef VARVE_LIB_STORENODE_NODE_REPAIR_H_
#define VARVE_LIB_STORENODE_NODE_REPAIR_H_

#include <cstdint>
#include <string>

#include "lib/repair/hint_replayer.h"
#include "lib/repair/missed_striker.h"
#include "lib/repair/peers.h"
#include "lib/storenode/kept_state.h"
#include "lib/telemetry/metrics.h"
#include "net/tcp/transport.h"
#include "storage/engine/engine.h"

namespace varve::storenode {

// Channels to other nodes that dial again after 1 to 30 seconds. All outlive
// the result and what it dials.
repair::Dial DialStorageNodes(net::Transport* transport, std::string token,
                              telemetry::Metrics* metrics);

class NodeRepair {
 public:
  // All outlive it.
  NodeRepair(storage::Engine* engine, KeptState* kept, repair::Dial dial,
             const repair::HintReplayerOptions& hints,
             telemetry::Metrics* metrics,
             absl::Duration strike_interval = absl::Seconds(2));

 private:
  repair::HintReplayer replayer_;
  repair::MissedStriker striker_;
};

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_NODE_REPAIR_H_
