#include "storage/block/kind_segments.h"

#include <algorithm>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/encoding/histogram_chunk.h"
#include "lib/encoding/sample_chunk.h"

namespace varve::storage {
namespace {

void AppendSegment(SegmentKind kind, uint64_t generation,
                   std::span<const int64_t> timestamps_ms,
                   std::string_view chunk, std::string& out) {
  std::string column;
  encoding::EncodeTimestamps(timestamps_ms, column);
  std::string body(1, static_cast<char>(kind));
  base::PutVarint(body, generation);
  base::PutVarint(body, timestamps_ms.size());
  base::PutVarint(body, 0);  // ts_ref: inline
  base::PutLengthPrefixed(body, column);
  body.append(chunk);
  const size_t begin = out.size();
  base::PutLengthPrefixed(out, body);
  base::PutFixedLe(out, static_cast<uint32_t>(base::Checksum(
                            std::string_view(out).substr(begin))));
}

// Takes the timestamps off a segment's chunk. These kinds are not parsed by
// NextSegment beyond ts_ref.
absl::Status ReadTimes(const SegmentHeader& header, base::ByteReader& reader,
                       std::vector<int64_t>& timestamps_ms) {
  if (header.samples == 0 || header.samples > encoding::kChunkSamplesMax ||
      header.ts_ref != 0) {
    return base::DataLoss("segment of kind ", static_cast<int>(header.kind),
                          ": impossible head, ", header.samples, " rows");
  }
  // NextSegment may have taken them off already.
  const std::string_view column = header.timestamps.empty()
                                      ? reader.LengthPrefixed()
                                      : header.timestamps;
  if (!reader.ok()) return base::DataLoss("segment cut in its timestamps");
  timestamps_ms.resize(header.samples);
  return encoding::DecodeTimestamps(column, timestamps_ms);
}

absl::Status DecodeHistogramSegment(const SegmentHeader& header,
                                    const model::TimeRange& range,
                                    model::HistogramColumns& out) {
  base::ByteReader reader(header.chunk);
  std::vector<int64_t> times;
  RETURN_IF_ERROR(ReadTimes(header, reader, times));
  if (times.back() < range.start_ms || times.front() > range.end_ms) {
    return absl::OkStatus();
  }
  std::vector<model::Histogram> histograms(times.size());
  RETURN_IF_ERROR(encoding::DecodeHistograms(reader.rest(), histograms));
  for (size_t i = 0; i < times.size(); ++i) {
    if (range.Contains(times[i])) {
      out.push_back(times[i], std::move(histograms[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status DecodeExemplarSegment(const SegmentHeader& header,
                                   const model::TimeRange& range,
                                   std::vector<model::Exemplar>& out) {
  base::ByteReader reader(header.chunk);
  std::vector<int64_t> times;
  RETURN_IF_ERROR(ReadTimes(header, reader, times));
  std::vector<model::Exemplar> all;
  for (const int64_t at_ms : times) {
    const auto value = reader.FixedLe<double>();
    const std::string_view labels = reader.LengthPrefixed();
    if (range.Contains(at_ms)) {
      all.push_back({at_ms, value, std::string(labels)});
    }
  }
  if (!reader.AtEnd()) return base::DataLoss("segment of broken exemplars");
  std::move(all.begin(), all.end(), std::back_inserter(out));
  return absl::OkStatus();
}

absl::Status DecodeStartSegment(const SegmentHeader& header,
                                const model::TimeRange& range,
                                model::StartRuns& out) {
  base::ByteReader reader(header.chunk);
  std::vector<int64_t> times;
  RETURN_IF_ERROR(ReadTimes(header, reader, times));
  model::StartRuns all;
  auto start_ms = static_cast<uint64_t>(times.front());
  for (const int64_t first_ms : times) {
    const uint64_t length = reader.Varint();
    start_ms += static_cast<uint64_t>(reader.Zigzag());
    if (length > static_cast<uint64_t>(model::kTimestampMaxMs) ||
        first_ms < 0 || first_ms > model::kTimestampMaxMs) {
      return base::DataLoss("segment of impossible start timestamps");
    }
    all.push_back({first_ms, first_ms + static_cast<int64_t>(length),
                   static_cast<int64_t>(start_ms)});
  }
  if (!reader.AtEnd()) {
    return base::DataLoss("segment of broken start timestamps");
  }
  model::KeepRange(range, 0, all);
  out.insert(out.end(), all.begin(), all.end());
  return absl::OkStatus();
}

// Calls decode(header) for each segment of `kind`.
template <typename Out, typename Decode>
void ReadKind(std::string_view value, SegmentKind kind, Out& out,
              SegmentReadStats& stats, const SegmentVisitor& visitor,
              Decode&& decode) {
  SegmentHeader header;
  while (!value.empty()) {
    // Damage of a segment's frame is counted by the reader of floats.
    if (!NextSegment(value, header).ok() || header.kind != kind) continue;
    const size_t from = out.size();
    absl::Status status = decode(header);
    if (!status.ok()) {
      ++stats.corrupt;
      if (stats.first_error.ok()) stats.first_error = std::move(status);
    } else if (visitor && out.size() > from) {
      visitor(header.generation, from);
    }
  }
}

}  // namespace

void AppendHistogramSegments(uint64_t generation,
                             std::span<const int64_t> timestamps_ms,
                             std::span<const model::Histogram> histograms,
                             std::string& out) {
  std::string chunk;
  for (size_t i = 0; i < histograms.size();) {
    const size_t n = encoding::HistogramRunLength(histograms.subspan(i),
                                                  kSegmentSamplesMax);
    chunk.clear();
    encoding::EncodeHistograms(histograms.subspan(i, n), chunk);
    AppendSegment(SegmentKind::kHistogram, generation,
                  timestamps_ms.subspan(i, n), chunk, out);
    i += n;
  }
}

void AppendExemplarSegments(uint64_t generation,
                            std::span<const model::Exemplar> exemplars,
                            std::string& out) {
  std::vector<int64_t> times;
  std::string chunk;
  for (size_t i = 0; i < exemplars.size(); i += kSegmentSamplesMax) {
    times.clear();
    chunk.clear();
    for (const model::Exemplar& one : exemplars.subspan(
             i, std::min(kSegmentSamplesMax, exemplars.size() - i))) {
      times.push_back(one.timestamp_ms);
      base::PutFixedLe(chunk, one.value);
      base::PutLengthPrefixed(chunk, one.labels);
    }
    AppendSegment(SegmentKind::kExemplars, generation, times, chunk, out);
  }
}

void AppendStartSegments(uint64_t generation,
                         std::span<const model::StartRun> runs,
                         std::string& out) {
  std::vector<int64_t> times;
  std::string chunk;
  for (size_t i = 0; i < runs.size(); i += kSegmentSamplesMax) {
    times.clear();
    chunk.clear();
    auto before_ms = static_cast<uint64_t>(runs[i].first_ms);
    for (const model::StartRun& run :
         runs.subspan(i, std::min(kSegmentSamplesMax, runs.size() - i))) {
      times.push_back(run.first_ms);
      const auto start_ms = static_cast<uint64_t>(run.start_ms);
      base::PutVarint(chunk,
                      static_cast<uint64_t>(run.last_ms - run.first_ms));
      base::PutVarint(chunk, base::ZigzagEncode(
                                 static_cast<int64_t>(start_ms - before_ms)));
      before_ms = start_ms;
    }
    AppendSegment(SegmentKind::kStartTimestamps, generation, times, chunk, out);
  }
}

void ReadHistogramSegments(std::string_view value,
                           const model::TimeRange& range,
                           model::HistogramColumns& out,
                           SegmentReadStats& stats,
                           const SegmentVisitor& visitor) {
  ReadKind(value, SegmentKind::kHistogram, out, stats, visitor,
           [&](const SegmentHeader& header) {
             return DecodeHistogramSegment(header, range, out);
           });
}

void ReadExemplarSegments(std::string_view value,
                          const model::TimeRange& range,
                          std::vector<model::Exemplar>& out,
                          SegmentReadStats& stats,
                          const SegmentVisitor& visitor) {
  ReadKind(value, SegmentKind::kExemplars, out, stats, visitor,
           [&](const SegmentHeader& header) {
             return DecodeExemplarSegment(header, range, out);
           });
}

void ReadStartSegments(std::string_view value, const model::TimeRange& range,
                       model::StartRuns& out, SegmentReadStats& stats,
                       const SegmentVisitor& visitor) {
  ReadKind(value, SegmentKind::kStartTimestamps, out, stats, visitor,
           [&](const SegmentHeader& header) {
             return DecodeStartSegment(header, range, out);
           });
}

}  // namespace varve::storage
