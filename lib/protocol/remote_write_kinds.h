// What 1.0 and 2.0 of remote write have in common: samples as all senders write
// them, and native histograms; exemplars and metadata of 1.0.
//
//   Sample { double value = 1; int64 timestamp = 2; }
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

#include <bit>
#include <cstdint>
#include <string_view>

#include "lib/base/byte_coding.h"
#include "lib/protocol/sample_batch.h"

namespace varve::protocol {

// Of value and timestamp in this order, once each, which all known senders
// write; false for other messages, which may be good too.
inline bool ReadUsualSample(std::string_view message, int64_t& timestamp_ms,
                            double& value) {
  if (message.size() < 11 || message.size() > 20 || message[0] != 0x09 ||
      message[9] != 0x10) {
    return false;
  }
  value = std::bit_cast<double>(base::LoadLe<uint64_t>(message.data() + 1));
  uint64_t varint = 0;
  for (size_t i = 10, shift = 0; i < message.size(); ++i, shift += 7) {
    const auto byte = static_cast<uint8_t>(message[i]);
    varint |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      timestamp_ms = static_cast<int64_t>(varint);
      return i + 1 == message.size();
    }
  }
  return false;
}

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
