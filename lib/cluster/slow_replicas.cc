#include "lib/cluster/slow_replicas.h"

namespace varve::cluster {

SlowReplicas::SlowReplicas(const NodeList& nodes, const ReaderOptions& options)
    : nodes_(nodes), options_(options) {
  if (!options.skip_slow_replicas) return;
  base::MutexLock lock(mutex_);
  for (size_t i = 0; i < nodes.size(); ++i) ++needed_[nodes.node(i).group];
  for (auto& [group, needed] : needed_) {
    needed -= options.ReplicationFactor(group) - 1;
  }
  groups_needed_ = static_cast<int>(needed_.size()) -
                   (options.global_replication_factor - 1);
}

void SlowReplicas::Answered(size_t node, const proto::Coverage& coverage) {
  if (!options_.skip_slow_replicas) return;
  base::MutexLock lock(mutex_);
  wait_for_all_ = wait_for_all_ || coverage.missed_size() > 0 ||
                  coverage.lacks_without_size() > 0;
  if (coverage.damaged() || coverage.replaying() || coverage.partial()) return;
  if (--needed_[nodes_.node(node).group] == 0) --groups_needed_;
  enough_ = groups_needed_ <= 0 && !wait_for_all_;
}

}  // namespace varve::cluster
