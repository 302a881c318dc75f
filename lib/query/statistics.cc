#include "lib/query/statistics.h"

namespace varve::query {

SelectApi::Statistics::Statistics(telemetry::Metrics& metrics)
    : slow_queries(metrics.AddCounter("vm_slow_queries_total")),
      rows_read_per_query(metrics.AddHistogram("vm_rows_read_per_query")),
      rows_scanned_per_query(metrics.AddHistogram("vm_rows_scanned_per_query")),
      series_read_per_query(metrics.AddHistogram("vm_series_read_per_query")),
      cache_requests(
          metrics.AddCounter("vm_rollup_result_cache_requests_total")),
      cache_full_hits(
          metrics.AddCounter("vm_rollup_result_cache_full_hits_total")),
      cache_partial_hits(
          metrics.AddCounter("vm_rollup_result_cache_partial_hits_total")),
      cache_misses(metrics.AddCounter("vm_rollup_result_cache_miss_total")),
      native_nans_left_out(metrics.AddCounter(
          "varve_native_export_left_out_total", {{"reason", "nan"}})),
      native_histograms_left_out(metrics.AddCounter(
          "varve_native_export_left_out_total", {{"reason", "histogram"}})) {
  for (const char* action :
       {"search", "searchMetricNames", "labelNames", "labelValues",
        "seriesCount", "tsdbStatus", "tenants", "metricNamesStats"}) {
    partial[action] = &metrics.AddCounter(
        "vm_partial_results_total", {{"action", action}, {"name", "vmselect"}});
  }
  // Dashboards divide by the requests of caches that there are not as well.
  for (const char* type :
       {"promql/parse", "promql/regexp", "multitenancy/tenants"}) {
    metrics.AddGauge("vm_cache_entries", {{"type", type}});
    metrics.AddGauge("vm_cache_size_bytes", {{"type", type}});
    metrics.AddGauge("vm_cache_size_max_bytes", {{"type", type}});
    metrics.AddCounter("vm_cache_requests_total", {{"type", type}});
    metrics.AddCounter("vm_cache_misses_total", {{"type", type}});
  }
  metrics.AddCounter("vm_deduplicated_samples_total", {{"type", "select"}});
}

}  // namespace varve::query
