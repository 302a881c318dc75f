#include "cmd/inspect/log_dump.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "lib/base/status.h"
#include "lib/encoding/data_record.h"
#include "lib/model/label.h"
#include "lib/model/tenant.h"
#include "storage/engine/log_record.h"
#include "storage/engine/tombstone.h"
#include "storage/fs/file_system.h"
#include "storage/wal/record.h"

namespace varve::inspect {
namespace {

using storage::RecordType;

// Twice what the log writes to one segment at most.
constexpr uint64_t kSegmentBytesMax = uint64_t{1} << 30;

// Histograms, exemplars, metadata, start timestamps. What they say is not
// printed.
absl::Status DescribeKind(const encoding::DataRecordReader& reader,
                          int64_t& rows, std::string& text) {
  std::vector<encoding::HistogramRow> histograms;
  std::vector<encoding::ExemplarRow> exemplars;
  std::vector<model::MetricMetadata> metadata;
  std::vector<encoding::StartRow> starts;
  absl::Status status;
  switch (reader.kind()) {
    case encoding::SectionKind::kHistograms:
      status = encoding::DecodeHistogramSection(reader.body(), histograms);
      break;
    case encoding::SectionKind::kExemplars:
      status = encoding::DecodeExemplarSection(reader.body(), exemplars);
      break;
    case encoding::SectionKind::kMetadata:
      status = encoding::DecodeMetadataSection(reader.body(), metadata);
      break;
    case encoding::SectionKind::kStarts:
      status = encoding::DecodeStartSection(reader.body(), starts);
      break;
    default:
      base::StrAppend(&text, " section kind ",
                      static_cast<int>(reader.kind()));
      return absl::OkStatus();
  }
  rows += static_cast<int64_t>(histograms.size());
  base::StrAppend(
      &text, " tenant=",
      model::TenantText(
          model::TenantId{reader.tenant_kind(), reader.tenant_id()}),
      " histograms=", histograms.size(), " exemplars=", exemplars.size(),
      " metadata=", metadata.size());
  if (!starts.empty()) base::StrAppend(&text, " starts=", starts.size());
  return status;
}

std::string DescribeData(std::string_view payload, int64_t& rows) {
  encoding::DataRecordReader reader(payload);
  std::string text =
      absl::StrFormat("ring=%016x accept_ms=%d", reader.ring(),
                      reader.accept_ms());
  encoding::FloatSection section;
  while (true) {
    const absl::StatusOr<bool> more = reader.Next();
    absl::Status status = more.status();
    if (status.ok() && !*more) return text;
    if (status.ok() && reader.kind() != encoding::SectionKind::kFloats) {
      status = DescribeKind(reader, rows, text);
      if (status.ok()) continue;
    }
    if (status.ok()) status = reader.DecodeFloats(section);
    if (!status.ok()) {
      return base::StrCat(text, " DAMAGED: ", base::Message(status));
    }
    rows += static_cast<int64_t>(section.values.size());
    base::StrAppend(
        &text, " tenant=",
        model::TenantText(
            model::TenantId{section.tenant_kind, section.tenant_id}),
        " series=", section.refs.size(), " rows=", section.values.size());
    if (section.timestamps_ms.empty()) continue;
    const auto [first, last] = std::minmax_element(
        section.timestamps_ms.begin(), section.timestamps_ms.end());
    base::StrAppend(&text, " from=", *first, " to=", *last);
  }
}

std::string DescribeDefinitions(std::string_view payload) {
  const auto definitions = storage::ParseDefinitions(payload);
  if (!definitions.ok()) {
    return base::StrCat("DAMAGED: ", base::Message(definitions.status()));
  }
  std::string text = base::StrCat(definitions->size(), " series");
  for (const storage::LoggedDefinition& one : *definitions) {
    const auto labels = model::ParseCanonicalBytes(one.labels);
    base::StrAppend(&text, "\n    ", one.id, " ",
                    model::TenantText(one.tenant), " ",
                    labels.ok() ? labels->Text() : "DAMAGED labels");
  }
  return text;
}

std::string DescribeDelete(std::string_view payload) {
  const auto deleted = storage::ParseDelete(payload);
  if (!deleted.ok()) {
    return base::StrCat("DAMAGED: ", base::Message(deleted.status()));
  }
  std::string text = base::StrCat(
      "accept_ms=", deleted->accept_ms,
      " tenant=", model::TenantText(deleted->tenant),
      " from=", deleted->range.start_ms, " to=", deleted->range.end_ms,
      " series=", deleted->ids.cardinality());
  for (const model::Matchers& group : deleted->groups) {
    base::StrAppend(&text, " {",
                    absl::StrJoin(group, ",",
                                  [](std::string* out, const auto& matcher) {
                                    *out += matcher.Text();
                                  }),
                    "}");
  }
  return text;
}

std::string Describe(RecordType type, std::string_view payload,
                     int64_t& rows) {
  switch (type) {
    case RecordType::kData:
      return base::StrCat("DATA ", DescribeData(payload, rows));
    case RecordType::kDefine:
      return base::StrCat("DEFINE ", DescribeDefinitions(payload));
    case RecordType::kState: {
      const auto state = storage::ParseState(payload);
      if (!state.ok()) return "STATE DAMAGED";
      return base::StrCat("STATE ", state->key, " ", state->value.size(),
                          " bytes");
    }
    case RecordType::kDelete:
      return base::StrCat("DELETE ", DescribeDelete(payload));
    default:
      return base::StrCat("type ", static_cast<int>(type), " ",
                          payload.size(), " bytes");
  }
}

void DumpSegment(std::string_view bytes, bool print, LogSummary& summary) {
  const auto header = storage::ParseSegmentHeader(bytes);
  if (!header.ok()) {
    ++summary.damaged;
    std::printf("  DAMAGED header: %s\n",
                std::string(base::Message(header.status())).c_str());
    return;
  }
  const std::string_view records =
      bytes.substr(storage::kSegmentHeaderBytes);
  std::string scratch;
  for (size_t at = 0; at < records.size();) {
    const uint64_t position = header->position + at;
    const auto record = storage::ParseRecord(records.substr(at), position);
    if (!record.ok()) {
      ++summary.damaged;
      const auto next = storage::FindRecord(records, at + 1, header->position);
      std::printf("  %llu DAMAGED or cut (%zu bytes): %s\n",
                  static_cast<unsigned long long>(position),
                  next.value_or(records.size()) - at,
                  std::string(base::Message(record.status())).c_str());
      if (!next) return;
      at = *next;
      continue;
    }
    ++summary.records;
    const auto payload = storage::UnpackPayload(record->payload, scratch);
    const std::string text =
        payload.ok() ? Describe(record->type, *payload, summary.rows)
                     : std::string("DAMAGED payload");
    if (!payload.ok()) ++summary.damaged;
    if (print) {
      std::printf("  %llu +%zu %s\n",
                  static_cast<unsigned long long>(position), record->bytes,
                  text.c_str());
    }
    at += record->bytes;
  }
}

}  // namespace

absl::Status DumpLogSegment(const std::string& path, bool print,
                            LogSummary& summary) {
  ASSIGN_OR_RETURN(
      const std::string bytes,
      storage::RealFileSystem().ReadWhole(path, kSegmentBytesMax));
  ++summary.segments;
  DumpSegment(bytes, print, summary);
  return absl::OkStatus();
}

absl::StatusOr<LogSummary> DumpLog(const std::string& wal_dir, bool print) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   storage::RealFileSystem().List(wal_dir));
  LogSummary summary;
  for (const std::string& name : names) {
    if (!storage::ParseSegmentFileName(name)) continue;
    if (print) std::printf("%s\n", name.c_str());
    RETURN_IF_ERROR(
        DumpLogSegment(storage::JoinPath(wal_dir, name), print, summary));
  }
  return summary;
}

}  // namespace varve::inspect
