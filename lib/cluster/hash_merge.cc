#include <algorithm>
#include <atomic>

#include "lib/base/status.h"
#include "lib/cluster/node_reading.h"
#include "lib/cluster/series_merge.h"
#include "lib/cluster/series_table.h"
#include "lib/cluster/slow_replicas.h"
#include "lib/wire/series_batch.h"

namespace varve::cluster {
namespace {

// Series given out at once, and in one piece of work.
constexpr size_t kBatchSeries = 512;
constexpr size_t kSliceSeries = 128;

class HashMerge final : public SeriesMerge {
 public:
  explicit HashMerge(MergeContext context)
      : context_(std::move(context)),
        table_(context_.options->memory_bytes_max,
               context_.options->memory_pool),
        judge_(context_.nodes, context_.options) {}

  absl::Status Next(std::vector<MergedSeries>& batch) override {
    batch.clear();
    if (!collected_) RETURN_IF_ERROR(Collect());
    const size_t n = std::min(kBatchSeries, held_.size() - given_);
    batch.resize(n);
    const size_t slices = (n + kSliceSeries - 1) / kSliceSeries;
    std::vector<absl::Status> statuses(slices);
    context_.pool->ParallelFor(slices, slices, [&](size_t slice) {
      const base::CpuShare cpu(CpuMeterOf(context_.request));
      const size_t end = std::min(n, (slice + 1) * kSliceSeries);
      for (size_t i = slice * kSliceSeries; i < end; ++i) {
        HeldSeries& held = held_[given_ + i];
        statuses[slice].Update(FinishSeries(context_, rule_, held, batch[i]));
        held = HeldSeries();
      }
    });
    given_ += n;
    for (const absl::Status& status : statuses) RETURN_IF_ERROR(status);
    return absl::OkStatus();
  }
  const ReadOutcome& outcome() const override { return outcome_; }

 private:
  absl::Status Collect() {
    const size_t n = context_.calls.size();
    std::vector<absl::StatusOr<proto::Coverage>> ends(
        n, absl::StatusOr<proto::Coverage>(proto::Coverage()));
    GiveUp give_up{nullptr};
    SlowReplicas slow(judge_);
    context_.pool->ParallelFor(n, n, [&](size_t i) {
      const base::CpuShare cpu(CpuMeterOf(context_.request));
      NodeReading reading(context_.request, "search",
                          context_.nodes->node(i).address);
      ends[i] = ReadNode(*context_.calls[i], give_up, reading);
      if (ends[i].ok()) {
        reading.Ended(*ends[i]);
        slow.Answered(i, *ends[i]);
        if (slow.enough()) give_up = kSkippedSlowReplica;
        return;
      }
      reading.Failed(ends[i].status());
      if (IsRequestsFault(ends[i].status())) {
        give_up = "given up because of another node's error";
      }
    });
    context_.calls.clear();
    for (size_t i = 0; i < n; ++i) {
      if (ends[i].ok()) {
        judge_.Answered(i, *ends[i]);
      } else if (IsRequestsFault(ends[i].status()) ||
                 IsCancelled(context_.request)) {
        return ends[i].status();
      } else {
        judge_.Failed(i, ends[i].status());
      }
    }
    ASSIGN_OR_RETURN(outcome_, judge_.Outcome(context_.request.deny_partial));
    held_ = table_.TakeAll();
    rule_ = judge_.dedup();
    rule_.keep_all = rule_.keep_all || context_.request.keep_all;
    collected_ = true;
    return absl::OkStatus();
  }

  // Puts all of one node's series into the table.
  absl::StatusOr<proto::Coverage> ReadNode(rpc::Call& call,
                                           const GiveUp& give_up,
                                           NodeReading& reading) {
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<std::string> message,
                       NextMessage(call, context_.request, &give_up));
      if (!message) {
        return base::DataLoss("the answer ended without coverage");
      }
      reading.Received(message->size());
      ASSIGN_OR_RETURN(wire::SeriesBatch batch,
                       wire::DecodeSeriesBatch(*message));
      if (batch.is_end) return std::move(batch.coverage);
      for (wire::WireSeries& series : batch.series) {
        RETURN_IF_ERROR(table_.Add(std::move(series)));
      }
    }
  }

  MergeContext context_;
  SeriesTable table_;
  ReadJudge judge_;
  bool collected_ = false;
  std::vector<HeldSeries> held_;
  size_t given_ = 0;
  model::DedupRule rule_;
  ReadOutcome outcome_;
};

}  // namespace

absl::Status FinishSeries(const MergeContext& context, const model::DedupRule& rule,
                    HeldSeries& held, MergedSeries& to) {
  ASSIGN_OR_RETURN(to.labels, model::ParseCanonicalBytes(held.labels));
  // One node's own samples have its rule applied already.
  if (held.of_several || rule.interval_ms > 0) {
    model::SortAndDedup(held.samples, held.histograms, rule);
    model::SortAndDedup(held.exemplars);
    model::JoinRuns(held.starts);
  }
  model::Downsample(context.options->downsampling, context.request.tenant,
                    to.labels, context.now_ms, held.samples);
  to.samples = std::move(held.samples);
  to.histograms = std::move(held.histograms);
  to.exemplars = std::move(held.exemplars);
  to.starts = std::move(held.starts);
  return absl::OkStatus();
}

std::unique_ptr<SeriesMerge> MakeHashMerge(MergeContext context) {
  return std::make_unique<HashMerge>(std::move(context));
}

}  // namespace varve::cluster
