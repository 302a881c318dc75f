// -search.skipSlowReplicas: when the nodes that answered are enough, the others
// are not waited for.
//
// They are when the read would be complete if all others had failed (ReadJudge):
// a node that says which rows another one lacks, or that it may lack some, is as
// much of a reason to wait as one that answers in part.
//
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_SLOW_REPLICAS_H_
#define VARVE_LIB_CLUSTER_SLOW_REPLICAS_H_

#include <atomic>

#include "lib/base/mutex.h"
#include "lib/cluster/read_judge.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

// Told in the trace of the node that is given up, in words operators know.
inline constexpr char kSkippedSlowReplica[] =
    "cancel request because -search.skipSlowReplicas is set and every group "
    "returned the needed number of responses according to replicationFactor";

class SlowReplicas {
 public:
  // `judge` has heard nothing yet. Without the flag there is never enough.
  explicit SlowReplicas(const ReadJudge& judge) : judge_(judge) {}

  void Answered(size_t node, const proto::Coverage& coverage);
  bool enough() const { return enough_.load(); }

 private:
  std::atomic<bool> enough_{false};
  base::Mutex mutex_;
  ReadJudge judge_ GUARDED_BY(mutex_);
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_SLOW_REPLICAS_H_
