// The shares of a plan as they are read: each started at its node and, when
// that fails within its answer, at the others that may answer alone for its
// slots too (ReadPlan::able). A node that failed is asked for nothing more.
//
// What substitutes give is what the plan would have given: it says who has all
// rows of a slot as of the coverage versions in it, and each call is for its
// node's. Two cases differ in what is known of the nodes that failed:
//  - one that gave any message knew nothing when the read began that the plan
//    does not: nothing is missing, and it counts as no failure (it has not
//    told the history of the range, so that nothing of the answer is kept);
//  - of one that did not, MISSED records of others may have been there alone:
//    when ReadJudge says that rows may be missing without it, all copies are to
//    be read, for it may be back.
//
// Threads: belongs to the read's.
#ifndef VARVE_LIB_CLUSTER_PLANNED_SHARES_H_
#define VARVE_LIB_CLUSTER_PLANNED_SHARES_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lib/cluster/node_set.h"
#include "lib/cluster/read_judge.h"
#include "lib/cluster/read_planner.h"
#include "lib/model/slot_set.h"
#include "lib/telemetry/metrics.h"
#include "net/rpc/rpc.h"

namespace varve::cluster {

struct PlannedShare {
  size_t node = 0;
  model::SlotSet slots;  // that it reads alone
  std::unique_ptr<rpc::Call> call;
  std::string instead_of;  // "node, which failed (why)"; "" for its own share

  // For the trace: `own`, or "`verb` share of ...".
  std::string Action(const std::string& own, const std::string& verb) const;
};

// Asks a node for slots, for the coverage version of the plan.
using StartShare = std::function<std::unique_ptr<rpc::Call>(
    size_t node, const model::SlotSet& slots)>;

class PlannedShares {
 public:
  // `plan` null: everything is read from the one node. `asked_again` counts
  // shares that were; may be null.
  PlannedShares(std::shared_ptr<const ReadPlan> plan,
                std::shared_ptr<const NodeList> nodes, StartShare start,
                telemetry::Counter* asked_again);

  // Each node's own; a node without slots is asked too: it may know of missed
  // copies.
  std::vector<PlannedShare> StartAll();

  // False: nobody can make up for any.
  bool replaceable() const {
    return plan_ != nullptr && plan_->disputed.empty() && !plan_->able.empty();
  }
  // True for failures of a node or of the way there: not of the request, nor of
  // the plan, nor for lack of time, which others would not have either.
  static bool IsNodes(const absl::Status& status) {
    return !absl::IsAborted(status) && !IsRequestsFault(status) &&
           !absl::IsDeadlineExceeded(status);
  }

  // A message of it has come.
  void Heard(size_t node) { heard_[node] = true; }
  void Failed(size_t node, const absl::Status& why);
  // REQUIRES: the share's node has failed. Starts its slots at others; nothing
  // when some slot has nobody else.
  std::optional<std::vector<PlannedShare>> Replace(const PlannedShare& share);

  // For when all shares have been read: an error, which says why, when rows may
  // be missing all the same.
  absl::Status Judge(ReadJudge& judge) const;

 private:
  const std::shared_ptr<const ReadPlan> plan_;
  const std::shared_ptr<const NodeList> nodes_;
  const StartShare start_;
  telemetry::Counter* const asked_again_;
  // By node.
  std::vector<bool> heard_;
  std::vector<bool> failed_;
  std::vector<absl::Status> failures_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_PLANNED_SHARES_H_
