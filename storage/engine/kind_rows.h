// A data record's rows that are no floats, decoded: native histograms,
// exemplars, metadata, start timestamps.
//
// Errors:  DataLoss for broken sections.
// Threads: values and free functions without state.
#ifndef VARVE_STORAGE_ENGINE_KIND_ROWS_H_
#define VARVE_STORAGE_ENGINE_KIND_ROWS_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "lib/encoding/data_record.h"
#include "lib/model/metadata.h"
#include "lib/model/tenant.h"
#include "lib/model/time_range.h"

namespace varve::storage {

struct KindSection {
  model::TenantId tenant;
  std::vector<encoding::HistogramRow> histograms;
  std::vector<encoding::ExemplarRow> exemplars;
  std::vector<model::MetricMetadata> metadata;
  std::vector<encoding::StartRow> starts;
};

struct KindRows {
  std::vector<KindSection> sections;

  bool empty() const { return sections.empty(); }
  void clear() { sections.clear(); }
  // What counts as rows of a record.
  int64_t histograms() const;
};

// Appends the section that `reader` stands at. False: its kind is not known.
absl::StatusOr<bool> DecodeKindSection(const encoding::DataRecordReader& reader,
                                       KindRows& rows);

// Calls `keep` for each row's ref, which it may change, and time, of a run its
// last one; drops the row where it says false. Cuts no run: DropOutside does.
using KeepRow =
    std::function<bool(const model::TenantId&, uint64_t& ref, int64_t at_ms)>;
void KeepRows(KindRows& rows, const KeepRow& keep);

// Refs of the section's rows in order, repeated ones once.
std::vector<uint64_t> RefsOf(const KindSection& section);

// Drops what lies outside and cuts runs to what lies inside; counts histograms
// by the side they are on.
void DropOutside(const model::TimeRange& range, KindRows& rows,
                 int64_t& too_old, int64_t& too_new);

}  // namespace varve::storage

#endif  // VARVE_STORAGE_ENGINE_KIND_ROWS_H_
