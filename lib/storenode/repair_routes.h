// /internal/rebalance: how the repair of this node's copies goes on, as JSON;
// /internal/force_repair: a pass begins at once, the answer does not wait;
// /internal/cluster/forget: a node will not be back (forget_node.h).
//
// Threads: the routes refer to what they are given, which outlives them.
#ifndef VARVE_LIB_STORENODE_REPAIR_ROUTES_H_
#define VARVE_LIB_STORENODE_REPAIR_ROUTES_H_

#include <string>
#include <vector>

#include "lib/repair/repair_progress.h"
#include "lib/storenode/forget_node.h"
#include "net/http/server.h"

namespace varve::storenode {

std::vector<http::Route> RepairRoutes(repair::RepairProgress* progress,
                                      const ForgetParts& parts,
                                      const std::string* auth_key);

// What /internal/rebalance answers.
std::string RebalanceText(const repair::ProgressView& view);

}  // namespace varve::storenode

#endif  // VARVE_LIB_STORENODE_REPAIR_ROUTES_H_
