#include "lib/cluster/slow_replicas.h"

#include "lib/base/status.h"

namespace varve::cluster {

void SlowReplicas::Answered(size_t node, const proto::Coverage& coverage) {
  base::MutexLock lock(mutex_);
  if (!judge_.options().skip_slow_replicas) return;
  judge_.Answered(node, coverage);
  ReadJudge without_others = judge_;
  for (size_t i = 0; i < judge_.nodes().size(); ++i) {
    if (judge_.answered(i)) continue;
    without_others.Failed(i, base::Unavailable("was not waited for"));
  }
  const auto outcome = without_others.Outcome(/*deny_partial=*/false);
  enough_ = outcome.ok() && !outcome->is_partial;
}

}  // namespace varve::cluster
