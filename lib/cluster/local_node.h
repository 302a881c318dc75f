// The storage node of the same process as a set of its own: no socket.
//
// Threads: a free function without state.
#ifndef VARVE_LIB_CLUSTER_LOCAL_NODE_H_
#define VARVE_LIB_CLUSTER_LOCAL_NODE_H_

#include <memory>
#include <string>

#include "lib/cluster/node_set.h"
#include "net/rpc/rpc.h"

namespace varve::cluster {

// `role` of HELLO: "insert" or "select". `service` outlives the result.
std::unique_ptr<NodeSet> LocalNode(rpc::Service* service,
                                   const std::string& role);

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_LOCAL_NODE_H_
