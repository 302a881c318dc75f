#include "storage/block/segment.h"

#include <algorithm>
#include <cassert>

#include "lib/base/byte_coding.h"
#include "lib/base/hash.h"
#include "lib/base/status.h"
#include "lib/encoding/chunk_part.h"
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
                        std::span<const double> values,
                        const SegmentContext& context, std::string& column,
                        std::string& body, std::string& out) {
  const uint64_t ts_ref =
      context.shared == nullptr
          ? 0
          : context.shared->Find(timestamps_ms, *context.next_column);
  body.clear();
  body.push_back(static_cast<char>(SegmentKind::kFloat));
  base::PutVarint(body, generation);
  base::PutVarint(body, values.size());
  base::PutVarint(body, ts_ref);
  if (ts_ref == 0) {
    column.clear();
    encoding::EncodeTimestamps(timestamps_ms, column);
    base::PutLengthPrefixed(body, column);
  }
  encoding::ValueHints none;
  encoding::EncodeValues(values, context.hints ? *context.hints : none, body);

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
  if (header.kind != SegmentKind::kFloat) return absl::OkStatus();
  if (samples == 0 || samples > encoding::kChunkSamplesMax) {
    return base::DataLoss("segment: impossible ", samples, " samples");
  }
  if (header.ts_ref != 0) return absl::OkStatus();
  header.timestamps = reader.LengthPrefixed();
  header.chunk = reader.rest();
  if (!reader.ok()) return base::DataLoss("segment: cut in its timestamps");
  return encoding::DecodeTimestampBounds(
      header.timestamps, header.bounds.start_ms, header.bounds.end_ms);
}

// The timestamps of `shared` inside the range; `begin` is the index of the
// first of them.
void AppendInside(std::span<const int64_t> shared,
                  const model::TimeRange& range,
                  std::vector<int64_t>& timestamps_ms, size_t& begin) {
  const auto low =
      std::lower_bound(shared.begin(), shared.end(), range.start_ms);
  const auto high = std::upper_bound(low, shared.end(), range.end_ms);
  begin = static_cast<size_t>(low - shared.begin());
  timestamps_ms.insert(timestamps_ms.end(), low, high);
}

}  // namespace

void AppendFloatSegments(uint64_t generation,
                         std::span<const int64_t> timestamps_ms,
                         std::span<const double> values,
                         const SegmentContext& context, std::string& out) {
  assert(timestamps_ms.size() == values.size());
  std::string column;
  std::string body;
  const size_t n = values.size();
  const size_t pieces = (n + kSegmentSamplesMax - 1) / kSegmentSamplesMax;
  for (size_t i = 0; i < pieces; ++i) {
    const size_t begin = n * i / pieces;
    const size_t count = n * (i + 1) / pieces - begin;
    AppendFloatSegment(generation, timestamps_ms.subspan(begin, count),
                       values.subspan(begin, count), context, column, body,
                       out);
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
                                ColumnSource& columns,
                                model::SampleColumns& out) {
  if (header.kind != SegmentKind::kFloat) {
    return base::Unimplemented("segment of kind ",
                               static_cast<int>(header.kind));
  }
  std::span<const int64_t> shared;
  model::TimeRange bounds = header.bounds;
  if (header.ts_ref != 0) {
    ASSIGN_OR_RETURN(shared, columns.Find(header.ts_ref));
    if (shared.size() != header.samples) {
      return base::DataLoss("segment of ", header.samples,
                            " samples refers to the column ", header.ts_ref,
                            " of ", shared.size());
    }
    bounds = {.start_ms = shared.front(), .end_ms = shared.back()};
  }
  if (!bounds.Overlaps(range)) return absl::OkStatus();
  const size_t before = out.size();
  size_t begin = 0;  // of what is wanted, in the segment
  absl::Status status;
  if (header.ts_ref != 0) {
    AppendInside(shared, range, out.timestamps_ms, begin);
  } else {
    status = encoding::AppendTimestampsInside(header.timestamps,
                                              header.samples, range.start_ms,
                                              range.end_ms, out.timestamps_ms,
                                              begin);
  }
  if (status.ok() && out.size() > before) {
    out.values.resize(out.size());
    status = encoding::DecodeValuesPart(
        header.chunk, header.samples, begin,
        std::span(out.values).subspan(before));
  }
  if (!status.ok()) out.resize(before);
  return status;
}

absl::Status ReadFloatSegments(std::string_view value,
                               const model::TimeRange& range,
                               ColumnSource& columns,
                               model::SampleColumns& out,
                               SegmentReadStats& stats,
                               const SegmentVisitor& visitor) {
  SegmentHeader header;
  while (!value.empty()) {
    ++stats.segments;
    const size_t begin = out.size();
    absl::Status status = NextSegment(value, header);
    if (status.ok()) {
      if (header.kind == SegmentKind::kHistogram ||
          header.kind == SegmentKind::kExemplars) {
        ++stats.other_kinds;
        continue;
      }
      if (header.kind == SegmentKind::kStartTimestamps) continue;
      if (header.kind != SegmentKind::kFloat) {
        ++stats.unknown;
        continue;
      }
      if (header.ts_ref != 0 || header.bounds.Overlaps(range)) {
        status = DecodeFloatSegment(header, range, columns, out);
      }
    }
    if (status.ok()) {
      if (out.size() == begin) {
        ++stats.skipped;
      } else if (visitor) {
        visitor(header.generation, begin);
      }
    } else if (absl::IsDataLoss(status)) {
      ++stats.corrupt;
      if (stats.first_error.ok()) stats.first_error = std::move(status);
    } else {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace varve::storage
