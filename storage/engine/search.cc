// Searches: index first, then the head and the days' blocks series by series.
//
// Pinned in this order: head generations, families, then the databases'
// snapshot. A flush moves samples the other way (blocks, then out of the
// head), so a sample in transit is seen at least once; equal ones collapse.
#include <algorithm>

#include "lib/base/log.h"
#include "lib/base/status.h"
#include "storage/engine/day_scan.h"
#include "storage/engine/engine_impl.h"

namespace varve::storage {
namespace {

// Labels of so many series are kept for a whole search; above, they are read
// twice, in pieces, so that memory does not grow with the answer.
constexpr size_t kSeriesKeptMax = 32 << 10;
constexpr size_t kSeriesPerPiece = 1024;

struct Entry {
  uint32_t metric_id = 0;
  uint32_t position = 0;  // in labels_, when they are kept
  uint64_t id = 0;
};

// Label sets one after another in one string.
class LabelArena {
 public:
  void Add(std::string_view labels) {
    bytes_.append(labels);
    ends_.push_back(bytes_.size());
  }
  std::string_view Get(size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  void Clear() {
    bytes_.clear();
    ends_.clear();
  }

 private:
  std::string bytes_;
  std::vector<size_t> ends_;
};

}  // namespace

class SearchCursor final : public SeriesCursor {
 public:
  SearchCursor(EngineImpl& engine, const SearchRequest& request,
               const model::TimeRange& range)
      : engine_(engine),
        tenant_(request.tenant),
        range_(range),
        labels_only_(request.labels_only),
        rule_{.interval_ms = engine.options_.dedup.interval_ms,
              .keep_all =
                  engine.options_.dedup.keep_all || request.keep_all},
        head_(engine.head_->View()) {}

  ~SearchCursor() override {
    if (stats_.corrupt + stats_.unknown == 0) return;
    engine_.corrupt_blocks_ += stats_.corrupt + stats_.unknown;
    static base::LogEvery every(10'000);
    if (every.Due()) {
      base::LogError("left out ", stats_.corrupt, " damaged and ",
                     stats_.unknown, " unknown segments in a search: ",
                     base::Message(stats_.first_error));
    }
  }

  absl::Status Begin(const std::vector<uint64_t>& ids) {
    keep_labels_ = ids.size() <= kSeriesKeptMax;
    entries_.reserve(ids.size());
    RETURN_IF_ERROR(engine_.index_->ForEachSeries(
        tenant_, ids, [this](const IndexSeries& series) {
          entries_.push_back({series.metric_id,
                              static_cast<uint32_t>(entries_.size()),
                              series.id});
          if (keep_labels_) labels_.Add(series.labels);
        }));
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) {
                return a.metric_id != b.metric_id ? a.metric_id < b.metric_id
                                                  : a.id < b.id;
              });
    if (!labels_only_) OpenScans();
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Next(SearchSeries& series) override {
    for (; at_ < entries_.size(); ++at_) {
      const Entry& entry = entries_[at_];
      series.samples.clear();
      if (!labels_only_) {
        RETURN_IF_ERROR(ReadSamples(entry, series.samples));
        if (series.samples.empty()) continue;
      }
      series.id = entry.id;
      ASSIGN_OR_RETURN(const std::string_view labels, LabelsOf(at_));
      series.labels.assign(labels);
      series.hash = model::HashSeries(tenant_, labels);
      ++at_;
      return true;
    }
    return false;
  }

  bool complete() const override { return stats_.complete(); }

 private:
  void OpenScans() {
    const std::shared_ptr<const BlockFamilies> blocks = engine_.Blocks();
    const KvSnapshotRef snapshot = engine_.data_->Snapshot();
    const int32_t first = model::DayOf(range_.start_ms);
    const int32_t last = model::DayOf(range_.end_ms);
    for (const DayFamily& open : blocks->open_days) {
      if (open.day < first || open.day > last) continue;
      scans_.emplace_back(*engine_.data_, open.family, false, open.day,
                          tenant_, snapshot);
    }
    for (auto it = blocks->day_rows.lower_bound(first);
         it != blocks->day_rows.end() && it->first <= last; ++it) {
      scans_.emplace_back(*engine_.data_, blocks->closed, true, it->first,
                          tenant_, snapshot);
    }
  }

  absl::Status ReadSamples(const Entry& entry, model::SampleColumns& samples) {
    // Blocks are older than the head: mostly sorted when read in this order.
    for (DayScan& scan : scans_) {
      RETURN_IF_ERROR(
          scan.Read(entry.metric_id, entry.id, range_, samples, stats_));
    }
    head_.Read(entry.id, range_, samples);
    model::SortAndDedup(samples, rule_);
    return absl::OkStatus();
  }

  absl::StatusOr<std::string_view> LabelsOf(size_t at) {
    if (keep_labels_) return labels_.Get(entries_[at].position);
    if (at >= piece_end_) RETURN_IF_ERROR(ReadPiece(at));
    return labels_.Get(at - piece_begin_);
  }

  absl::Status ReadPiece(size_t at) {
    piece_begin_ = at;
    piece_end_ = std::min(entries_.size(), at + kSeriesPerPiece);
    labels_.Clear();
    ids_.clear();
    for (size_t i = piece_begin_; i < piece_end_; ++i) {
      ids_.push_back(entries_[i].id);
    }
    size_t found = 0;
    RETURN_IF_ERROR(engine_.index_->ForEachSeries(
        tenant_, ids_, [&](const IndexSeries& series) {
          labels_.Add(series.labels);
          ++found;
        }));
    if (found == ids_.size()) return absl::OkStatus();
    return base::Internal("index lost ", ids_.size() - found,
                          " series during a search");
  }

  EngineImpl& engine_;
  const model::TenantId tenant_;
  const model::TimeRange range_;
  const bool labels_only_;
  const model::DedupRule rule_;
  const HeadView head_;  // pinned before families and snapshot
  std::vector<DayScan> scans_;
  std::vector<Entry> entries_;
  size_t at_ = 0;
  bool keep_labels_ = false;
  LabelArena labels_;
  size_t piece_begin_ = 0;
  size_t piece_end_ = 0;
  std::vector<uint64_t> ids_;
  SegmentReadStats stats_;
};

absl::StatusOr<std::unique_ptr<SeriesCursor>> EngineImpl::Search(
    const SearchRequest& request) {
  RETURN_IF_ERROR(CheckRunning());
  model::TimeRange range = request.range;
  range.start_ms = std::max(
      range.start_ms,
      OldestReadableMs(retention_rule(), options_.clock->NowMs()));
  range.end_ms = std::min(range.end_ms, model::kTimestampMaxMs);
  auto cursor = std::make_unique<SearchCursor>(*this, request, range);
  if (range.start_ms > range.end_ms) return cursor;
  ASSIGN_OR_RETURN(
      const std::vector<uint64_t> ids,
      index_->Select(request.tenant, request.matcher_groups,
                     DayRange{.first = model::DayOf(range.start_ms),
                              .last = model::DayOf(range.end_ms)}));
  const int64_t limit = request.series_max > 0 ? request.series_max
                                               : options_.unique_series_max;
  if (limit > 0 && static_cast<int64_t>(ids.size()) > limit) {
    return base::ResourceExhausted(
        "the number of matching timeseries exceeds ", limit,
        "; either narrow down the search or increase "
        "-search.maxUniqueTimeseries command-line flag value at storage");
  }
  RETURN_IF_ERROR(cursor->Begin(ids));
  return cursor;
}

}  // namespace varve::storage
