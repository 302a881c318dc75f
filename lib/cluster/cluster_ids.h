// By which ids a level above knows this cluster: placement::ClusterId of each
// ring that any of its storage nodes keeps, since the cluster may have grown
// since a MISSED record named it.
//
// Slow: asks the nodes that are connected for their rings, half a second at
//       most, when a connection has changed and every ten seconds, every second
//       while a node does not answer; one thread does, others go on with what
//       is known, and wait for it while that is nothing. A ring that was made
//       since is not known yet.
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_CLUSTER_IDS_H_
#define VARVE_LIB_CLUSTER_CLUSTER_IDS_H_

#include <cstdint>
#include <set>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/cluster/node_set.h"

namespace varve::cluster {

class ClusterIds {
 public:
  // Both outlive it.
  explicit ClusterIds(const NodeSet* nodes,
                      const base::Clock* clock = &base::SystemClock())
      : nodes_(nodes), clock_(clock) {}

  // In no order; none is forgotten. Empty while nothing is known.
  std::vector<uint64_t> Get();

 private:
  // False when a node did not answer.
  bool Ask(const NodeList& nodes);

  const NodeSet* const nodes_;
  const base::Clock* const clock_;
  base::Mutex mutex_;
  base::CondVar asked_;
  bool asking_ GUARDED_BY(mutex_) = false;
  std::set<uint64_t> ids_ GUARDED_BY(mutex_);
  std::vector<uint64_t> connections_ GUARDED_BY(mutex_);  // when asked last
  int64_t due_ms_ GUARDED_BY(mutex_) = INT64_MIN;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_CLUSTER_IDS_H_
