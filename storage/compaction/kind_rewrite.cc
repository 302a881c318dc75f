#include "storage/compaction/kind_rewrite.h"

#include <algorithm>
#include <vector>

#include "storage/block/kind_segments.h"

namespace varve::storage {
namespace {

constexpr model::TimeRange kAllTimes = {.start_ms = 0,
                                        .end_ms = model::kTimestampMaxMs};

// Hides rows as segments are read, and remembers how many there were.
template <typename Rows>
struct Reading {
  const SeriesRules& rules;
  Rows rows;
  size_t read = 0;
  uint64_t generation = 0;

  void Note(uint64_t of, size_t from) {
    read += rows.size() - from;
    generation = std::max(generation, of);
    HideDeleted(rules, of, from, rows);
  }
};

}  // namespace

bool RewriteKinds(const SeriesRules& rules, int64_t now_ms,
                  std::string& segments) {
  SegmentReadStats stats;
  Reading<model::HistogramColumns> histograms{rules, {}};
  ReadHistogramSegments(segments, kAllTimes, histograms.rows, stats,
                        [&](uint64_t generation, size_t from) {
                          histograms.Note(generation, from);
                        });
  Reading<std::vector<model::Exemplar>> exemplars{rules, {}};
  ReadExemplarSegments(segments, kAllTimes, exemplars.rows, stats,
                       [&](uint64_t generation, size_t from) {
                         exemplars.Note(generation, from);
                       });
  if (!stats.complete()) return false;
  model::SortAndDedup(histograms.rows, {.interval_ms = 0, .keep_all = true});
  ApplyRules(rules, now_ms, histograms.rows);
  model::SortAndDedup(exemplars.rows);
  std::erase_if(exemplars.rows, [&](const model::Exemplar& one) {
    return one.timestamp_ms < rules.oldest_ms;
  });
  if (histograms.rows.size() == histograms.read &&
      exemplars.rows.size() == exemplars.read) {
    return false;
  }
  segments.clear();
  if (!histograms.rows.empty()) {
    AppendHistogramSegments(histograms.generation,
                            histograms.rows.timestamps_ms,
                            histograms.rows.histograms, segments);
  }
  if (!exemplars.rows.empty()) {
    AppendExemplarSegments(exemplars.generation, exemplars.rows, segments);
  }
  return true;
}

bool RewriteStarts(const SeriesRules& rules, std::string& segments) {
  SegmentReadStats stats;
  model::StartRuns runs;
  uint64_t generation = 0;
  size_t pieces = 0;
  model::StartRuns read;
  ReadStartSegments(segments, kAllTimes, runs, stats,
                    [&](uint64_t of, size_t from) {
                      read.insert(read.end(),
                                  runs.begin() + static_cast<ptrdiff_t>(from),
                                  runs.end());
                      ++pieces;
                      generation = std::max(generation, of);
                      HideDeleted(rules, of, from, runs);
                    });
  if (!stats.complete()) return false;
  model::KeepRange({rules.oldest_ms, model::kTimestampMaxMs}, 0, runs);
  model::JoinRuns(runs);
  // Long runs of runs are several segments in any case.
  const bool joined =
      pieces == (runs.size() + kSegmentSamplesMax - 1) / kSegmentSamplesMax;
  if (joined && runs == read) return false;
  segments.clear();
  AppendStartSegments(generation, runs, segments);
  return true;
}

}  // namespace varve::storage
