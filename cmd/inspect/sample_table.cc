#include "cmd/inspect/sample_table.h"

#include <algorithm>
#include <bit>

#include "lib/base/hash.h"

namespace varve::inspect {
namespace {

// Of a series beside its labels and samples: the table's entry.
constexpr int64_t kSeriesBytes = 128;

}  // namespace

void SampleTable::Add(const protocol::SampleBatch& batch) {
  for (const protocol::BatchSeries& one : batch.series) {
    const model::SeriesHash hash = model::HashSeries({}, one.identity);
    if (!part_.Has(hash)) continue;
    TableSeries& series = series_[hash];
    if (series.labels.empty()) {
      series.labels = one.identity;
      bytes_ += kSeriesBytes + static_cast<int64_t>(series.labels.size());
    }
    const size_t before = series.samples.capacity();
    const auto timestamps_ms = batch.Timestamps(one);
    const auto values = batch.Values(one);
    for (size_t i = 0; i < values.size(); ++i) {
      series.samples.push_back(
          {timestamps_ms[i], false, std::bit_cast<uint64_t>(values[i])});
    }
    const auto histogram_ms = batch.HistogramTimestamps(one);
    const auto histograms = batch.Histograms(one);
    for (size_t i = 0; i < histograms.size(); ++i) {
      series.samples.push_back(
          {histogram_ms[i], true, base::Hash64Of(histograms[i])});
    }
    bytes_ += static_cast<int64_t>((series.samples.capacity() - before) *
                                   sizeof(TableSample));
  }
}

void SampleTable::Sort() {
  for (auto& [hash, series] : series_) {
    std::vector<TableSample>& samples = series.samples;
    if (!std::is_sorted(samples.begin(), samples.end())) {
      std::sort(samples.begin(), samples.end());
    }
    samples.erase(std::unique(samples.begin(), samples.end()), samples.end());
  }
}

}  // namespace varve::inspect
