// One ROLLUP over all nodes: each series by the one node that may answer for
// it, see read_planner.h.
//
// Errors:  Aborted: it cannot be had this way now, nothing that was given
//          counts, and the caller reads the series instead; else as Reader.
// Threads: belongs to one.
#ifndef VARVE_LIB_CLUSTER_ROLLUP_READ_H_
#define VARVE_LIB_CLUSTER_ROLLUP_READ_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/cluster/read_judge.h"
#include "lib/cluster/read_planner.h"
#include "lib/cluster/reader.h"
#include "net/rpc/rpc.h"
#include "proto/varve_rpc.pb.h"

namespace varve::cluster {

class RollupRead {
 public:
  // `plan` is null where there is but one node. `rest` are the series of
  // disputed slots, or null.
  RollupRead(std::shared_ptr<const NodeList> nodes,
             const ReaderOptions* options, ReadRequest request,
             std::vector<std::unique_ptr<rpc::Call>> calls,
             std::shared_ptr<const ReadPlan> plan, ReadPlanner* planner,
             std::unique_ptr<SeriesMerge> rest);

  // Replaces `response`, whose coverage is to be ignored; false at the end.
  absl::StatusOr<bool> Next(proto::RollupResponse& response);
  // REQUIRES: Next gave the end. What the caller has to compute itself; null:
  // nothing.
  std::unique_ptr<SeriesMerge> TakeRest() { return std::move(rest_); }
  const ReadOutcome& outcome() const { return outcome_; }

 private:
  absl::Status Read(proto::RollupResponse& response);
  absl::Status CheckEnd(const proto::RollupResponse& response) const;
  absl::Status GiveUp(const absl::Status& why);

  const ReadRequest request_;
  std::vector<std::unique_ptr<rpc::Call>> calls_;
  const std::shared_ptr<const ReadPlan> plan_;
  ReadPlanner* const planner_;
  std::unique_ptr<SeriesMerge> rest_;
  ReadJudge judge_;
  size_t node_ = 0;  // whose answer is read
  ReadOutcome outcome_;
};

}  // namespace varve::cluster

#endif  // VARVE_LIB_CLUSTER_ROLLUP_READ_H_
