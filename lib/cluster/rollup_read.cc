#include "lib/cluster/rollup_read.h"

#include <iterator>
#include <optional>

#include "lib/base/status.h"
#include "lib/cluster/node_reading.h"

namespace varve::cluster {

RollupRead::RollupRead(std::shared_ptr<const NodeList> nodes,
                       const ReaderOptions* options, ReadRequest request,
                       std::shared_ptr<const ReadPlan> plan,
                       ReadPlanner* planner, StartShare start)
    : request_(std::move(request)),
      plan_(std::move(plan)),
      planner_(planner),
      shares_(plan_, nodes, std::move(start), options->shares_asked_again),
      judge_(std::move(nodes), options),
      memory_(options->memory_bytes_max, options->memory_pool),
      queue_(shares_.StartAll()) {}

absl::StatusOr<bool> RollupRead::Next(proto::RollupResponse& response) {
  while (held_.empty()) {
    if (at_ == queue_.size()) {
      if (const absl::Status status = shares_.Judge(judge_); !status.ok()) {
        return GiveUp(status);
      }
      ASSIGN_OR_RETURN(outcome_, judge_.Outcome(request_.deny_partial));
      return false;
    }
    RETURN_IF_ERROR(ReadSome());
  }
  response = std::move(held_.front());
  held_.pop_front();
  if (held_.empty()) memory_.Clear();
  return true;
}

absl::Status RollupRead::ReadSome() {
  const size_t share = at_;
  passing_ = passing_ || !shares_.replaceable();
  do {
    absl::StatusOr<std::string> bytes = ReadMessage();
    if (!bytes.ok()) return Replace(bytes.status());
    if (!passing_ && !memory_.Add(static_cast<int64_t>(bytes->size()))) {
      passing_ = true;
    }
    proto::RollupResponse& response = held_.emplace_back();
    if (!response.ParseFromString(*bytes)) {
      return Replace(base::DataLoss("an answer that cannot be read"));
    }
    shares_.Heard(queue_[at_].node);
    if (response.unsupported()) {
      return absl::AbortedError("a node cannot aggregate these series");
    }
    if (!response.has_coverage()) continue;
    const absl::Status status = End(response.coverage());
    if (!status.ok()) return Replace(status);
    ++at_;
    passing_ = false;
  } while (!passing_ && at_ == share);
  return absl::OkStatus();
}

absl::StatusOr<std::string> RollupRead::ReadMessage() {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                   NextMessage(*queue_[at_].call, request_));
  if (!bytes) return base::DataLoss("the answer ended without coverage");
  if (request_.meter != nullptr) {
    request_.meter->bytes += static_cast<int64_t>(bytes->size());
  }
  return *std::move(bytes);
}

absl::Status RollupRead::End(const proto::Coverage& coverage) {
  const size_t node = queue_[at_].node;
  if (plan_ != nullptr &&
      coverage.coverage_version() != plan_->coverage_versions[node]) {
    return absl::AbortedError("a node's coverage has changed");
  }
  if (coverage.damaged() || coverage.replaying()) {
    return base::Unavailable("a node is not complete");
  }
  NodeReading(request_, Action(), judge_.nodes().node(node).address)
      .Ended(coverage);
  judge_.Answered(node, coverage);
  return absl::OkStatus();
}

// By others, from the start.
absl::Status RollupRead::Replace(const absl::Status& why) {
  const PlannedShare& failed = queue_[at_];
  NodeReading(request_, Action(), judge_.nodes().node(failed.node).address)
      .Failed(why);
  if (passing_ || !PlannedShares::IsNodes(why) || IsCancelled(request_)) {
    return GiveUp(why);
  }
  shares_.Failed(failed.node, why);
  std::optional<std::vector<PlannedShare>> substitutes =
      shares_.Replace(failed);
  if (!substitutes) return GiveUp(why);
  planner_->Forget();
  held_.clear();
  memory_.Clear();
  queue_[at_].call.reset();
  ++at_;
  std::move(substitutes->begin(), substitutes->end(),
            std::back_inserter(queue_));
  return absl::OkStatus();
}

absl::Status RollupRead::GiveUp(const absl::Status& why) {
  if (IsCancelled(request_)) return why;
  if (!absl::IsAborted(why) && !absl::IsUnimplemented(why) &&
      IsRequestsFault(why)) {
    return why;
  }
  held_.clear();
  queue_.clear();
  at_ = 0;
  // What a node of another release cannot do says nothing of the plan.
  if (!absl::IsUnimplemented(why)) planner_->Forget();
  return absl::AbortedError(base::ToAbsl(base::Message(why)));
}

}  // namespace varve::cluster
