// What of remote write is no sample: native histograms, which 1.0 and 2.0 have
// in common; exemplars and metadata of 1.0.
//
//   Histogram { uint64 count_int = 1; double count_float = 2; double sum = 3;
//     sint32 schema = 4; double zero_threshold = 5; uint64 zero_count_int = 6;
//     double zero_count_float = 7; BucketSpan negative_spans = 8;
//     sint64 negative_deltas = 9; double negative_counts = 10;
//     BucketSpan positive_spans = 11; sint64 positive_deltas = 12;
//     double positive_counts = 13; uint32 reset_hint = 14;
//     int64 timestamp = 15; double custom_values = 16;
//     int64 start_timestamp = 17; }  the last one of 2.0
//   BucketSpan { sint32 offset = 1; uint32 length = 2; }
//   Exemplar { Label labels = 1; double value = 2; int64 timestamp = 3; }
//   MetricMetadata { uint32 type = 1; bytes metric_family_name = 2;
//     bytes help = 4; bytes unit = 5; }
//
// A histogram with count_float has float counts. Repeated numbers may be
// packed or not.
//
// Errors:  false for broken framing; nothing was appended. A histogram that
//          model::CheckHistogram refuses is counted in `series`.
// Threads: free functions without state.
#ifndef VARVE_LIB_PROTOCOL_REMOTE_WRITE_KINDS_H_
#define VARVE_LIB_PROTOCOL_REMOTE_WRITE_KINDS_H_

#include <string_view>

#include "lib/protocol/sample_batch.h"

namespace varve::protocol {

// `start_ms` may be null; 0 when the message has none.
[[nodiscard]] bool AppendHistogram(std::string_view message,
                                   BatchSeries& series, SampleBatch& batch,
                                   int64_t* start_ms = nullptr);
[[nodiscard]] bool AppendExemplar(std::string_view message,
                                  SampleBatch& batch);
[[nodiscard]] bool AppendMetadata(std::string_view message,
                                  SampleBatch& batch);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_REMOTE_WRITE_KINDS_H_
