// Deletes on all storage nodes.
//
// Every node is asked, since none knows which of them hold copies: a series
// may have been written under any ring. A node that cannot be reached makes
// the delete Unavailable, with its address in the text; the nodes that could
// have applied it, and it may be repeated as often as needed.
//
// Errors:  InvalidArgument and ResourceExhausted as a node said; Unavailable.
// Threads: all members from any thread.
#ifndef VARVE_LIB_CLUSTER_DELETER_H_
#define VARVE_LIB_CLUSTER_DELETER_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/cluster/node_set.h"
#include "lib/model/matcher.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"

namespace varve::cluster {

struct DeleteCommand {
  model::TenantId tenant;
  std::string tenant_name;  // as in ReadRequest
  std::vector<model::Matchers> matcher_groups;  // or-ed; at least one
  model::TimeRange range = {0, model::kTimestampMaxMs};
  int64_t series_max = 0;  // on one node; 0: no limit
  // By the clock of the node of a level above that took it; 0: it is taken now.
  int64_t accept_ms = 0;
  int64_t deadline_steady_ms = INT64_MAX;
};

class Deleter {
 public:
  // Both outlive it.
  Deleter(NodeSet* nodes, const base::Clock* clock)
      : nodes_(nodes), clock_(clock) {}

  // Copies of series deleted, over all nodes.
  absl::StatusOr<int64_t> Delete(const DeleteCommand& command);

 private:
  int64_t NextAcceptMs();

  NodeSet* const nodes_;
  const base::Clock* const clock_;
  std::atomic<int64_t> accept_ms_{0};
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_DELETER_H_
