// Samples as chunks of Prometheus' TSDB, as remote read streams them.
//
// In:      samples in order of time, at most kChunkSamplesMax floats, or one
//          histogram.
// Out:     the chunk's bytes appended to `out`.
// Threads: free functions without state.
// Source:  prometheus/prometheus tsdb/docs/format/chunks.md: "XOR chunk data",
//          "Histogram chunk data", "Float histogram chunk data".
#ifndef VARVE_LIB_PROTOCOL_PROMETHEUS_CHUNK_H_
#define VARVE_LIB_PROTOCOL_PROMETHEUS_CHUNK_H_

#include <cstdint>
#include <span>
#include <string>

#include "lib/model/histogram.h"

namespace varve::protocol {

// As Prometheus cuts them; a chunk counts its samples in 16 bits.
inline constexpr size_t kChunkSamplesMax = 120;

// REQUIRES: as many values as timestamps, 1 to kChunkSamplesMax.
void AppendXorChunk(std::string& out, std::span<const int64_t> timestamps_ms,
                    std::span<const double> values);

// One sample a chunk: so its counter reset hint is kept as it is. Integer or
// float counts as the layout says.
void AppendHistogramChunk(std::string& out, int64_t timestamp_ms,
                          const model::Histogram& histogram);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_PROMETHEUS_CHUNK_H_
