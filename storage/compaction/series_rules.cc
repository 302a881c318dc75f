#include "storage/compaction/series_rules.h"

#include <algorithm>

namespace varve::storage {
namespace {

void Move(model::SampleColumns& samples, size_t from, size_t to) {
  samples.timestamps_ms[to] = samples.timestamps_ms[from];
  samples.values[to] = samples.values[from];
}
void Move(model::HistogramColumns& histograms, size_t from, size_t to) {
  if (from == to) return;
  histograms.timestamps_ms[to] = histograms.timestamps_ms[from];
  histograms.histograms[to] = std::move(histograms.histograms[from]);
}

template <typename Columns>
void HideInColumns(const SeriesRules& rules, uint64_t generation, size_t from,
                   Columns& columns) {
  for (const DeletedSpan& span : rules.deleted) {
    if (generation >= span.below_generation) continue;
    size_t to = from;
    for (size_t i = from; i < columns.size(); ++i) {
      if (span.range.Contains(columns.timestamps_ms[i])) continue;
      Move(columns, i, to++);
    }
    columns.resize(to);
  }
}

template <typename Columns>
void ApplyToColumns(const SeriesRules& rules, int64_t now_ms,
                    Columns& columns) {
  const auto oldest = std::lower_bound(columns.timestamps_ms.begin(),
                                       columns.timestamps_ms.end(),
                                       rules.oldest_ms);
  const auto from =
      static_cast<size_t>(oldest - columns.timestamps_ms.begin());
  if (from == 0 && rules.downsampling.empty()) return;
  model::Downsample(rules.downsampling, now_ms, from, columns);
}

}  // namespace

void HideDeleted(const SeriesRules& rules, uint64_t generation, size_t from,
                 model::SampleColumns& samples) {
  HideInColumns(rules, generation, from, samples);
}

void HideDeleted(const SeriesRules& rules, uint64_t generation, size_t from,
                 model::HistogramColumns& histograms) {
  HideInColumns(rules, generation, from, histograms);
}

void HideDeleted(const SeriesRules& rules, uint64_t generation, size_t from,
                 std::vector<model::Exemplar>& exemplars) {
  if (rules.deleted.empty()) return;
  const auto gone = std::remove_if(
      exemplars.begin() + static_cast<ptrdiff_t>(from), exemplars.end(),
      [&](const model::Exemplar& one) {
        return IsDeleted(rules, generation, one.timestamp_ms);
      });
  exemplars.erase(gone, exemplars.end());
}

void HideDeleted(const SeriesRules& rules, uint64_t generation, size_t from,
                 model::StartRuns& starts) {
  for (const DeletedSpan& span : rules.deleted) {
    if (generation >= span.below_generation) continue;
    model::RemoveRange(span.range, from, starts);
  }
}

void ApplyRules(const SeriesRules& rules, int64_t now_ms,
                model::SampleColumns& samples) {
  ApplyToColumns(rules, now_ms, samples);
}

void ApplyRules(const SeriesRules& rules, int64_t now_ms,
                model::HistogramColumns& histograms) {
  ApplyToColumns(rules, now_ms, histograms);
}

}  // namespace varve::storage
