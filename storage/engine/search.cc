// Searches: index first, then the head and the days' blocks series by series.
//
// Pinned in this order: head generations, families, then the databases'
// snapshot. A flush moves samples the other way (blocks, then out of the
// head), so a sample in transit is seen at least once; equal ones collapse.
#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "lib/base/log.h"
#include "lib/base/mutex.h"
#include "lib/base/status.h"
#include "storage/engine/block_scan.h"
#include "storage/engine/engine_impl.h"

namespace varve::storage {
namespace {

// Labels of so many series are kept for a whole search; above, they are read
// twice, in pieces, so that memory does not grow with the answer.
constexpr size_t kSeriesKeptMax = 64 << 10;
constexpr size_t kSeriesPerPiece = 1024;
// Fewer are not worth a thread.
constexpr size_t kSeriesPerPartMin = 128;
// Series between two looks at the clock.
constexpr size_t kSeriesUnasked = 16;

// Label sets one after another in one string.
class LabelArena {
 public:
  // So many label sets will follow: of usual ones it then moves none.
  void Reserve(size_t count) {
    constexpr size_t kUsualBytes = 160;
    bytes_.reserve(count * kUsualBytes);
    ends_.reserve(count);
  }
  void Add(std::string_view labels) {
    bytes_.append(labels);
    ends_.push_back(bytes_.size());
  }
  std::string_view Get(size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  int64_t memory_bytes() const {
    return static_cast<int64_t>(bytes_.capacity() +
                                ends_.capacity() * sizeof(ends_[0]));
  }
  void Clear() {
    bytes_.clear();
    ends_.clear();
  }

 private:
  std::string bytes_;
  std::vector<size_t> ends_;
};

// Metric names a search reads, over its parts: each counts once.
class SearchedNames {
 public:
  SearchedNames(EngineImpl& engine, const model::TenantId& tenant)
      : engine_(engine), tenant_(tenant) {}

  void Count(std::vector<std::string> names) {
    base::MutexLock lock(mutex_);
    std::erase_if(names, [this](const std::string& name)
                             REQUIRES_LOCK(mutex_) {
      return !counted_.insert(name).second;
    });
    engine_.CountNames(tenant_, names);
  }

 private:
  EngineImpl& engine_;
  const model::TenantId tenant_;
  base::Mutex mutex_;
  absl::flat_hash_set<std::string> counted_ GUARDED_BY(mutex_);
};

}  // namespace

class SearchCursor final : public SeriesCursor {
 public:
  SearchCursor(EngineImpl& engine, const SearchRequest& request,
               const model::TimeRange& range,
               std::shared_ptr<SearchedNames> searched)
      : engine_(engine),
        hashes_(request.hashes),
        fill_cache_(request.of_query),
        searched_(std::move(searched)),
        tenant_(request.tenant),
        range_(range),
        rules_(engine.Rules()),
        labels_only_(request.labels_only),
        rule_{.interval_ms = engine.options_.dedup.interval_ms,
              .keep_all =
                  engine.options_.dedup.keep_all || request.keep_all},
        exemplars_(request.exemplars),
        starts_(request.starts),
        alive_(request.alive),
        head_(engine.head_->View(range.start_ms)),
        kind_head_(engine.kind_head_->Generations()),
        lacked_(engine.MayLack(range)),
        index_damage_(engine.index_db_->damaged_files()),
        memory_(request.of_query ? engine.search_memory_
                                 : engine.repair_memory_) {}

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

  // What to read: before the first Next.
  void Take(std::span<const uint64_t> ids) {
    searched_ids_.assign(ids.begin(), ids.end());
  }

  absl::StatusOr<bool> Next(SearchSeries& series) override {
    if (!begun_) RETURN_IF_ERROR(Begin());
    for (; at_ < entries_.size(); ++at_) {
      if (at_ % kSeriesUnasked == 0) RETURN_IF_ERROR(base::CheckAlive(alive_));
      const ScanSeries& entry = entries_[at_];
      series.samples.clear();
      series.histograms.clear();
      series.exemplars.clear();
      series.starts.clear();
      if (!labels_only_) {
        RETURN_IF_ERROR(ReadSamples(series));
        if (series.samples.empty() && series.histograms.empty() &&
            series.exemplars.empty()) {
          continue;
        }
      }
      series.id = entry.id;
      ASSIGN_OR_RETURN(const std::string_view labels, LabelsOf(at_));
      if (labels.empty()) continue;  // its last day was dropped meanwhile
      series.labels.assign(labels);
      if (hashes_) series.hash = model::HashSeries(tenant_, labels);
      ++at_;
      return true;
    }
    return false;
  }

  bool complete() const override {
    // What was lost when rows were read may have been made again since.
    return stats_.complete() && !lacked_ &&
           index_damage_ == engine_.index_db_->damaged_files() &&
           !engine_.MayLack(range_);
  }
  SearchCost cost() const override {
    return {.series_matched = static_cast<int64_t>(entries_.size()),
            .blocks = stats_.segments,
            .block_bytes = scan_ ? scan_->loaded_bytes() : 0};
  }

 private:
  absl::Status Begin() {
    begun_ = true;
    const std::vector<uint64_t> ids = std::move(searched_ids_);
    keep_labels_ = ids.size() <= kSeriesKeptMax;
    entries_.reserve(ids.size());
    if (keep_labels_) labels_.Reserve(ids.size());
    absl::flat_hash_set<uint32_t> metrics;
    std::vector<std::string> names;
    const bool counts_names = searched_ != nullptr && !labels_only_;
    RETURN_IF_ERROR(engine_.index_->ForEachSeries(
        tenant_, ids, [&](const IndexSeries& series) {
          if (counts_names && metrics.insert(series.metric_id).second) {
            names.push_back(MetricNameOf(series.labels));
          }
          entries_.push_back({series.metric_id,
                              static_cast<uint32_t>(entries_.size()),
                              series.id});
          if (keep_labels_) labels_.Add(series.labels);
        },
        fill_cache_));
    if (counts_names) searched_->Count(std::move(names));
    // A head that has all of the range spares the blocks: cold pages shall not
    // delay alerts.
    // The head of histograms and start timestamps keeps nothing that is in
    // blocks.
    const bool covers = head_.covers() && !exemplars_ && !starts_ &&
                        engine_.newest_kind_in_blocks_ms_ < range_.start_ms;
    if (!labels_only_ && !covers) OpenScan();
    if (!labels_only_ && covers) ++engine_.searches_without_blocks_;
    return Account(0);
  }

  // Blocks are read in the order of their keys; without them that of the ids
  // stays, in which head and label pages lie.
  void OpenScan() {
    std::sort(entries_.begin(), entries_.end(),
              [](const ScanSeries& a, const ScanSeries& b) {
                return a.metric_id != b.metric_id ? a.metric_id < b.metric_id
                                                  : a.id < b.id;
              });
    // Families before the snapshot: what a rewrite moves is in one of them.
    const std::shared_ptr<const BlockFamilies> blocks = engine_.Blocks();
    scan_ = std::make_unique<BlockScan>(*engine_.data_, *blocks, tenant_,
                                        ReadRange(),
                                        engine_.data_->Snapshot(),
                                        fill_cache_);
  }

  // Reads ahead when the series at at_ is not loaded.
  absl::Status LoadBlocks(const SearchSeries& series) {
    if (scan_ == nullptr || at_ < loaded_end_) return absl::OkStatus();
    loaded_begin_ = at_;
    ASSIGN_OR_RETURN(const size_t count,
                     scan_->Load(std::span(entries_).subspan(at_), stats_));
    loaded_end_ = at_ + count;
    return Account(series.samples.timestamps_ms.capacity());
  }

  absl::Status ReadSamples(SearchSeries& series) {
    RETURN_IF_ERROR(LoadBlocks(series));
    series_rules_.clear();
    bool ruled = false;
    if (!rules_->empty()) {
      ASSIGN_OR_RETURN(ruled, FindRules());
    }
    if (exemplars_) {
      ReadExemplars(series.exemplars);
      return absl::OkStatus();
    }
    model::SampleColumns& samples = series.samples;
    // Blocks are older than the head: mostly sorted when read in this order.
    const int64_t others = stats_.other_kinds;
    if (scan_ != nullptr) RETURN_IF_ERROR(ReadBlocks(samples));
    ReadHead(samples);
    ReadHistograms(stats_.other_kinds != others, series.histograms);
    model::SortAndDedup(samples, series.histograms, rule_);
    if (ruled) {
      ApplyRules(series_rules_, rules_->now_ms(), samples);
      ApplyRules(series_rules_, rules_->now_ms(), series.histograms);
      CutAtEnd(series);
    }
    if (starts_) ReadStarts(series.starts);
    constexpr size_t kSamplesPerRun = 2;  // as large as a run
    const size_t room = samples.timestamps_ms.capacity() +
                        kSamplesPerRun * series.starts.capacity();
    return room > accounted_samples_ ? Account(room) : absl::OkStatus();
  }

  // Deletes, retention filters and downsampling of the series at at_, into
  // series_rules_; false when there are none.
  absl::StatusOr<bool> FindRules() {
    std::string_view labels;
    if (!rules_->ignores_labels()) {
      ASSIGN_OR_RETURN(labels, LabelsOf(at_));
    }
    return rules_->RulesOf(tenant_, entries_[at_].id, labels, series_rules_);
  }

  absl::Status ReadBlocks(model::SampleColumns& samples) {
    const size_t i = at_ - loaded_begin_;
    if (series_rules_.deleted.empty()) return scan_->Read(i, samples, stats_);
    return scan_->Read(i, samples, stats_,
                       [&](uint64_t generation, size_t from) {
                         HideDeleted(series_rules_, generation, from, samples);
                       });
  }

  void ReadHead(model::SampleColumns& samples) {
    const uint64_t id = entries_[at_].id;
    if (series_rules_.deleted.empty()) {
      head_.Read(id, ReadRange(), samples);
      return;
    }
    recent_.clear();
    head_.Read(id, ReadRange(), recent_, runs_);
    for (size_t run = 0; run < runs_.size(); ++run) {
      const size_t end =
          run + 1 < runs_.size() ? runs_[run + 1].from : recent_.size();
      for (size_t row = runs_[run].from; row < end; ++row) {
        if (IsDeleted(series_rules_, runs_[run].generation,
                      recent_.timestamps_ms[row])) {
          continue;
        }
        samples.push_back(recent_.timestamps_ms[row], recent_.values[row]);
      }
    }
  }

  void ReadHistograms(bool in_blocks, model::HistogramColumns& histograms) {
    const auto hide = [&](uint64_t generation, size_t from) {
      HideDeleted(series_rules_, generation, from, histograms);
    };
    if (in_blocks) {
      scan_->ReadHistograms(at_ - loaded_begin_, histograms, stats_, hide);
    }
    for (const auto& generation : kind_head_) {
      const size_t from = histograms.size();
      generation->Read(entries_[at_].id, ReadRange(), histograms);
      hide(generation->number(), from);
    }
  }

  void ReadExemplars(std::vector<model::Exemplar>& exemplars) {
    const auto hide = [&](uint64_t generation, size_t from) {
      HideDeleted(series_rules_, generation, from, exemplars);
    };
    if (scan_ != nullptr) {
      scan_->ReadExemplars(at_ - loaded_begin_, exemplars, stats_, hide);
    }
    for (const auto& generation : kind_head_) {
      const size_t from = exemplars.size();
      generation->ReadExemplars(entries_[at_].id, range_, exemplars);
      hide(generation->number(), from);
    }
    model::SortAndDedup(exemplars);
    std::erase_if(exemplars, [&](const model::Exemplar& one) {
      return one.timestamp_ms < series_rules_.oldest_ms ||
             one.timestamp_ms > range_.end_ms;
    });
  }

  void ReadStarts(model::StartRuns& starts) {
    const auto hide = [&](uint64_t generation, size_t from) {
      HideDeleted(series_rules_, generation, from, starts);
    };
    if (scan_ != nullptr) {
      scan_->ReadStarts(at_ - loaded_begin_, starts, stats_, hide);
    }
    for (const auto& generation : kind_head_) {
      const size_t from = starts.size();
      generation->ReadStarts(entries_[at_].id, ReadRange(), starts);
      hide(generation->number(), from);
    }
    model::JoinRuns(starts);
  }

  // What was read behind the range for the sake of downsampling.
  void CutAtEnd(SearchSeries& series) const {
    const auto cut = [&](auto& columns) {
      columns.resize(static_cast<size_t>(
          std::upper_bound(columns.timestamps_ms.begin(),
                           columns.timestamps_ms.end(), range_.end_ms) -
          columns.timestamps_ms.begin()));
    };
    cut(series.samples);
    cut(series.histograms);
  }

  // The last sample of a downsampling interval may lie behind the range: what
  // it stands for is then not in the answer.
  model::TimeRange ReadRange() const {
    const int64_t room_ms = model::kTimestampMaxMs - range_.end_ms;
    return {range_.start_ms,
            range_.end_ms + std::min(rules_->interval_ms_max(), room_ms)};
  }

  // The caller's columns too: they are as long as the longest series.
  absl::Status Account(size_t samples) {
    constexpr int64_t kSampleBytes = sizeof(int64_t) + sizeof(double);
    accounted_samples_ = std::max(accounted_samples_, samples);
    return memory_.Set(
        static_cast<int64_t>(entries_.capacity() * sizeof(ScanSeries)) +
        labels_.memory_bytes() + (scan_ ? scan_->memory_bytes() : 0) +
        static_cast<int64_t>(accounted_samples_) * kSampleBytes);
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
    size_t next = 0;
    RETURN_IF_ERROR(engine_.index_->ForEachSeries(
        tenant_, ids_, [&](const IndexSeries& series) {
          for (; next < series.position; ++next) labels_.Add("");
          labels_.Add(series.labels);
          ++next;
        },
        fill_cache_));
    for (; next < ids_.size(); ++next) labels_.Add("");
    return absl::OkStatus();
  }

  EngineImpl& engine_;
  std::vector<uint64_t> searched_ids_;  // until Begin
  const bool hashes_;
  const bool fill_cache_;
  const std::shared_ptr<SearchedNames> searched_;  // null: not counted
  bool begun_ = false;
  const model::TenantId tenant_;
  const model::TimeRange range_;
  const std::shared_ptr<const EngineRuleBook> rules_;  // pinned first of all
  const bool labels_only_;
  const model::DedupRule rule_;
  const bool exemplars_;
  const bool starts_;
  const base::Alive* const alive_;
  const HeadView head_;  // pinned before families and snapshot
  const KindHead::View kind_head_;
  std::unique_ptr<BlockScan> scan_;
  std::vector<ScanSeries> entries_;
  size_t at_ = 0;
  size_t loaded_begin_ = 0;  // entries whose values scan_ has loaded
  size_t loaded_end_ = 0;
  size_t accounted_samples_ = 0;
  const bool lacked_;  // before anything was read
  const int64_t index_damage_;
  SearchMemory::Share memory_;
  bool keep_labels_ = false;
  LabelArena labels_;
  size_t piece_begin_ = 0;
  size_t piece_end_ = 0;
  std::vector<uint64_t> ids_;
  SeriesRules series_rules_;
  model::SampleColumns recent_;  // of the head
  std::vector<HeadRun> runs_;
  SegmentReadStats stats_;
};

absl::StatusOr<std::unique_ptr<SeriesCursor>> EngineImpl::Search(
    const SearchRequest& request) {
  ASSIGN_OR_RETURN(auto parts, SearchParts(request, 1));
  return std::move(parts.front());
}

absl::StatusOr<std::vector<std::unique_ptr<SeriesCursor>>>
EngineImpl::SearchParts(const SearchRequest& request, size_t parts) {
  RETURN_IF_ERROR(CheckReadable(request.range));
  model::TimeRange range = request.range;
  range.start_ms = std::max(
      range.start_ms,
      OldestReadableMs(retention_rule(), options_.clock->NowMs()));
  range.end_ms = std::min(range.end_ms, model::kTimestampMaxMs);
  std::shared_ptr<SearchedNames> searched;
  if (request.of_query) {
    searched = std::make_shared<SearchedNames>(*this, request.tenant);
  }
  std::vector<std::unique_ptr<SeriesCursor>> cursors;
  // Before the index is read: what was known to be damaged by then counts.
  auto cursor =
      std::make_unique<SearchCursor>(*this, request, range, searched);
  std::vector<uint64_t> ids;
  if (range.start_ms <= range.end_ms) {
    ASSIGN_OR_RETURN(
        ids, index_->Select(request.tenant, request.matcher_groups,
                            DayRange{.first = model::DayOf(range.start_ms),
                                     .last = model::DayOf(range.end_ms)},
                            request.alive));
  }
  const int64_t limit = request.series_max > 0 ? request.series_max
                                               : options_.unique_series_max;
  if (limit > 0 && static_cast<int64_t>(ids.size()) > limit) {
    return base::ResourceExhausted(
        "the number of matching timeseries exceeds ", limit,
        "; either narrow down the search or increase "
        "-search.maxUniqueTimeseries command-line flag value at storage");
  }
  if (request.slots != nullptr) {
    RETURN_IF_ERROR(index_->KeepSlots(request.tenant, *request.slots, ids));
  }
  const size_t used =
      std::clamp<size_t>(ids.size() / kSeriesPerPartMin, 1, parts);
  for (size_t i = 0; i < used; ++i) {
    const size_t begin = ids.size() * i / used;
    const size_t end = ids.size() * (i + 1) / used;
    cursor->Take(std::span(ids).subspan(begin, end - begin));
    cursors.push_back(std::move(cursor));
    if (i + 1 == used) break;
    cursor = std::make_unique<SearchCursor>(*this, request, range, searched);
  }
  return cursors;
}

}  // namespace varve::storage
