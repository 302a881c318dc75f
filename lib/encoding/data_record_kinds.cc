#include "lib/encoding/data_record_kinds.h"

#include <bit>

#include "lib/base/byte_coding.h"
#include "lib/base/status.h"
#include "lib/encoding/data_record.h"

namespace varve::encoding {
namespace {

absl::Status Broken(std::string_view what) {
  return base::DataLoss("data record: ", what);
}

void AppendDifference(std::string& out, uint64_t value, uint64_t before) {
  base::PutVarint(out,
                  base::ZigzagEncode(static_cast<int64_t>(value - before)));
}

// How many rows the body claims, and may have: each takes `bytes_min`.
absl::StatusOr<uint64_t> RowCount(base::ByteReader& reader,
                                  size_t bytes_min) {
  const uint64_t rows = reader.Varint();
  if (!reader.ok() || rows > kRowsMax ||
      rows > reader.rest().size() / bytes_min) {
    return Broken("impossible number of rows");
  }
  return rows;
}

}  // namespace

KindSections::Section& KindSections::Open(uint8_t kind,
                                          const model::TenantId& tenant) {
  for (auto it = sections_.rbegin(); it != sections_.rend(); ++it) {
    if (it->kind == kind && it->tenant == tenant) return *it;
  }
  Section& section = sections_.emplace_back();
  section.kind = kind;
  section.tenant = tenant;
  return section;
}

void KindSections::AddHead(Section& section, uint64_t ref,
                           int64_t timestamp_ms) {
  ++section.rows;
  AppendDifference(section.body, ref, section.last_ref);
  AppendDifference(section.body, static_cast<uint64_t>(timestamp_ms),
                   static_cast<uint64_t>(section.last_ms));
  section.last_ref = ref;
  section.last_ms = timestamp_ms;
}

void KindSections::AddHistogram(const model::TenantId& tenant, uint64_t ref,
                                int64_t timestamp_ms, std::string_view bytes) {
  Section& section =
      Open(static_cast<uint8_t>(SectionKind::kHistograms), tenant);
  const size_t before = section.body.size();
  AddHead(section, ref, timestamp_ms);
  base::PutLengthPrefixed(section.body, bytes);
  bytes_ += section.body.size() - before;
  ++rows_;
}

void KindSections::AddExemplar(const model::TenantId& tenant, uint64_t ref,
                               int64_t timestamp_ms, double value,
                               std::string_view labels) {
  Section& section =
      Open(static_cast<uint8_t>(SectionKind::kExemplars), tenant);
  const size_t before = section.body.size();
  AddHead(section, ref, timestamp_ms);
  base::PutFixedLe(section.body, value);
  base::PutLengthPrefixed(section.body, labels);
  bytes_ += section.body.size() - before;
  ++rows_;
}

void KindSections::AddMetadata(const model::TenantId& tenant,
                               const model::MetricMetadata& metadata) {
  Section& section =
      Open(static_cast<uint8_t>(SectionKind::kMetadata), tenant);
  const size_t before = section.body.size();
  ++section.rows;
  section.body.push_back(static_cast<char>(metadata.type));
  base::PutLengthPrefixed(section.body, metadata.metric);
  base::PutLengthPrefixed(section.body, metadata.help);
  base::PutLengthPrefixed(section.body, metadata.unit);
  bytes_ += section.body.size() - before;
  ++rows_;
}

void KindSections::AddStart(const model::TenantId& tenant, uint64_t ref,
                            const model::StartRun& run) {
  Section& section = Open(static_cast<uint8_t>(SectionKind::kStarts), tenant);
  const size_t before = section.body.size();
  AddHead(section, ref, run.first_ms);
  base::PutVarint(section.body,
                  static_cast<uint64_t>(run.last_ms - run.first_ms));
  AppendDifference(section.body, static_cast<uint64_t>(run.start_ms),
                   static_cast<uint64_t>(section.last_start_ms));
  section.last_start_ms = run.start_ms;
  bytes_ += section.body.size() - before;
  ++rows_;
}

void KindSections::AppendTo(std::string& out) {
  std::string rows;
  for (const Section& section : sections_) {
    rows.clear();
    base::PutVarint(rows, section.rows);
    out.push_back(static_cast<char>(section.kind));
    out.push_back(static_cast<char>(section.tenant.kind));
    base::PutFixedLe(out, section.tenant.id);
    base::PutFixedLe(
        out, static_cast<uint32_t>(rows.size() + section.body.size()));
    out += rows;
    out += section.body;
  }
  Clear();
}

void KindSections::Clear() {
  sections_.clear();
  rows_ = 0;
  bytes_ = 0;
}

absl::Status DecodeHistogramSection(std::string_view body,
                                    std::vector<HistogramBytesRow>& rows) {
  base::ByteReader reader(body);
  // The least of a histogram: a layout of 13 bytes, reset, sum and counts.
  ASSIGN_OR_RETURN(const uint64_t n, RowCount(reader, 20));
  uint64_t ref = 0;
  uint64_t at_ms = 0;
  rows.reserve(rows.size() + n);
  for (uint64_t i = 0; i < n; ++i) {
    ref += static_cast<uint64_t>(reader.Zigzag());
    at_ms += static_cast<uint64_t>(reader.Zigzag());
    const std::string_view bytes = reader.LengthPrefixed();
    if (!reader.ok()) return Broken("a histogram is cut");
    rows.push_back({ref, static_cast<int64_t>(at_ms), bytes});
  }
  return reader.AtEnd() ? absl::OkStatus()
                        : Broken("surplus bytes behind histograms");
}

absl::Status DecodeHistogramSection(std::string_view body,
                                    std::vector<HistogramRow>& rows) {
  std::vector<HistogramBytesRow> unread;
  RETURN_IF_ERROR(DecodeHistogramSection(body, unread));
  rows.reserve(rows.size() + unread.size());
  for (const HistogramBytesRow& row : unread) {
    ASSIGN_OR_RETURN(model::Histogram histogram,
                     model::ParseHistogramBytes(row.bytes));
    rows.push_back({row.ref, row.timestamp_ms, std::move(histogram)});
  }
  return absl::OkStatus();
}

absl::Status DecodeExemplarSection(std::string_view body,
                                   std::vector<ExemplarRow>& rows) {
  base::ByteReader reader(body);
  ASSIGN_OR_RETURN(const uint64_t n, RowCount(reader, 11));
  uint64_t ref = 0;
  uint64_t at_ms = 0;
  rows.reserve(rows.size() + n);
  for (uint64_t i = 0; i < n; ++i) {
    ref += static_cast<uint64_t>(reader.Zigzag());
    at_ms += static_cast<uint64_t>(reader.Zigzag());
    const auto value = reader.FixedLe<double>();
    const std::string_view labels = reader.LengthPrefixed();
    if (!reader.ok()) return Broken("an exemplar is cut");
    rows.push_back(
        {ref, {static_cast<int64_t>(at_ms), value, std::string(labels)}});
  }
  return reader.AtEnd() ? absl::OkStatus()
                        : Broken("surplus bytes behind exemplars");
}

absl::Status DecodeMetadataSection(std::string_view body,
                                   std::vector<model::MetricMetadata>& rows) {
  base::ByteReader reader(body);
  ASSIGN_OR_RETURN(const uint64_t n, RowCount(reader, 4));
  rows.reserve(rows.size() + n);
  for (uint64_t i = 0; i < n; ++i) {
    model::MetricMetadata one;
    one.type = static_cast<model::MetricType>(reader.FixedLe<uint8_t>());
    one.metric = reader.LengthPrefixed();
    one.help = reader.LengthPrefixed();
    one.unit = reader.LengthPrefixed();
    if (!reader.ok()) return Broken("metadata is cut");
    rows.push_back(std::move(one));
  }
  return reader.AtEnd() ? absl::OkStatus()
                        : Broken("surplus bytes behind metadata");
}

absl::Status DecodeStartSection(std::string_view body,
                                std::vector<StartRow>& rows) {
  base::ByteReader reader(body);
  ASSIGN_OR_RETURN(const uint64_t n, RowCount(reader, 4));
  StartRow row;
  uint64_t first_ms = 0;
  uint64_t start_ms = 0;
  rows.reserve(rows.size() + n);
  for (uint64_t i = 0; i < n; ++i) {
    row.ref += static_cast<uint64_t>(reader.Zigzag());
    first_ms += static_cast<uint64_t>(reader.Zigzag());
    const uint64_t length = reader.Varint();
    start_ms += static_cast<uint64_t>(reader.Zigzag());
    row.run = {static_cast<int64_t>(first_ms),
               static_cast<int64_t>(first_ms + length),
               static_cast<int64_t>(start_ms)};
    if (!reader.ok()) return Broken("a start timestamp is cut");
    if (start_ms == 0 || length > static_cast<uint64_t>(INT64_MAX) ||
        row.run.last_ms < row.run.first_ms) {
      return Broken("an impossible run of start timestamps");
    }
    rows.push_back(row);
  }
  return reader.AtEnd() ? absl::OkStatus()
                        : Broken("surplus bytes behind start timestamps");
}

}  // namespace varve::encoding
