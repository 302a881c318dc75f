// The rows of a data record (lib/encoding/data_record.h), by tenant and series:
// for a receiver that handles them anew instead of logging the record.
//
// Errors:  DataLoss for damage, and for a section of an unknown kind.
// Threads: free functions without state.
#ifndef VARVE_LIB_WIRE_RECORD_ROWS_H_
#define VARVE_LIB_WIRE_RECORD_ROWS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/exemplar.h"
#include "lib/model/metadata.h"
#include "lib/model/start_run.h"
#include "lib/model/tenant.h"

namespace varve::wire {

// Rows of one series: parts of the columns of TenantRows. A series that comes
// twice in a record has its floats in two of these, and all else in the first.
struct RecordSeries {
  uint64_t ref = 0;
  uint32_t first_row = 0;
  uint32_t rows = 0;
  uint32_t first_histogram = 0;
  uint32_t histograms = 0;
  uint32_t first_exemplar = 0;
  uint32_t exemplars = 0;
  uint32_t first_start = 0;
  uint32_t starts = 0;
};

struct TenantRows {
  model::TenantId tenant;
  std::vector<RecordSeries> series;
  std::vector<int64_t> timestamps_ms;
  std::vector<double> values;
  std::vector<int64_t> histogram_timestamps_ms;
  std::vector<std::string_view> histograms;  // canonical bytes, in the record
  std::vector<model::Exemplar> exemplars;
  model::StartRuns starts;
  std::vector<model::MetricMetadata> metadata;
};

struct RecordRows {
  int64_t accept_ms = 0;
  std::vector<TenantRows> tenants;  // each once
};

// REQUIRES: `record` outlives the histograms.
absl::StatusOr<RecordRows> DecodeRecordRows(std::string_view record);

}  // namespace varve::wire

#endif  // VARVE_LIB_WIRE_RECORD_ROWS_H_
