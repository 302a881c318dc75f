#include "lib/cluster/series_table.h"

#include <cstring>

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
  if (bytes_max_ <= 0 || total <= bytes_max_) return absl::OkStatus();
  return base::ResourceExhausted(
      "not enough memory for processing the query: its series take more than "
      "-search.maxMemoryPerQuery=",
      bytes_max_, " bytes; narrow the selectors or the time range");
}

absl::Status SeriesTable::Add(wire::WireSeries series) {
  Shard& shard = shards_[series.hash.low % kShards];
  const size_t sample_bytes = series.samples.size() * kSampleBytes;
  base::MutexLock lock(shard.mutex);
  const auto [place, is_new] = shard.series.try_emplace(series.hash);
  HeldSeries& held = place->second;
  if (is_new) {
    const size_t bytes =
        sizeof(*place) + series.labels.capacity() + sample_bytes;
    held.labels = std::move(series.labels);
    held.samples = std::move(series.samples);
    return Charge(bytes);
  }
  // Replicas that agree are the usual case.
  if (!held.of_several && SameColumns(held.samples, series.samples)) {
    return absl::OkStatus();
  }
  AppendColumns(series.samples, held.samples);
  held.of_several = true;
  return Charge(sample_bytes);
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
