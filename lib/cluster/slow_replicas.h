// -search.skipSlowReplicas: when the nodes that answered are enough, the others
// are not waited for.
//
// A group is done when more than its nodes less its replication factor
// answered, a read when more than the groups less the global factor are done:
// then the nodes that did not answer are too few to make it partial.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_SLOW_REPLICAS_H_
#define VARVE_LIB_CLUSTER_SLOW_REPLICAS_H_

#include <atomic>
#include <map>
#include <string>

#include "lib/base/mutex.h"
#include "lib/cluster/node_set.h"
#include "lib/cluster/reader.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

// Told in the trace of the node that is given up, in words operators know.
inline constexpr char kSkippedSlowReplica[] =
    "cancel request because -search.skipSlowReplicas is set and every group "
    "returned the needed number of responses according to replicationFactor";

class SlowReplicas {
 public:
  // Both outlive it. Without the flag there is never enough.
  SlowReplicas(const NodeList& nodes, const ReaderOptions& options);

  // The node has answered. One that is not complete does not count; once one
  // tells of rows that another lacks, or that it may lack itself, all are
  // waited for: together with a node that is given up it would count as missing.
  void Answered(size_t node, const proto::Coverage& coverage);
  bool enough() const { return enough_.load(); }

 private:
  const NodeList& nodes_;
  const ReaderOptions& options_;
  std::atomic<bool> enough_{false};
  base::Mutex mutex_;
  bool wait_for_all_ GUARDED_BY(mutex_) = false;
  // Of each group: answers it still needs.
  std::map<std::string, int> needed_ GUARDED_BY(mutex_);
  int groups_needed_ GUARDED_BY(mutex_) = 0;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_SLOW_REPLICAS_H_
