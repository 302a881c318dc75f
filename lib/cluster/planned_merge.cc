// The merge of a plan: slots that one node reads go through as they come, the
// disputed ones are held and merged.
#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/cluster/node_reading.h"
#include "lib/cluster/series_merge.h"
#include "lib/cluster/series_table.h"
#include "lib/wire/series_batch.h"

namespace varve::cluster {
namespace {

// Messages of a node decoded side by side; more only cost memory.
constexpr size_t kMessagesAtOnce = 2;
constexpr size_t kBatchSeries = 512;

class PlannedMerge final : public SeriesMerge {
 public:
  PlannedMerge(MergeContext context, std::shared_ptr<const ReadPlan> plan,
               ReadPlanner* planner, StartAgain read_all)
      : context_(std::move(context)),
        plan_(std::move(plan)),
        planner_(planner),
        read_all_(std::move(read_all)),
        table_(context_.options->memory_bytes_max,
               context_.options->memory_pool),
        judge_(context_.nodes, context_.options),
        open_(context_.calls.size(), true) {
    for (size_t node = 0; node < open_.size(); ++node) {
      readings_.emplace_back(context_.request, "search own share",
                             context_.nodes->node(node).address);
    }
    rule_ = judge_.dedup();
    rule_.interval_ms =
        std::max(rule_.interval_ms, plan_->dedup.interval_ms);
    rule_.keep_all = rule_.keep_all || plan_->dedup.keep_all ||
                     context_.request.keep_all;
  }

  absl::Status Next(std::vector<MergedSeries>& batch) override {
    batch.clear();
    while (batch.empty() && all_copies_ == nullptr && !ended_) {
      RETURN_IF_ERROR(ReadSome(batch));
    }
    return all_copies_ == nullptr ? absl::OkStatus() : all_copies_->Next(batch);
  }
  const ReadOutcome& outcome() const override {
    return all_copies_ == nullptr ? outcome_ : all_copies_->outcome();
  }

 private:
  struct Message {
    size_t node = 0;
    std::string bytes;
    wire::SeriesBatch batch;
    std::vector<MergedSeries> series;
    absl::Status status;
  };

  absl::Status ReadSome(std::vector<MergedSeries>& batch) {
    if (std::find(open_.begin(), open_.end(), true) == open_.end()) {
      return GiveHeld(batch);
    }
    std::vector<Message> messages;
    for (size_t node = 0; node < open_.size(); ++node) {
      const absl::Status status = Receive(node, messages);
      if (!status.ok()) return GiveUp(status);
    }
    size_t bytes = 0;
    for (const Message& message : messages) bytes += message.bytes.size();
    context_.pool->ParallelFor(
        messages.size(), DecodeThreads(messages.size(), bytes), [&](size_t i) {
          const base::CpuShare cpu(CpuMeterOf(context_.request));
          messages[i].status = Decode(messages[i]);
        });
    for (Message& message : messages) {
      if (!message.status.ok()) return GiveUp(message.status);
      if (message.batch.is_end) {
        RETURN_IF_ERROR(End(message.node, message.batch.coverage));
        if (all_copies_ != nullptr) return absl::OkStatus();
      }
      std::move(message.series.begin(), message.series.end(),
                std::back_inserter(batch));
    }
    delivered_ = delivered_ || !batch.empty();
    return absl::OkStatus();
  }

  // The next message of a node, and what else of it is there already.
  absl::Status Receive(size_t node, std::vector<Message>& messages) {
    for (size_t i = 0; open_[node] && i < kMessagesAtOnce; ++i) {
      rpc::Call& call = *context_.calls[node];
      if (i > 0 && !call.ready()) break;
      ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                       NextMessage(call, context_.request));
      if (!bytes) return base::DataLoss("the answer ended without coverage");
      readings_[node].Received(bytes->size());
      if (wire::IsSearchEnd(*bytes)) open_[node] = false;
      messages.push_back({.node = node, .bytes = *std::move(bytes)});
    }
    return absl::OkStatus();
  }

  absl::Status Decode(Message& message) {
    ASSIGN_OR_RETURN(message.batch, wire::DecodeSeriesBatch(message.bytes));
    message.bytes = std::string();
    message.series.reserve(message.batch.series.size());
    for (wire::WireSeries& series : message.batch.series) {
      if (plan_->disputed.Has(model::SlotOf(series.hash))) {
        RETURN_IF_ERROR(table_.Add(std::move(series)));
        continue;
      }
      HeldSeries alone{std::move(series.labels), std::move(series.samples),
                       std::move(series.histograms),
                       std::move(series.exemplars),
                       std::move(series.starts)};
      RETURN_IF_ERROR(FinishSeries(context_, rule_, alone,
                             message.series.emplace_back()));
    }
    return absl::OkStatus();
  }

  absl::Status End(size_t node, const proto::Coverage& coverage) {
    readings_[node].Ended(coverage);
    judge_.Answered(node, coverage);
    const bool complete =
        !coverage.damaged() && !coverage.replaying() &&
        coverage.coverage_version() == plan_->coverage_versions[node];
    return complete ? absl::OkStatus()
                    : GiveUp(base::Unavailable("a node is not complete"));
  }

  absl::Status GiveHeld(std::vector<MergedSeries>& batch) {
    if (!collected_) {
      ASSIGN_OR_RETURN(outcome_, judge_.Outcome(context_.request.deny_partial));
      held_ = table_.TakeAll();
      collected_ = true;
    }
    const size_t n = std::min(kBatchSeries, held_.size() - given_);
    ended_ = n == 0;
    for (size_t i = 0; i < n; ++i) {
      HeldSeries& held = held_[given_ + i];
      RETURN_IF_ERROR(FinishSeries(context_, rule_, held, batch.emplace_back()));
      held = HeldSeries();
    }
    given_ += n;
    return absl::OkStatus();
  }

  // From here on all nodes are asked for everything; Aborted when series of
  // the plan have been given out already.
  absl::Status GiveUp(const absl::Status& why) {
    if (!absl::IsAborted(why) && IsRequestsFault(why)) return why;
    if (IsCancelled(context_.request)) return why;
    context_.calls.clear();
    planner_->Forget();
    if (delivered_) {
      return absl::AbortedError(base::ToAbsl(base::StrCat(
          "a node failed within a read that had begun: ", base::Message(why))));
    }
    ASSIGN_OR_RETURN(all_copies_, read_all_());
    return absl::OkStatus();
  }

  MergeContext context_;
  const std::shared_ptr<const ReadPlan> plan_;
  ReadPlanner* const planner_;
  const StartAgain read_all_;
  SeriesTable table_;  // of disputed slots
  ReadJudge judge_;
  model::DedupRule rule_;
  std::vector<NodeReading> readings_;  // by node
  std::vector<bool> open_;  // by node: its stream has not ended
  bool delivered_ = false;
  bool collected_ = false;
  bool ended_ = false;
  std::vector<HeldSeries> held_;
  size_t given_ = 0;
  ReadOutcome outcome_;
  std::unique_ptr<SeriesMerge> all_copies_;
};

}  // namespace

std::unique_ptr<SeriesMerge> MakePlannedMerge(
    MergeContext context, std::shared_ptr<const ReadPlan> plan,
    ReadPlanner* planner, StartAgain read_all) {
  return std::make_unique<PlannedMerge>(std::move(context), std::move(plan),
                                        planner, std::move(read_all));
}

}  // namespace varve::cluster
