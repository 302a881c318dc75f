// One run of native histograms as bytes: what successive ones share once, the
// counts as columns.
//
// In:      1..kChunkSamplesMax histograms of at most kHistogramChunkCounts
//          counts together (HistogramRunLength says how many go in).
// Out:     bytes appended to `out`; what it held before is kept.
// Errors:  DataLoss for missing, surplus or impossible bytes; decoders never
//          read outside `src` and allocate at most kHistogramChunkCounts
//          counts. Lossless for all counts, sums and layouts.
// Threads: free functions without state.
// Source:  docs/formats/histogram_chunk.md. Counts as in Prometheus'
//          chunkenc/histogram.go, by columns rather than bit by bit.
//
//   chunk   := layouts:varint { size:varint layout[size] }*
//              { layout:varint length:varint }*      runs, until n are covered
//              { length:varint << 2 | reset }*       likewise
//              sums:varint-prefixed                  a column of values
//              run*                                  each size:varint-prefixed
//   run     := first row, rest of the rows           integer counts
//            | { column:varint-prefixed }*           float counts, a column of
//                                                    values for each row
//   rows    := count, zero count, buckets: over the run's n samples
//   first   := zigzag each; buckets as the difference to the one before
//   rest    := (n - 1) differences of the first row, of the second …: residual
//              blocks (lib/encoding/residual_blocks.h)
//
// A count of integers is kept as its difference to the sum of its zero count
// and buckets: nearly always 0.
#ifndef VARVE_LIB_ENCODING_HISTOGRAM_CHUNK_H_
#define VARVE_LIB_ENCODING_HISTOGRAM_CHUNK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/model/histogram.h"

namespace varve::encoding {

// 8 MiB decoded; an hour at a sample in 15 s with 4,000 buckets.
inline constexpr size_t kHistogramChunkCounts = 1 << 20;

// How many of `histograms`, from the first, go into one chunk: at least one.
// REQUIRES: not empty.
size_t HistogramRunLength(std::span<const model::Histogram> histograms,
                          size_t samples_max);

void EncodeHistograms(std::span<const model::Histogram> histograms,
                      std::string& out);
// Fills all of `histograms`, whose size is kept beside the chunk.
absl::Status DecodeHistograms(std::string_view src,
                              std::span<model::Histogram> histograms);

// Whole columns for the wire: chunks with their timestamps, each
// { n:varint timestamps:varint-prefixed chunk:varint-prefixed }, n = 0 ends.
void AppendHistogramColumns(const model::HistogramColumns& columns,
                            std::string& out);
// Appends to `columns`. ResourceExhausted over `counts_max` counts.
absl::Status ReadHistogramColumns(base::ByteReader& reader, size_t counts_max,
                                  model::HistogramColumns& columns);

}  // namespace varve::encoding

#endif  // VARVE_LIB_ENCODING_HISTOGRAM_CHUNK_H_
