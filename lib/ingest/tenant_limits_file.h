// The file of -insert.tenantLimits: what each tenant may send.
//
//   defaults:                            # of every tenant
//     ingestion_rate: 100000             # samples a second; 0: no limit
//     ingestion_burst_size: 1000000      # at once; ten seconds' worth
//     max_active_series: 2000000         # written in the last hour; 0: none
//     max_label_names_per_series: 40     # these three are those of the flags
//     max_label_name_length: 256         # -maxLabelsPerTimeseries,
//     max_label_value_length: 4096       # -maxLabelNameLen, -maxLabelValueLen
//     max_request_bytes: 33554432        # at most -maxInsertRequestSize
//   overrides:
//     42:7: {ingestion_rate: 500}        # over the defaults, key by key
//     team-a: {max_active_series: 1000}  # a tenant of X-Scope-OrgID
//
// Keys are Mimir's where they mean the same. A key that is unknown or stands
// twice is an error: a limit that was mistyped must not be none.
//
// Errors:  InvalidArgument: line and column, then what is wrong.
// Threads: free function without state.
#ifndef VARVE_LIB_INGEST_TENANT_LIMITS_FILE_H_
#define VARVE_LIB_INGEST_TENANT_LIMITS_FILE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "lib/ingest/series_check.h"
#include "lib/model/tenant.h"

namespace varve::ingest {

inline constexpr const char* kTenantLimitsFlag = "-insert.tenantLimits";
inline constexpr const char* kRequestBytesKey = "max_request_bytes";

struct TenantLimit {
  double ingestion_rate = 0;        // samples a second; 0: no limit
  double ingestion_burst_size = 0;  // samples; 0: ten seconds' worth
  int64_t request_bytes_max = 0;    // 0: no limit of the tenant's
  SeriesLimits series;

  friend bool operator==(const TenantLimit&, const TenantLimit&) = default;
};

struct TenantLimitsFile {
  TenantLimit defaults;
  std::map<model::TenantId, TenantLimit> overrides;
  std::map<model::TenantId, std::string> names;  // as the file has them
};

// `flags` holds where the file says nothing.
absl::StatusOr<TenantLimitsFile> ParseTenantLimits(std::string_view yaml,
                                                   const TenantLimit& flags);

}  // namespace varve::ingest

#endif  // VARVE_LIB_INGEST_TENANT_LIMITS_FILE_H_
