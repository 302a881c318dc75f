#include "storage/block/segment.h"

#include <algorithm>
#include <cassert>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/encoding/sample_chunk.h"

namespace varve::storage {
namespace {

constexpr size_t kChecksumBytes = 4;
static_assert(kSegmentSamplesMax <= encoding::kChunkSamplesMax);

uint32_t ShortChecksum(std::string_view bytes) {
  return static_cast<uint32_t>(base::Checksum(bytes));
}

void AppendFloatSegment(uint64_t generation,
                        std::span<const int64_t> timestamps_ms,
                        std::span<const double> values, std::string& column,
                        std::string& body, std::string& out) {
  column.clear();
  encoding::EncodeTimestamps(timestamps_ms, column);
  body.clear();
  body.push_back(static_cast<char>(SegmentKind::kFloat));
  base::PutVarint(body, generation);
  base::PutVarint(body, values.size());
  base::PutVarint(body, 0);  // ts_ref: inline
  base::PutLengthPrefixed(body, column);
  encoding::EncodeValues(values, body);

  const size_t begin = out.size();
  base::PutLengthPrefixed(out, body);
  base::PutFixedLe(out, ShortChecksum(std::string_view(out).substr(begin)));
}

absl::Status ParseBody(std::string_view body, SegmentHeader& header) {
  base::ByteReader reader(body);
  header.kind = static_cast<SegmentKind>(reader.FixedLe<uint8_t>());
  header.generation = reader.Varint();
  const uint64_t samples = reader.Varint();
  header.ts_ref = reader.Varint();
  if (!reader.ok()) return base::DataLoss("segment: cut in its head");
  header.samples = static_cast<uint32_t>(samples);
  header.timestamps = {};
  header.chunk = reader.rest();
  if (header.kind != SegmentKind::kFloat || header.ts_ref != 0) {
    return absl::OkStatus();
  }
  header.timestamps = reader.LengthPrefixed();
  header.chunk = reader.rest();
  if (!reader.ok() || samples == 0 || samples > encoding::kChunkSamplesMax) {
    return base::DataLoss("segment: impossible head, ", samples, " samples");
  }
  return encoding::DecodeTimestampBounds(
      header.timestamps, header.bounds.start_ms, header.bounds.end_ms);
}

void KeepRange(const model::TimeRange& range, size_t begin,
               model::SampleColumns& out) {
  const auto from = out.timestamps_ms.begin() + static_cast<int64_t>(begin);
  const auto low =
      std::lower_bound(from, out.timestamps_ms.end(), range.start_ms);
  const auto high =
      std::upper_bound(low, out.timestamps_ms.end(), range.end_ms);
  const auto keep_from = low - out.timestamps_ms.begin();
  const auto keep_to = high - out.timestamps_ms.begin();
  out.timestamps_ms.erase(high, out.timestamps_ms.end());
  out.values.erase(out.values.begin() + keep_to, out.values.end());
  out.timestamps_ms.erase(from, out.timestamps_ms.begin() + keep_from);
  out.values.erase(out.values.begin() + static_cast<int64_t>(begin),
                   out.values.begin() + keep_from);
}

}  // namespace

void AppendFloatSegments(uint64_t generation,
                         std::span<const int64_t> timestamps_ms,
                         std::span<const double> values, std::string& out) {
  assert(timestamps_ms.size() == values.size());
  std::string column;
  std::string body;
  for (size_t i = 0; i < values.size(); i += kSegmentSamplesMax) {
    const size_t n = std::min(kSegmentSamplesMax, values.size() - i);
    AppendFloatSegment(generation, timestamps_ms.subspan(i, n),
                       values.subspan(i, n), column, body, out);
  }
}

absl::Status NextSegment(std::string_view& value, SegmentHeader& header) {
  base::ByteReader reader(value);
  const std::string_view body = reader.LengthPrefixed();
  const auto checksum = reader.FixedLe<uint32_t>();
  if (!reader.ok()) {
    const size_t size = value.size();
    value = {};
    return base::DataLoss("segment: longer than the ", size, " bytes left");
  }
  const std::string_view checked =
      value.substr(0, value.size() - reader.rest().size() - kChecksumBytes);
  value = reader.rest();
  if (ShortChecksum(checked) != checksum) {
    return base::DataLoss("segment: bad checksum over ", checked.size(),
                          " bytes");
  }
  return ParseBody(body, header);
}

absl::Status DecodeFloatSegment(const SegmentHeader& header,
                                const model::TimeRange& range,
                                model::SampleColumns& out) {
  if (header.kind != SegmentKind::kFloat || header.ts_ref != 0) {
    return base::Unimplemented("segment of kind ",
                               static_cast<int>(header.kind));
  }
  const size_t begin = out.size();
  out.timestamps_ms.resize(begin + header.samples);
  out.values.resize(begin + header.samples);
  absl::Status status = encoding::DecodeTimestamps(
      header.timestamps, std::span(out.timestamps_ms).subspan(begin));
  if (status.ok()) {
    status = encoding::DecodeValues(header.chunk,
                                    std::span(out.values).subspan(begin));
  }
  if (!status.ok()) {
    out.timestamps_ms.resize(begin);
    out.values.resize(begin);
    return status;
  }
  if (header.bounds.start_ms < range.start_ms ||
      header.bounds.end_ms > range.end_ms) {
    KeepRange(range, begin, out);
  }
  return absl::OkStatus();
}

void ReadFloatSegments(std::string_view value, const model::TimeRange& range,
                       model::SampleColumns& out, SegmentReadStats& stats) {
  SegmentHeader header;
  while (!value.empty()) {
    ++stats.segments;
    absl::Status status = NextSegment(value, header);
    if (status.ok()) {
      if (header.kind != SegmentKind::kFloat || header.ts_ref != 0) {
        ++stats.unknown;
        continue;
      }
      if (!header.bounds.Overlaps(range)) {
        ++stats.skipped;
        continue;
      }
      status = DecodeFloatSegment(header, range, out);
    }
    if (!status.ok()) {
      ++stats.corrupt;
      if (stats.first_error.ok()) stats.first_error = std::move(status);
    }
  }
}

}  // namespace varve::storage
