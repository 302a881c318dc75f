// The metrics of SelectApi under the names dashboards know.
//
// Private to lib/query.
#ifndef VARVE_LIB_QUERY_STATISTICS_H_
#define VARVE_LIB_QUERY_STATISTICS_H_

#include <map>
#include <string>
#include <string_view>

#include "lib/query/select_api.h"

namespace varve::query {

struct SelectApi::Statistics {
  explicit Statistics(telemetry::Metrics& metrics);

  telemetry::Counter& slow_queries;
  telemetry::RangeHistogram& rows_read_per_query;
  telemetry::RangeHistogram& rows_scanned_per_query;
  telemetry::RangeHistogram& series_read_per_query;
  telemetry::Counter& cache_requests;
  telemetry::Counter& cache_full_hits;
  telemetry::Counter& cache_partial_hits;
  telemetry::Counter& cache_misses;
  // Samples that native exports have no form for.
  telemetry::Counter& native_nans_left_out;
  telemetry::Counter& native_histograms_left_out;
  std::map<std::string, telemetry::Counter*, std::less<>> partial;  // by action
};

}  // namespace varve::query

#endif  // VARVE_LIB_QUERY_STATISTICS_H_
