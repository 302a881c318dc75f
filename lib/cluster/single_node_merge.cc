#include <atomic>

#include "lib/base/status.h"
#include "lib/cluster/node_reading.h"
#include "lib/cluster/series_merge.h"
#include "lib/wire/series_batch.h"

namespace varve::cluster {
namespace {

// Messages decoded side by side; more only cost memory.
constexpr size_t kMessagesAtOnce = 4;

class SingleNodeMerge final : public SeriesMerge {
 public:
  explicit SingleNodeMerge(MergeContext context)
      : context_(std::move(context)),
        judge_(context_.nodes, context_.options),
        reading_(context_.request, "search",
                 context_.nodes->node(0).address) {}

  absl::Status Next(std::vector<MergedSeries>& batch) override {
    batch.clear();
    while (batch.empty() && !ended_) {
      RETURN_IF_ERROR(ReadMessages());
      RETURN_IF_ERROR(DecodeMessages(batch));
    }
    return absl::OkStatus();
  }
  const ReadOutcome& outcome() const override { return outcome_; }

 private:
  absl::Status Fail(const absl::Status& status) {
    reading_.Failed(status);
    if (IsRequestsFault(status) || IsCancelled(context_.request)) return status;
    judge_.Failed(0, status);
    // With one node there is nothing to fall back on, but what it gave before
    // it failed is a partial answer.
    if (delivered_) judge_.Answered(0, proto::Coverage());
    return End();
  }
  absl::Status End() {
    ended_ = true;
    ASSIGN_OR_RETURN(outcome_, judge_.Outcome(context_.request.deny_partial));
    return absl::OkStatus();
  }

  absl::Status ReadMessages() {
    messages_.clear();
    do {
      auto message = NextMessage(*context_.calls[0], context_.request);
      if (!message.ok() || !*message) {
        failure_ = message.ok()
                       ? base::DataLoss("the answer ended without coverage")
                       : message.status();
        break;
      }
      reading_.Received((*message)->size());
      messages_.push_back(**std::move(message));
    } while (messages_.size() < kMessagesAtOnce && context_.calls[0]->ready());
    return absl::OkStatus();
  }

  absl::Status DecodeMessages(std::vector<MergedSeries>& batch) {
    const size_t n = messages_.size();
    std::vector<absl::StatusOr<wire::SeriesBatch>> decoded(
        n, absl::StatusOr<wire::SeriesBatch>(wire::SeriesBatch()));
    std::vector<std::vector<MergedSeries>> merged(n);
    size_t bytes = 0;
    for (const std::string& message : messages_) bytes += message.size();
    context_.pool->ParallelFor(n, DecodeThreads(n, bytes), [&](size_t i) {
      const base::CpuShare cpu(CpuMeterOf(context_.request));
      decoded[i] = wire::DecodeSeriesBatch(messages_[i]);
      messages_[i] = std::string();
      if (!decoded[i].ok()) return;
      const absl::Status status = Convert(decoded[i]->series, merged[i]);
      if (!status.ok()) decoded[i] = status;
    });
    for (size_t i = 0; i < n && !ended_; ++i) {
      if (!decoded[i].ok()) return Fail(decoded[i].status());
      for (MergedSeries& series : merged[i]) {
        batch.push_back(std::move(series));
      }
      delivered_ = delivered_ || !merged[i].empty();
      if (decoded[i]->is_end) {
        reading_.Ended(decoded[i]->coverage);
        judge_.Answered(0, decoded[i]->coverage);
        return End();
      }
    }
    return failure_.ok() || ended_ ? absl::OkStatus() : Fail(failure_);
  }

  absl::Status Convert(std::vector<wire::WireSeries>& from,
                       std::vector<MergedSeries>& to) const {
    to.reserve(from.size());
    const model::DedupRule rule = context_.options->dedup;
    for (wire::WireSeries& series : from) {
      ASSIGN_OR_RETURN(model::LabelSet labels,
                       model::ParseCanonicalBytes(series.labels));
      // The node has applied its own rule and was told of keep_all.
      if (rule.interval_ms > 0) {
        model::SortAndDedup(series.samples, series.histograms, rule);
      }
      model::Downsample(context_.options->downsampling,
                        context_.request.tenant, labels, context_.now_ms,
                        series.samples);
      to.push_back({std::move(labels), std::move(series.samples),
                    std::move(series.histograms),
                    std::move(series.exemplars), std::move(series.starts)});
    }
    return absl::OkStatus();
  }

  MergeContext context_;
  ReadJudge judge_;
  NodeReading reading_;
  std::vector<std::string> messages_;
  absl::Status failure_;
  bool delivered_ = false;
  bool ended_ = false;
  ReadOutcome outcome_;
};

}  // namespace

std::unique_ptr<SeriesMerge> MakeSingleNodeMerge(MergeContext context) {
  return std::make_unique<SingleNodeMerge>(std::move(context));
}

}  // namespace varve::cluster
