#include "storage/engine/kind_rows.h"

#include <algorithm>

#include "lib/base/status.h"

namespace varve::storage {

int64_t KindRows::histograms() const {
  int64_t n = 0;
  for (const KindSection& section : sections) {
    n += static_cast<int64_t>(section.histograms.size());
  }
  return n;
}

absl::StatusOr<bool> DecodeKindSection(const encoding::DataRecordReader& reader,
                                       KindRows& rows) {
  KindSection section;
  section.tenant = {reader.tenant_kind(), reader.tenant_id()};
  switch (reader.kind()) {
    case encoding::SectionKind::kHistograms:
      RETURN_IF_ERROR(encoding::DecodeHistogramSection(reader.body(),
                                                       section.histograms));
      break;
    case encoding::SectionKind::kExemplars:
      RETURN_IF_ERROR(
          encoding::DecodeExemplarSection(reader.body(), section.exemplars));
      break;
    case encoding::SectionKind::kMetadata:
      RETURN_IF_ERROR(
          encoding::DecodeMetadataSection(reader.body(), section.metadata));
      break;
    case encoding::SectionKind::kStarts:
      RETURN_IF_ERROR(
          encoding::DecodeStartSection(reader.body(), section.starts));
      break;
    default:
      return false;
  }
  rows.sections.push_back(std::move(section));
  return true;
}

void KeepRows(KindRows& rows, const KeepRow& keep) {
  for (KindSection& section : rows.sections) {
    std::erase_if(section.histograms, [&](encoding::HistogramRow& row) {
      return !keep(section.tenant, row.ref, row.timestamp_ms);
    });
    std::erase_if(section.exemplars, [&](encoding::ExemplarRow& row) {
      return !keep(section.tenant, row.ref, row.exemplar.timestamp_ms);
    });
    std::erase_if(section.starts, [&](encoding::StartRow& row) {
      return !keep(section.tenant, row.ref, row.run.last_ms);
    });
  }
}

std::vector<uint64_t> RefsOf(const KindSection& section) {
  std::vector<uint64_t> refs;
  for (const auto& row : section.histograms) refs.push_back(row.ref);
  for (const auto& row : section.exemplars) refs.push_back(row.ref);
  for (const auto& row : section.starts) refs.push_back(row.ref);
  std::sort(refs.begin(), refs.end());
  refs.erase(std::unique(refs.begin(), refs.end()), refs.end());
  return refs;
}

void DropOutside(const model::TimeRange& range, KindRows& rows,
                 int64_t& too_old, int64_t& too_new) {
  for (KindSection& section : rows.sections) {
    std::erase_if(section.histograms, [&](const encoding::HistogramRow& row) {
      if (range.Contains(row.timestamp_ms)) return false;
      ++(row.timestamp_ms < range.start_ms ? too_old : too_new);
      return true;
    });
    std::erase_if(section.exemplars, [&](const encoding::ExemplarRow& row) {
      return !range.Contains(row.exemplar.timestamp_ms);
    });
    std::erase_if(section.starts, [&](encoding::StartRow& row) {
      row.run.first_ms = std::max(row.run.first_ms, range.start_ms);
      row.run.last_ms = std::min(row.run.last_ms, range.end_ms);
      return row.run.last_ms < row.run.first_ms;
    });
  }
}

}  // namespace varve::storage
