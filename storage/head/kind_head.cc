#include "storage/head/kind_head.h"

#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/encoding/histogram_stream.h"

namespace varve::storage {
namespace {

// Beside what its vectors hold; about what the map and the allocator add.
constexpr int64_t kSeriesBytes = 512;

int64_t BytesOf(const model::Exemplar& exemplar) {
  return static_cast<int64_t>(sizeof(exemplar) + exemplar.labels.capacity());
}

void TellDay(uint64_t id, int64_t at_ms, std::vector<int32_t>& days,
             std::vector<SeriesDay>& opened) {
  const int32_t day = model::DayOf(at_ms);
  if (std::find(days.begin(), days.end(), day) != days.end()) return;
  days.push_back(day);
  opened.push_back({id, day});
}

}  // namespace

KindGeneration::KindGeneration(uint64_t number, const KindHeadOptions& options)
    : number_(number), options_(options) {}

KindGeneration::Series& KindGeneration::SeriesAt(Shard& shard, uint64_t id) {
  std::unique_ptr<Series>& series = shard.series[id];
  if (series == nullptr) {
    series = std::make_unique<Series>();
    bytes_ += kSeriesBytes;
    ++series_;
  }
  return *series;
}

void KindGeneration::AddHistogram(Series& series, int64_t at_ms,
                                  const model::Histogram& histogram) {
  if (series.histograms > 0 && series.last_ms == at_ms &&
      series.last == histogram) {
    return;
  }
  const auto before = static_cast<int64_t>(series.stream.size());
  encoding::AppendHistogramStep(series.last_ms, series.last, at_ms, histogram,
                                series.stream);
  bytes_ += static_cast<int64_t>(series.stream.size()) - before;
  series.last = histogram;
  series.last_ms = at_ms;
  ++series.histograms;
}

void KindGeneration::AddExemplar(Series& series,
                                 const model::Exemplar& exemplar) {
  std::vector<model::Exemplar>& ring = series.exemplars;
  const auto place = std::lower_bound(ring.begin(), ring.end(), exemplar);
  if (place != ring.end() && *place == exemplar) return;
  bytes_ += BytesOf(exemplar);
  ring.insert(place, exemplar);
  if (static_cast<int64_t>(ring.size()) <= options_.exemplars_per_series_max) {
    return;
  }
  bytes_ -= BytesOf(ring.front());
  ring.erase(ring.begin());
}

void KindGeneration::Append(std::span<const encoding::HistogramRow> rows,
                            std::vector<SeriesDay>& opened) {
  for (const encoding::HistogramRow& row : rows) {
    Shard& shard = ShardOf(row.ref);
    base::MutexLock lock(shard.mutex);
    Series& series = SeriesAt(shard, row.ref);
    AddHistogram(series, row.timestamp_ms, row.histogram);
    TellDay(row.ref, row.timestamp_ms, series.days, opened);
  }
}

void KindGeneration::Append(std::span<const encoding::ExemplarRow> rows,
                            std::vector<SeriesDay>& opened) {
  if (options_.exemplars_per_series_max <= 0) return;
  for (const encoding::ExemplarRow& row : rows) {
    Shard& shard = ShardOf(row.ref);
    base::MutexLock lock(shard.mutex);
    Series& series = SeriesAt(shard, row.ref);
    AddExemplar(series, row.exemplar);
    TellDay(row.ref, row.exemplar.timestamp_ms, series.days, opened);
  }
}

void KindGeneration::Delete(std::span<const uint64_t> series_ids,
                            const model::TimeRange& range) {
  starts_.Delete(series_ids, range);
  for (const uint64_t id : series_ids) {
    Shard& shard = ShardOf(id);
    base::MutexLock lock(shard.mutex);
    const auto found = shard.series.find(id);
    if (found == shard.series.end()) continue;
    Series& series = *found->second;
    model::HistogramColumns kept;
    (void)encoding::ReadHistogramSteps(series.stream, kept);  // our own bytes
    bytes_ -= static_cast<int64_t>(series.stream.size());
    series.stream.clear();
    series.last = {};
    series.last_ms = 0;
    series.histograms = 0;
    // Told again: of a day that lost all, the index knows no more.
    series.days.clear();
    for (size_t i = 0; i < kept.size(); ++i) {
      if (range.Contains(kept.timestamps_ms[i])) continue;
      AddHistogram(series, kept.timestamps_ms[i], kept.histograms[i]);
    }
    std::erase_if(series.exemplars, [&](const model::Exemplar& one) {
      if (!range.Contains(one.timestamp_ms)) return false;
      bytes_ -= BytesOf(one);
      return true;
    });
  }
}

std::vector<uint64_t> KindGeneration::SeriesIds() const {
  std::vector<uint64_t> ids;
  for (const Shard& shard : shards_) {
    base::MutexLock lock(shard.mutex);
    for (const auto& [id, series] : shard.series) ids.push_back(id);
  }
  starts_.AppendIds(ids);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

void KindGeneration::Read(uint64_t series_id, const model::TimeRange& range,
                          model::HistogramColumns& out) const {
  if (series_ == 0) return;
  std::string stream;
  {
    const Shard& shard = ShardOf(series_id);
    base::MutexLock lock(shard.mutex);
    const auto found = shard.series.find(series_id);
    if (found == shard.series.end()) return;
    stream = found->second->stream;
  }
  const size_t from = out.size();
  (void)encoding::ReadHistogramSteps(stream, out);  // our own bytes
  model::KeepRange(range.start_ms, range.end_ms, from, out);
}

void KindGeneration::ReadExemplars(uint64_t series_id,
                                   const model::TimeRange& range,
                                   std::vector<model::Exemplar>& out) const {
  if (series_ == 0) return;
  const Shard& shard = ShardOf(series_id);
  base::MutexLock lock(shard.mutex);
  const auto found = shard.series.find(series_id);
  if (found == shard.series.end()) return;
  for (const model::Exemplar& one : found->second->exemplars) {
    if (range.Contains(one.timestamp_ms)) out.push_back(one);
  }
}

KindHead::KindHead(const KindHeadOptions& options, uint64_t first_generation)
    : options_(options),
      generations_{
          std::make_shared<KindGeneration>(first_generation, options)} {}

std::shared_ptr<KindGeneration> KindHead::Active() const {
  base::MutexLock lock(mutex_);
  return generations_.back();
}

void KindHead::Append(std::span<const encoding::HistogramRow> rows,
                      std::vector<SeriesDay>& opened) {
  Active()->Append(rows, opened);
}

void KindHead::Append(std::span<const encoding::ExemplarRow> rows,
                      std::vector<SeriesDay>& opened) {
  Active()->Append(rows, opened);
}

void KindHead::Append(std::span<const encoding::StartRow> rows) {
  if (!rows.empty()) Active()->starts_.Append(rows);
}

void KindHead::Delete(std::span<const uint64_t> series_ids,
                      const model::TimeRange& range) {
  Active()->Delete(series_ids, range);
}

KindHead::View KindHead::Generations() const {
  base::MutexLock lock(mutex_);
  return {generations_.begin(), generations_.end()};
}

std::shared_ptr<const KindGeneration> KindHead::Cut(uint64_t next_generation) {
  base::MutexLock lock(mutex_);
  std::shared_ptr<const KindGeneration> frozen = generations_.back();
  generations_.push_back(
      std::make_shared<KindGeneration>(next_generation, options_));
  return frozen;
}

void KindHead::Drop(uint64_t number) {
  base::MutexLock lock(mutex_);
  for (auto it = generations_.begin(); it + 1 != generations_.end(); ++it) {
    if ((*it)->number() != number) continue;
    generations_.erase(it);
    return;
  }
}

int64_t KindHead::bytes() const {
  int64_t bytes = 0;
  for (const auto& generation : Generations()) bytes += generation->bytes();
  return bytes;
}

}  // namespace varve::storage
