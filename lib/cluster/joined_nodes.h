// Which addresses lead to one node.
//
// A storage node is told by its id. The insert nodes of a cluster below are one
// node together, and told by the storage nodes they write to: two whose lists
// share one are of one cluster, though the lists differ, as they do while
// storage nodes come and go. Lists of before say nothing: a storage node that
// is moved from one cluster to another makes them one node for as long as it
// is in lists of both.
//
// The node's id is the smallest of those told at its addresses. Any of them
// would do: select nodes of the cluster know each (cluster_ids.h).
//
// An address that is down is what it was when it was up, but makes no two nodes
// that are up one.
//
// Threads: free functions without state.
#ifndef VARVE_LIB_CLUSTER_JOINED_NODES_H_
#define VARVE_LIB_CLUSTER_JOINED_NODES_H_

#include <cstdint>
#include <span>
#include <vector>

namespace varve::cluster {

// What was said at an address, maybe some time ago.
struct ToldNode {
  uint64_t id = 0;  // 0: nothing
  bool up = false;
  // Of an insert node the storage nodes it writes to, ascending; else empty.
  std::span<const uint64_t> members;
};

// The ids of the nodes that the addresses lead to; 0: unknown.
std::vector<uint64_t> JoinedIds(std::span<const ToldNode> addresses);

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_JOINED_NODES_H_
