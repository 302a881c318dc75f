// The merge of a plan: slots that one node reads go through as they come, the
// disputed ones are held and merged. Where a node fails within its share,
// others read it, and what it gave of it is left out.
#include <algorithm>
#include <utility>

#include "lib/base/status.h"
#include "lib/cluster/given_series.h"
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
               ReadPlanner* planner, StartShare start, StartAgain read_all)
      : context_(std::move(context)),
        plan_(std::move(plan)),
        planner_(planner),
        read_all_(std::move(read_all)),
        shares_(plan_, context_.nodes, std::move(start),
                context_.options->shares_asked_again),
        table_(context_.options->memory_bytes_max,
               context_.options->memory_pool),
        given_series_(context_.options->memory_bytes_max,
                      context_.options->memory_pool),
        judge_(context_.nodes, context_.options) {
    for (PlannedShare& share : shares_.StartAll()) Open(std::move(share));
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
  // The answer to one share.
  struct Stream {
    PlannedShare share;
    NodeReading reading;
    bool open = true;      // its end has not come
    absl::Status failure;  // why no more of it is read
    bool undecoded = false;  // it is damage, and what came after it
    bool handled = false;    // the failure
  };
  struct Message {
    size_t stream = 0;
    std::string bytes;
    wire::SeriesBatch batch;
    std::vector<model::SeriesHash> hashes;  // of `series`
    std::vector<MergedSeries> series;
    absl::Status status;
  };

  void Open(PlannedShare share) {
    NodeReading reading(context_.request,
                        share.Action("search own share", "search"),
                        context_.nodes->node(share.node).address);
    streams_.push_back({.share = std::move(share), .reading = reading});
  }

  absl::Status ReadSome(std::vector<MergedSeries>& batch) {
    if (std::ranges::none_of(streams_, &Stream::open)) return GiveHeld(batch);
    std::vector<Message> messages;
    for (size_t i = 0; i < streams_.size(); ++i) Receive(i, messages);
    size_t bytes = 0;
    for (const Message& message : messages) bytes += message.bytes.size();
    context_.pool->ParallelFor(
        messages.size(), DecodeThreads(messages.size(), bytes), [&](size_t i) {
          const base::CpuShare cpu(CpuMeterOf(context_.request));
          messages[i].status = Decode(messages[i]);
        });
    for (Message& message : messages) {
      RETURN_IF_ERROR(Take(message, batch));
      if (all_copies_ != nullptr) return absl::OkStatus();
    }
    RETURN_IF_ERROR(ReplaceFailed());
    delivered_ = delivered_ || !batch.empty();
    return absl::OkStatus();
  }

  // The next message of a node, and what else of it is there already.
  void Receive(size_t at, std::vector<Message>& messages) {
    Stream& stream = streams_[at];
    for (size_t i = 0; stream.open && i < kMessagesAtOnce; ++i) {
      rpc::Call& call = *stream.share.call;
      if (i > 0 && !call.ready()) return;
      absl::StatusOr<std::optional<std::string>> bytes =
          NextMessage(call, context_.request);
      if (!bytes.ok() || !*bytes) {
        return Fail(stream, bytes.ok() ? base::DataLoss("the answer ended "
                                                        "without coverage")
                                       : bytes.status());
      }
      stream.reading.Received((*bytes)->size());
      if (wire::IsSearchEnd(**bytes)) stream.open = false;
      messages.push_back({.stream = at, .bytes = **std::move(bytes)});
    }
  }

  static void Fail(Stream& stream, const absl::Status& why) {
    stream.open = false;
    stream.failure = why;
    stream.reading.Failed(why);
    stream.share.call.reset();
  }

  absl::Status Decode(Message& message) {
    ASSIGN_OR_RETURN(message.batch, wire::DecodeSeriesBatch(message.bytes));
    message.bytes = std::string();
    message.series.reserve(message.batch.series.size());
    const bool is_own = streams_[message.stream].share.instead_of.empty();
    for (wire::WireSeries& series : message.batch.series) {
      if (plan_->disputed.Has(model::SlotOf(series.hash))) {
        RETURN_IF_ERROR(table_.Add(std::move(series)));
        continue;
      }
      if (!is_own && given_series_.Has(series.hash)) continue;
      HeldSeries alone{std::move(series.labels), std::move(series.samples),
                       std::move(series.histograms),
                       std::move(series.exemplars),
                       std::move(series.starts)};
      RETURN_IF_ERROR(FinishSeries(context_, rule_, alone,
                             message.series.emplace_back()));
      message.hashes.push_back(series.hash);
    }
    return absl::OkStatus();
  }

  // What was received before a stream failed counts: a series is never split
  // over messages.
  absl::Status Take(Message& message, std::vector<MergedSeries>& batch) {
    Stream& stream = streams_[message.stream];
    if (stream.undecoded) return absl::OkStatus();
    if (!message.status.ok()) {
      stream.undecoded = true;
      Fail(stream, message.status);
      return absl::OkStatus();
    }
    shares_.Heard(stream.share.node);
    if (message.batch.is_end) {
      return End(message.stream, message.batch.coverage);
    }
    if (shares_.replaceable()) {
      given_series_.Add(message.stream, message.hashes);
    }
    std::move(message.series.begin(), message.series.end(),
              std::back_inserter(batch));
    return absl::OkStatus();
  }

  absl::Status End(size_t at, const proto::Coverage& coverage) {
    Stream& stream = streams_[at];
    stream.reading.Ended(coverage);
    judge_.Answered(stream.share.node, coverage);
    given_series_.Ended(at);
    const bool complete = !coverage.damaged() && !coverage.replaying() &&
                          coverage.coverage_version() ==
                              plan_->coverage_versions[stream.share.node];
    return complete ? absl::OkStatus()
                    : GiveUp(base::Unavailable("a node is not complete"));
  }

  absl::Status ReplaceFailed() {
    // All of them first: none is to be asked for another's share.
    for (const Stream& stream : streams_) {
      if (!stream.failure.ok()) {
        shares_.Failed(stream.share.node, stream.failure);
      }
    }
    for (size_t i = 0; i < streams_.size(); ++i) {
      if (streams_[i].failure.ok() || streams_[i].handled) continue;
      streams_[i].handled = true;
      RETURN_IF_ERROR(Replace(i));
      if (all_copies_ != nullptr) return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  absl::Status Replace(size_t at) {
    const absl::Status why = streams_[at].failure;
    if (!PlannedShares::IsNodes(why) || IsCancelled(context_.request)) {
      return GiveUp(why);
    }
    given_series_.Failed(at);
    if (!given_series_.complete()) {
      return GiveUp(base::Unavailable(
          base::Message(why), "; the series it gave were too many to remember "
          "(-search.maxMemoryPerQuery, -memory.allowedPercent)"));
    }
    std::optional<std::vector<PlannedShare>> substitutes =
        shares_.Replace(streams_[at].share);
    if (!substitutes) return GiveUp(why);
    planner_->Forget();
    for (PlannedShare& share : *substitutes) Open(std::move(share));
    return absl::OkStatus();
  }

  absl::Status GiveHeld(std::vector<MergedSeries>& batch) {
    if (!collected_) {
      if (const absl::Status status = shares_.Judge(judge_); !status.ok()) {
        return GiveUp(status);
      }
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
    streams_.clear();
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
  PlannedShares shares_;
  SeriesTable table_;  // of disputed slots
  GivenSeries given_series_;  // by stream
  ReadJudge judge_;
  model::DedupRule rule_;
  std::vector<Stream> streams_;
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
    ReadPlanner* planner, StartShare start, StartAgain read_all) {
  return std::make_unique<PlannedMerge>(std::move(context), std::move(plan),
                                        planner, std::move(start),
                                        std::move(read_all));
}

}  // namespace varve::cluster
