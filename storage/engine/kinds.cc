// Native histograms, exemplars, start timestamps and metadata: into the head,
// into tables, out again. The floats' way is append.cc, flush.cc and search.cc.
#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "storage/block/kind_segments.h"
#include "storage/engine/engine_impl.h"
#include "storage/engine/flush_files.h"

namespace varve::storage {
namespace {

// A day's rows of one generation as the value of its series; "" for none.
void AppendDayValue(const KindGeneration& generation, uint64_t series_id,
                    int32_t day, std::string& value, int64_t& rows,
                    int64_t& newest_ms) {
  const model::TimeRange range = {
      .start_ms = int64_t{day} * model::kDayMs,
      .end_ms = int64_t{day} * model::kDayMs + model::kDayMs - 1};
  model::HistogramColumns histograms;
  generation.Read(series_id, range, histograms);
  if (!histograms.empty()) {
    // On disk only byte-equal samples collapse.
    model::SortAndDedup(histograms, {.interval_ms = 0, .keep_all = true});
    AppendHistogramSegments(generation.number(), histograms.timestamps_ms,
                            histograms.histograms, value);
    newest_ms = std::max(newest_ms, histograms.timestamps_ms.back());
    rows += static_cast<int64_t>(histograms.size());
  }
  std::vector<model::Exemplar> exemplars;
  generation.ReadExemplars(series_id, range, exemplars);
  if (!exemplars.empty()) {
    model::SortAndDedup(exemplars);
    AppendExemplarSegments(generation.number(), exemplars, value);
  }
  model::StartRuns starts;
  generation.ReadStarts(series_id, range, starts);
  model::JoinRuns(starts);
  AppendStartSegments(generation.number(), starts, value);
}

}  // namespace

void EngineImpl::AppendKinds(const KindRows& rows, int64_t accept_ms) {
  for (const KindSection& section : rows.sections) {
    std::vector<SeriesDay> opened;
    kind_head_->Append(std::span(section.histograms), opened);
    kind_head_->Append(std::span(section.exemplars), opened);
    MarkOpened(section.tenant, opened);
    kind_head_->Append(std::span(section.starts));
    for (const model::MetricMetadata& one : section.metadata) {
      metadata_.Put(section.tenant, one, accept_ms);
    }
  }
}

absl::Status EngineImpl::WriteKinds(const FrozenHead& frozen,
                                    FlushFiles& files) {
  const KindGeneration& generation = *frozen.kinds;
  if (generation.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<SeriesKey> keys,
                   KeysInOrder(generation.SeriesIds()));
  int64_t newest_ms = newest_kind_in_blocks_ms_;
  std::string key;
  std::string value;
  for (const int32_t day : frozen.days) {
    ASSIGN_OR_RETURN(const KvFamilyRef family, FamilyForDay(day));
    const std::shared_ptr<const BlockFamilies> blocks = Blocks();
    int64_t rows = 0;
    std::string path;
    std::unique_ptr<KvSstWriter> writer;
    for (const SeriesKey& series : keys) {
      value.clear();
      AppendDayValue(generation, series.series_id, day, value, rows,
                     newest_ms);
      if (value.empty()) continue;
      if (writer == nullptr) {
        path = files.NextPath();
        ASSIGN_OR_RETURN(writer, data_->NewSst(*family, path));
      }
      key.clear();
      if (family == blocks->closed) base::PutFixedBe<int32_t>(key, day);
      AppendSeriesKey(key, series);
      RETURN_IF_ERROR(writer->Merge(key, value));
    }
    if (writer == nullptr) continue;
    RETURN_IF_ERROR(writer->Finish());
    files.AddRows(*blocks, day, rows, family == blocks->closed);
    files.Add(family, std::span(&path, 1));
  }
  // Before its rows leave memory: a search sees one or the other.
  newest_kind_in_blocks_ms_ = newest_ms;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<model::StoredMetadata>> EngineImpl::Metadata(
    const MetadataRequest& request) {
  RETURN_IF_ERROR(CheckRunning());
  return metadata_.List(request.tenant, request.metric, request.limit);
}

}  // namespace varve::storage
