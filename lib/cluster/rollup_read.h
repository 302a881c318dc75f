// One ROLLUP over all nodes: each series by the one node that may answer for
// it, see read_planner.h.
//
// A node's answer is held until it is complete, so that others can be asked for
// the share of one that fails within it (planned_shares.h): 64 MiB and the
// hashes of labels at most (lib/storenode/rollup_search.h). Where that is more
// than a query may hold, or nobody could be asked, messages are given as they
// come.
//
// Errors:  Aborted: it cannot be had this way now, nothing that was given
//          counts, and the caller reads the series instead; else as Reader.
// Threads: belongs to one.
#ifndef VARVE_LIB_CLUSTER_ROLLUP_READ_H_
#define VARVE_LIB_CLUSTER_ROLLUP_READ_H_

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/cluster/held_bytes.h"
#include "lib/cluster/planned_shares.h"
#include "lib/cluster/read_judge.h"
#include "lib/cluster/read_planner.h"
#include "lib/cluster/reader.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

class RollupRead {
 public:
  // `plan` is null where there is but one node.
  RollupRead(std::shared_ptr<const NodeList> nodes,
             const ReaderOptions* options, ReadRequest request,
             std::shared_ptr<const ReadPlan> plan, ReadPlanner* planner,
             StartShare start);
  // The series of disputed slots.
  void SetRest(std::unique_ptr<SeriesMerge> rest) { rest_ = std::move(rest); }

  // Replaces `response`, whose coverage is to be ignored; false at the end.
  absl::StatusOr<bool> Next(proto::RollupResponse& response);
  // REQUIRES: Next gave the end. What the caller has to compute itself; null:
  // nothing.
  std::unique_ptr<SeriesMerge> TakeRest() { return std::move(rest_); }
  const ReadOutcome& outcome() const { return outcome_; }

 private:
  // Holds the rest of a share's answer, or one message where it cannot.
  absl::Status ReadSome();
  absl::StatusOr<std::string> ReadMessage();
  absl::Status End(const proto::Coverage& coverage);
  absl::Status Replace(const absl::Status& why);
  absl::Status GiveUp(const absl::Status& why);
  std::string Action() const {
    return queue_[at_].Action("aggregate", "aggregate");
  }

  const ReadRequest request_;
  const std::shared_ptr<const ReadPlan> plan_;
  ReadPlanner* const planner_;
  PlannedShares shares_;
  std::unique_ptr<SeriesMerge> rest_;
  ReadJudge judge_;
  HeldBytes memory_;  // of held_
  std::deque<proto::RollupResponse> held_;
  std::vector<PlannedShare> queue_;
  size_t at_ = 0;        // whose answer is read
  bool passing_ = false;  // what came of it may have been given out
  ReadOutcome outcome_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_ROLLUP_READ_H_
