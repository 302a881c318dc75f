#include "lib/cluster/rollup_read.h"

#include <optional>
#include <string>

#include "lib/base/status.h"
#include "lib/cluster/node_reading.h"

namespace varve::cluster {

RollupRead::RollupRead(std::shared_ptr<const NodeList> nodes,
                       const ReaderOptions* options, ReadRequest request,
                       std::vector<std::unique_ptr<rpc::Call>> calls,
                       std::shared_ptr<const ReadPlan> plan,
                       ReadPlanner* planner, std::unique_ptr<SeriesMerge> rest)
    : request_(std::move(request)),
      calls_(std::move(calls)),
      plan_(std::move(plan)),
      planner_(planner),
      rest_(std::move(rest)),
      judge_(std::move(nodes), options) {}

absl::StatusOr<bool> RollupRead::Next(proto::RollupResponse& response) {
  if (node_ == calls_.size()) {
    ASSIGN_OR_RETURN(outcome_, judge_.Outcome(request_.deny_partial));
    return false;
  }
  if (const absl::Status status = Read(response); !status.ok()) {
    return GiveUp(status);
  }
  if (response.unsupported()) {
    return absl::AbortedError("a node cannot aggregate these series");
  }
  if (!response.has_coverage()) return true;
  if (const absl::Status status = CheckEnd(response); !status.ok()) {
    return GiveUp(status);
  }
  NodeReading(request_, "aggregate", judge_.nodes().node(node_).address)
      .Ended(response.coverage());
  judge_.Answered(node_, response.coverage());
  ++node_;
  return true;
}

absl::Status RollupRead::Read(proto::RollupResponse& response) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   NextMessage(*calls_[node_], request_));
  if (!bytes) return base::DataLoss("the answer ended without coverage");
  if (request_.meter != nullptr) {
    request_.meter->bytes += static_cast<int64_t>(bytes->size());
  }
  if (!response.ParseFromString(*bytes)) {
    return base::DataLoss("an answer that cannot be read");
  }
  return absl::OkStatus();
}

absl::Status RollupRead::CheckEnd(
    const proto::RollupResponse& response) const {
  const proto::Coverage& coverage = response.coverage();
  if (coverage.damaged() || coverage.replaying()) {
    return base::Unavailable("a node is not complete");
  }
  if (plan_ != nullptr &&
      coverage.coverage_version() != plan_->coverage_versions[node_]) {
    return base::Unavailable("a node's coverage has changed");
  }
  return absl::OkStatus();
}

absl::Status RollupRead::GiveUp(const absl::Status& why) {
  if (IsCancelled(request_)) return why;
  if (!absl::IsAborted(why) && !absl::IsUnimplemented(why) &&
      IsRequestsFault(why)) {
    return why;
  }
  calls_.clear();
  node_ = 0;
  // What a node of another release cannot do says nothing of the plan.
  if (!absl::IsUnimplemented(why)) planner_->Forget();
  return absl::AbortedError(base::ToAbsl(base::Message(why)));
}

}  // namespace varve::cluster
