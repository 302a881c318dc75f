#include "lib/protocol/remote_read.h"

#include <algorithm>
#include <array>
#include <span>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/compress/compress.h"
#include "lib/model/time_range.h"
#include "lib/protocol/prometheus_chunk.h"
#include "proto/remote_write_v1.pb.h"

namespace varve::protocol {
namespace {

namespace v1 = varve::remote_write_v1;

// Queries of one request; Prometheus sends one.
constexpr int kQueriesMax = 1000;
constexpr int kSamplesType = 0;
constexpr int kChunksType = 1;
// Chunk.Encoding
constexpr int kXor = 1;
constexpr int kHistogram = 2;
constexpr int kFloatHistogram = 3;

// Castagnoli's polynomial, reflected.
constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78U : 0U);
    }
    table[i] = crc;
  }
  return table;
}

uint32_t Crc32c(std::string_view bytes) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t crc = ~0U;
  for (const char c : bytes) {
    crc = kTable[(crc ^ static_cast<uint8_t>(c)) & 0xFF] ^ crc >> 8;
  }
  return ~crc;
}

void AppendFrame(std::string& out, const v1::ChunkedReadResponse& response) {
  const std::string message = response.SerializeAsString();
  base::PutVarint(out, message.size());
  base::PutFixedBe<uint32_t>(out, Crc32c(message));
  out += message;
}

absl::StatusOr<bool> AnswersChunks(const v1::ReadRequest& request) {
  // The first that is known; none at all are samples.
  for (const int type : request.accepted_response_types()) {
    if (type == kSamplesType) return false;
    if (type == kChunksType) return true;
  }
  if (request.accepted_response_types_size() == 0) return false;
  return base::InvalidArgument(
      "none of the accepted_response_types of the remote read is known; known "
      "are 0 (SAMPLES) and 1 (STREAMED_XOR_CHUNKS)");
}

absl::StatusOr<RemoteReadQuery> QueryOf(const v1::ReadQuery& from) {
  RemoteReadQuery query;
  // Prometheus asks for all time by the ends of int64.
  const auto within = [](int64_t at_ms) {
    return std::clamp(at_ms, -model::kTimestampMaxMs, model::kTimestampMaxMs);
  };
  query.range = {within(from.start_timestamp_ms()),
                 within(from.end_timestamp_ms())};
  if (query.range.start_ms > query.range.end_ms) {
    return base::InvalidArgument("remote read from ", query.range.start_ms,
                                 " ms to ", query.range.end_ms, " ms");
  }
  for (const v1::LabelMatcher& matcher : from.matchers()) {
    if (matcher.type() > 3) {
      return base::InvalidArgument("remote read with a matcher of type ",
                                   matcher.type());
    }
    query.matchers.push_back({static_cast<model::MatchType>(matcher.type()),
                              matcher.name(), matcher.value()});
  }
  if (query.matchers.empty()) {
    return base::InvalidArgument("remote read without matchers");
  }
  return query;
}

template <typename Message>
void AddLabels(const model::LabelSet& labels, Message& message) {
  for (const model::Label& label : labels) {
    v1::Label& to = *message.add_labels();
    to.set_name(std::string(label.name));
    to.set_value(std::string(label.value));
  }
}

void AddSpans(const std::vector<model::HistogramSpan>& from,
              google::protobuf::RepeatedPtrField<v1::BucketSpan>& to) {
  for (const model::HistogramSpan& span : from) {
    v1::BucketSpan& one = *to.Add();
    one.set_offset(span.offset);
    one.set_length(span.length);
  }
}

template <typename Field>
void AddDeltas(std::span<const uint64_t> buckets, Field& deltas) {
  uint64_t before = 0;
  for (const uint64_t bucket : buckets) {
    deltas.Add(static_cast<int64_t>(bucket - before));
    before = bucket;
  }
}

void FillHistogram(int64_t timestamp_ms, const model::Histogram& from,
                   v1::Histogram& to) {
  const model::HistogramLayout& layout = from.layout;
  const std::span<const uint64_t> all(from.buckets);
  const auto positive = all.first(layout.positive_buckets());
  const auto negative = all.subspan(layout.positive_buckets());
  if (layout.float_counts) {
    to.set_count_float(from.Number(from.count));
    to.set_zero_count_float(from.Number(from.zero_count));
    for (const uint64_t one : positive) to.add_positive_counts(from.Number(one));
    for (const uint64_t one : negative) to.add_negative_counts(from.Number(one));
  } else {
    to.set_count_int(from.count);
    to.set_zero_count_int(from.zero_count);
    AddDeltas(positive, *to.mutable_positive_deltas());
    AddDeltas(negative, *to.mutable_negative_deltas());
  }
  to.set_sum(from.sum);
  to.set_schema(layout.schema);
  to.set_zero_threshold(layout.zero_threshold);
  AddSpans(layout.positive, *to.mutable_positive_spans());
  AddSpans(layout.negative, *to.mutable_negative_spans());
  to.mutable_custom_values()->Assign(layout.custom_bounds.begin(),
                                     layout.custom_bounds.end());
  to.set_reset_hint(static_cast<uint32_t>(from.reset));
  to.set_timestamp(timestamp_ms);
}

// The chunks of one series, framed when they are enough.
class FrameWriter {
 public:
  FrameWriter(std::string& out, int64_t query, const model::LabelSet& labels)
      : out_(out), labels_(labels) {
    response_.set_query_index(query);
    Begin();
  }

  v1::Chunk& Add(int64_t first_ms, int64_t last_ms, int type) {
    if (bytes_ >= kFrameBytesUsual) {
      AppendFrame(out_, response_);
      Begin();
    }
    v1::Chunk& chunk = *series_->add_chunks();
    chunk.set_min_time_ms(first_ms);
    chunk.set_max_time_ms(last_ms);
    chunk.set_type(static_cast<uint32_t>(type));
    return chunk;
  }
  void Added(const v1::Chunk& chunk) { bytes_ += chunk.data().size() + 32; }
  void Finish() {
    if (series_->chunks_size() > 0) AppendFrame(out_, response_);
  }

 private:
  void Begin() {
    response_.clear_chunked_series();
    series_ = response_.add_chunked_series();
    AddLabels(labels_, *series_);
    bytes_ = 0;
  }

  std::string& out_;
  const model::LabelSet& labels_;
  v1::ChunkedReadResponse response_;
  v1::ChunkedSeries* series_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<RemoteReadRequest> ParseRemoteRead(std::string_view body,
                                                  int64_t bytes_max) {
  std::string opened;
  const absl::Status status = compress::SnappyDecompress(
      body, static_cast<size_t>(bytes_max), opened);
  if (!status.ok()) {
    return base::InvalidArgument("remote read: ", base::Message(status));
  }
  v1::ReadRequest message;
  if (!message.ParseFromString(opened)) {
    return base::InvalidArgument(
        "remote read: the body is no ReadRequest message");
  }
  if (message.queries_size() > kQueriesMax) {
    return base::InvalidArgument("remote read of ", message.queries_size(),
                                 " queries; at most ", kQueriesMax,
                                 " may be in one request");
  }
  RemoteReadRequest request;
  ASSIGN_OR_RETURN(request.chunks, AnswersChunks(message));
  for (const v1::ReadQuery& one : message.queries()) {
    ASSIGN_OR_RETURN(RemoteReadQuery query, QueryOf(one));
    request.queries.push_back(std::move(query));
  }
  return request;
}

std::string EncodeTimeSeries(const model::LabelSet& labels,
                             const model::SampleColumns& samples,
                             const model::HistogramColumns& histograms) {
  v1::TimeSeries series;
  AddLabels(labels, series);
  for (size_t i = 0; i < samples.size(); ++i) {
    v1::Sample& sample = *series.add_samples();
    sample.set_timestamp(samples.timestamps_ms[i]);
    sample.set_value(samples.values[i]);
  }
  for (size_t i = 0; i < histograms.size(); ++i) {
    FillHistogram(histograms.timestamps_ms[i], histograms.histograms[i],
                  *series.add_histograms());
  }
  return series.SerializeAsString();
}

std::string EncodeReadResponse(
    const std::vector<std::vector<std::string>>& results) {
  // results:1 { timeseries:1 … }, both with lengths.
  constexpr char kTag = 1 << 3 | 2;
  std::string message;
  for (const std::vector<std::string>& result : results) {
    std::string one;
    for (const std::string& series : result) {
      one.push_back(kTag);
      base::PutVarint(one, series.size());
      one += series;
    }
    message.push_back(kTag);
    base::PutVarint(message, one.size());
    message += one;
  }
  std::string body;
  compress::SnappyCompress(message, body);
  return body;
}

void AppendChunkFrames(std::string& out, int64_t query,
                       const model::LabelSet& labels,
                       const model::SampleColumns& samples,
                       const model::HistogramColumns& histograms) {
  FrameWriter frames(out, query, labels);
  // Both kinds by time: a reader expects chunks in that order.
  size_t at = 0;
  for (size_t h = 0; h <= histograms.size(); ++h) {
    const int64_t before_ms =
        h < histograms.size() ? histograms.timestamps_ms[h] : INT64_MAX;
    while (at < samples.size() && samples.timestamps_ms[at] < before_ms) {
      size_t end = at;
      while (end < samples.size() && end - at < kChunkSamplesMax &&
             samples.timestamps_ms[end] < before_ms) {
        ++end;
      }
      v1::Chunk& chunk = frames.Add(samples.timestamps_ms[at],
                                    samples.timestamps_ms[end - 1], kXor);
      AppendXorChunk(
          *chunk.mutable_data(),
          std::span(samples.timestamps_ms).subspan(at, end - at),
          std::span(samples.values).subspan(at, end - at));
      frames.Added(chunk);
      at = end;
    }
    if (h == histograms.size()) break;
    const model::Histogram& histogram = histograms.histograms[h];
    v1::Chunk& chunk = frames.Add(
        before_ms, before_ms,
        histogram.layout.float_counts ? kFloatHistogram : kHistogram);
    AppendHistogramChunk(*chunk.mutable_data(), before_ms, histogram);
    frames.Added(chunk);
  }
  frames.Finish();
}

}  // namespace varve::protocol
