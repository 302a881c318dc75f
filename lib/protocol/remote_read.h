// Remote read: the request's bytes to matchers, series to an answer's bytes.
//
// Two kinds of answer: one snappy message of samples, or frames of chunks
// (prometheus_chunk.h), each `size:uvarint crc32c:u32be ChunkedReadResponse`.
//
// Errors:  InvalidArgument for a body that is no request, and for one of more
//          than `bytes_max` bytes once opened.
// Threads: free functions without state.
// Source:  prometheus.io/docs/prometheus/latest/querying/remote_read_api,
//          prometheus/prometheus prompb/remote.proto.
#ifndef VARVE_LIB_PROTOCOL_REMOTE_READ_H_
#define VARVE_LIB_PROTOCOL_REMOTE_READ_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/histogram.h"
#include "lib/model/label.h"
#include "lib/model/matcher.h"
#include "lib/model/sample.h"
#include "lib/model/time_range.h"

namespace varve::protocol {

struct RemoteReadQuery {
  model::TimeRange range;
  model::Matchers matchers;
};

struct RemoteReadRequest {
  std::vector<RemoteReadQuery> queries;
  bool chunks = false;  // what the answer is to be: chunks, or samples
};

absl::StatusOr<RemoteReadRequest> ParseRemoteRead(std::string_view body,
                                                  int64_t bytes_max);

// One series as a TimeSeries message, for EncodeReadResponse.
std::string EncodeTimeSeries(const model::LabelSet& labels,
                             const model::SampleColumns& samples,
                             const model::HistogramColumns& histograms);
// results[i] are the series of query i. The answer's body, compressed.
std::string EncodeReadResponse(
    const std::vector<std::vector<std::string>>& results);

// One series as frames of at most about kFrameBytesUsual.
inline constexpr size_t kFrameBytesUsual = 512 << 10;
void AppendChunkFrames(std::string& out, int64_t query,
                       const model::LabelSet& labels,
                       const model::SampleColumns& samples,
                       const model::HistogramColumns& histograms);

}  // namespace varve::protocol

#endif  // VARVE_LIB_PROTOCOL_REMOTE_READ_H_
