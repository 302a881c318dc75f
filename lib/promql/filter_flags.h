// Flags that are about some series: a selector in braces, then a colon and
// what holds for them.
//
//   {env="dev",vm_account_id="5"}:3d     -retentionFilter
//   {__name__=~"node_.*"}:30d:5m         -downsampling.period, one step
//   180d:1h                              the same for all series
//
// Errors:  InvalidArgument that names the flag and the item.
// Threads: free functions without state.
#ifndef VARVE_LIB_PROMQL_FILTER_FLAGS_H_
#define VARVE_LIB_PROMQL_FILTER_FLAGS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/model/downsampling.h"
#include "lib/model/series_filter.h"

namespace varve::promql {

// Each at least a day and at most `retention_ms`.
absl::StatusOr<std::vector<model::RetentionFilter>> ParseRetentionFilters(
    std::span<const std::string> items, int64_t retention_ms);

// Steps with the same filter make one rule, at the place of the first. 0s:0s
// is a rule without steps: the series are left as they are.
absl::StatusOr<model::DownsampleRules> ParseDownsampling(
    std::span<const std::string> items, int64_t dedup_interval_ms);

}  // namespace varve::promql

#endif  // VARVE_LIB_PROMQL_FILTER_FLAGS_H_
