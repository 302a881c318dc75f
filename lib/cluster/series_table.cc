#include "lib/cluster/series_table.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "lib/base/status.h"

namespace varve::cluster {
namespace {

constexpr size_t kSampleBytes = sizeof(int64_t) + sizeof(double);

bool SameColumns(const model::SampleColumns& a, const model::SampleColumns& b) {
  // By bits: NaNs are equal to themselves, zeros differ by their sign.
  return a.timestamps_ms == b.timestamps_ms &&
         (a.values.empty() ||
          std::memcmp(a.values.data(), b.values.data(),
                      a.values.size() * sizeof(double)) == 0);
}

size_t HistogramBytes(const model::HistogramColumns& columns) {
  size_t bytes = columns.size() * (sizeof(int64_t) + sizeof(model::Histogram));
  for (const model::Histogram& one : columns.histograms) {
    bytes += (one.buckets.size() + one.layout.positive.size() +
              one.layout.negative.size() + one.layout.custom_bounds.size()) *
             sizeof(uint64_t);
  }
  return bytes;
}

// What a series' rows take in memory.
size_t BytesOf(const wire::WireSeries& series) {
  size_t bytes = series.samples.size() * kSampleBytes +
                 HistogramBytes(series.histograms);
  for (const model::Exemplar& one : series.exemplars) {
    bytes += sizeof(one) + one.labels.capacity();
  }
  bytes += series.starts.size() * sizeof(model::StartRun);
  return bytes;
}

template <typename T>
void MoveTo(std::vector<T>& from, std::vector<T>& to) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

void AppendColumns(const model::SampleColumns& from,
                   model::SampleColumns& to) {
  to.timestamps_ms.insert(to.timestamps_ms.end(), from.timestamps_ms.begin(),
                          from.timestamps_ms.end());
  to.values.insert(to.values.end(), from.values.begin(), from.values.end());
}

}  // namespace

absl::Status SeriesTable::Charge(size_t bytes) {
  const auto more = static_cast<int64_t>(bytes);
  const int64_t total = bytes_.fetch_add(more) + more;
  if (pool_ != nullptr && !pool_->Add(more)) {
    return base::ResourceExhausted(
        "not enough memory for processing the query: all queries together "
        "need more than ", pool_->bytes_max(),
        " bytes; try later, or see -memory.allowedPercent and "
        "-search.maxConcurrentRequests");
  }
  if (bytes_max_ <= 0 || total <= bytes_max_) return absl::OkStatus();
  return base::ResourceExhausted(
      "not enough memory for processing the query: its series take more than "
      "-search.maxMemoryPerQuery=",
      bytes_max_, " bytes; narrow the selectors or the time range");
}

absl::Status SeriesTable::Add(wire::WireSeries series) {
  Shard& shard = shards_[series.hash.low % kShards];
  const size_t row_bytes = BytesOf(series);
  base::MutexLock lock(shard.mutex);
  const auto [place, is_new] = shard.series.try_emplace(series.hash);
  HeldSeries& held = place->second;
  if (is_new) {
    const size_t bytes =
        sizeof(*place) + series.labels.capacity() + row_bytes;
    held.labels = std::move(series.labels);
    held.samples = std::move(series.samples);
    held.histograms = std::move(series.histograms);
    held.exemplars = std::move(series.exemplars);
    held.starts = std::move(series.starts);
    return Charge(bytes);
  }
  // Replicas that agree are the usual case.
  if (!held.of_several && SameColumns(held.samples, series.samples) &&
      held.histograms.timestamps_ms == series.histograms.timestamps_ms &&
      held.histograms.histograms == series.histograms.histograms &&
      held.exemplars == series.exemplars && held.starts == series.starts) {
    return absl::OkStatus();
  }
  AppendColumns(series.samples, held.samples);
  MoveTo(series.histograms.timestamps_ms, held.histograms.timestamps_ms);
  MoveTo(series.histograms.histograms, held.histograms.histograms);
  MoveTo(series.exemplars, held.exemplars);
  MoveTo(series.starts, held.starts);
  held.of_several = true;
  return Charge(row_bytes);
}

std::vector<HeldSeries> SeriesTable::TakeAll() {
  std::vector<HeldSeries> all;
  for (Shard& shard : shards_) {
    base::MutexLock lock(shard.mutex);
    all.reserve(all.size() + shard.series.size());
    for (auto& [hash, held] : shard.series) all.push_back(std::move(held));
    shard.series.clear();
  }
  return all;
}

}  // namespace varve::cluster
