// Segments of native histograms, start timestamps and exemplars: they stand
// among a series' float segments under the same key (storage/block/segment.h).
//
//   kind 1  ts_ref 0, timestamps inline, chunk of
//           lib/encoding/histogram_chunk.h
//   kind 2  ts_ref 0, timestamps inline: those that runs begin with,
//           chunk := { last - first:varint start:zigzag }*, n times; start is
//           the difference to the run before, the first to its first timestamp
//   kind 3  ts_ref 0, timestamps inline,
//           chunk := { value:f64 labels:varint-prefixed }*, n times
//
// Errors:  as for floats: a broken segment is counted and passed over.
// Threads: free functions without state.
#ifndef VARVE_STORAGE_BLOCK_KIND_SEGMENTS_H_
#define VARVE_STORAGE_BLOCK_KIND_SEGMENTS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/model/exemplar.h"
#include "lib/model/histogram.h"
#include "lib/model/start_run.h"
#include "lib/model/time_range.h"
#include "storage/block/segment.h"

namespace varve::storage {

// REQUIRES: not empty, timestamps never decrease.
void AppendHistogramSegments(uint64_t generation,
                             std::span<const int64_t> timestamps_ms,
                             std::span<const model::Histogram> histograms,
                             std::string& out);
void AppendExemplarSegments(uint64_t generation,
                            std::span<const model::Exemplar> exemplars,
                            std::string& out);
// REQUIRES: model::JoinRuns was last, no time is before 1970.
void AppendStartSegments(uint64_t generation,
                         std::span<const model::StartRun> runs,
                         std::string& out);

// Appends what of `value` lies inside `range`, segment after segment; passes
// over segments of other known kinds. `stats` is added to, but not for what
// passes: the reader of floats counts all segments.
void ReadHistogramSegments(std::string_view value,
                           const model::TimeRange& range,
                           model::HistogramColumns& out,
                           SegmentReadStats& stats,
                           const SegmentVisitor& visitor = nullptr);
void ReadExemplarSegments(std::string_view value,
                          const model::TimeRange& range,
                          std::vector<model::Exemplar>& out,
                          SegmentReadStats& stats,
                          const SegmentVisitor& visitor = nullptr);
// Runs are cut to the range.
void ReadStartSegments(std::string_view value, const model::TimeRange& range,
                       model::StartRuns& out, SegmentReadStats& stats,
                       const SegmentVisitor& visitor = nullptr);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_BLOCK_KIND_SEGMENTS_H_
