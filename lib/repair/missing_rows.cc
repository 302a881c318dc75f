#include "lib/repair/missing_rows.h"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace varve::repair {
namespace {

// Calls missing(i) for each row of `theirs` for which no equal(j, i) holds of
// the own rows of its time.
template <typename Equal, typename Missing>
void ForEachMissing(std::span<const int64_t> own_ms,
                    std::span<const int64_t> theirs_ms, Equal equal,
                    Missing missing) {
  size_t begin = 0;
  for (size_t i = 0; i < theirs_ms.size(); ++i) {
    while (begin < own_ms.size() && own_ms[begin] < theirs_ms[i]) ++begin;
    size_t j = begin;
    while (j < own_ms.size() && own_ms[j] == theirs_ms[i] && !equal(j, i)) ++j;
    const bool found = j < own_ms.size() && own_ms[j] == theirs_ms[i];
    if (!found) missing(i);
  }
}

// Runs of their samples' starts that the own rows tell otherwise.
void AddMissingStarts(const model::StartRuns& own,
                      const model::StartRuns& theirs,
                      std::span<const int64_t> timestamps_ms,
                      model::StartRuns& missing) {
  for (const int64_t at_ms : timestamps_ms) {
    const int64_t start_ms = model::StartAt(theirs, at_ms);
    if (start_ms == model::StartAt(own, at_ms)) continue;
    model::AddStart(missing, 0, at_ms, start_ms);
  }
}

}  // namespace

void OwnRows::Add(storage::SearchSeries& series) {
  SeriesRows& rows = series_[series.hash];
  rows.samples = std::move(series.samples);
  rows.histograms = std::move(series.histograms);
  rows.starts = std::move(series.starts);
}

SeriesRows OwnRows::MissingOf(const model::SeriesHash& hash,
                              SeriesRows theirs) const {
  const auto found = series_.find(hash);
  if (found == series_.end()) return theirs;
  const SeriesRows& own = found->second;
  SeriesRows missing;
  ForEachMissing(
      own.samples.timestamps_ms, theirs.samples.timestamps_ms,
      [&](size_t j, size_t i) {
        return model::SameBits(own.samples.values[j],
                               theirs.samples.values[i]);
      },
      [&](size_t i) {
        missing.samples.push_back(theirs.samples.timestamps_ms[i],
                                  theirs.samples.values[i]);
      });
  ForEachMissing(
      own.histograms.timestamps_ms, theirs.histograms.timestamps_ms,
      [&](size_t j, size_t i) {
        return own.histograms.histograms[j] == theirs.histograms.histograms[i];
      },
      [&](size_t i) {
        missing.histograms.push_back(
            theirs.histograms.timestamps_ms[i],
            std::move(theirs.histograms.histograms[i]));
      });
  if (theirs.starts.empty()) return missing;
  // Of floats, then of histograms: two ascending rows of runs.
  AddMissingStarts(own.starts, theirs.starts, theirs.samples.timestamps_ms,
                   missing.starts);
  model::StartRuns of_histograms;
  AddMissingStarts(own.starts, theirs.starts, theirs.histograms.timestamps_ms,
                   of_histograms);
  missing.starts.insert(missing.starts.end(), of_histograms.begin(),
                        of_histograms.end());
  return missing;
}

}  // namespace varve::repair
